# SPDX-License-Identifier: MIT
"""Every pin of the header, as QEMU's GPIO block has it: function and level."""

from __future__ import annotations

import pytest
from socs import soc_of

from pimem.testing.board_session import PIS, Machine

#: Not for a real board: something may be connected to its header.
pytestmark = pytest.mark.emulator

#: All but those of the console.
PINS = [pin for pin in range(28) if pin not in (14, 15)]
#: FSELn by ALT0 to ALT5: BCM2835 ARM Peripherals, 6.1.
ALTS = [0b100, 0b101, 0b110, 0b111, 0b011, 0b010]
IN, OUT = 0, 1


def functions(board: Machine) -> list[int]:
    """The function of each pin, read by QEMU's monitor."""
    words = registers(board, 0, 3)
    return [words[pin // 10] >> 3 * (pin % 10) & 7 for pin in range(28)]


def levels(board: Machine) -> int:
    return registers(board, 0x34, 1)[0]


def registers(board: Machine, offset: int, count: int) -> list[int]:
    address = soc_of(board.board).gpio + offset
    text = board.emulated().qmp.human(f"xp /{count}xw {address:#x}")
    return [int(word, 16) for line in text.splitlines() for word in line.split(":")[1].split()]


@pytest.fixture
def pins(board: Machine) -> Machine:
    if board.name not in PIS:
        pytest.skip("QEMU_VIRT has no pins")
    board.exec(f"from machine import Pin\npins = [Pin(n) for n in {PINS}]")
    return board


def set_all(board: Machine, statement: str) -> None:
    board.exec(f"for n, p in enumerate(pins):\n    {statement}")


def test_each_pin_is_an_input_then_an_output(pins: Machine) -> None:
    set_all(pins, "p.init(Pin.OUT)")
    assert [functions(pins)[pin] for pin in PINS] == [OUT] * len(PINS)
    assert pins.eval("str(pins[17])") == "Pin(GPIO19, mode=OUT)"
    set_all(pins, "p.init(Pin.IN)")
    assert [functions(pins)[pin] for pin in PINS] == [IN] * len(PINS)


@pytest.mark.parametrize("alt", range(6))
def test_each_pin_has_each_alternate(pins: Machine, alt: int) -> None:
    set_all(pins, f"p.init(Pin.ALT, alt=Pin.ALT{alt})")
    assert [functions(pins)[pin] for pin in PINS] == [ALTS[alt]] * len(PINS)
    assert pins.eval("str(pins[0])") == f"Pin(GPIO0, mode=ALT, alt=ALT{alt})"
    set_all(pins, "p.init(Pin.IN)")
    assert functions(pins)[14:16] == [ALTS[0]] * 2, "of the console"


def test_the_level_of_each_pin_is_its_own(pins: Machine) -> None:
    set_all(pins, "p.init(Pin.OUT, value=0)")
    for number, pin in enumerate(PINS):
        pins.exec(f"pins[{number}].on()")
        high = [each for each in PINS if levels(pins) >> each & 1]
        assert high == [pin]
        assert pins.eval("[n for n, p in enumerate(pins) if p.value()]") == [number]
        pins.exec(f"pins[{number}].off()")
    set_all(pins, "p.init(Pin.IN)")


def test_open_drain_is_an_input_or_a_low_output(pins: Machine) -> None:
    set_all(pins, "p.init(Pin.OPEN_DRAIN, value=n % 2)")
    expected = [IN if n % 2 else OUT for n in range(len(PINS))]
    assert [functions(pins)[pin] for pin in PINS] == expected
    assert levels(pins) & sum(1 << pin for pin in PINS) == 0
    set_all(pins, "p.init(Pin.IN)")


def test_each_name_of_the_header_is_its_pin(pins: Machine) -> None:
    """By the drawing of the header: number of the contact, and GPIO."""
    header = {3: 2, 5: 3, 7: 4, 8: 14, 10: 15, 11: 17, 12: 18, 13: 27, 15: 22, 16: 23, 18: 24}
    header |= {19: 10, 21: 9, 22: 25, 23: 11, 24: 8, 26: 7, 27: 0, 28: 1, 29: 5, 31: 6, 32: 12}
    header |= {33: 13, 35: 19, 36: 16, 37: 26, 38: 20, 40: 21}
    assert sorted(header.values()) == list(range(28))
    found = pins.eval(f"[str(getattr(Pin.board, 'J8_%d' % n)) for n in {list(header)}]")
    assert [text.split(",")[0] for text in found] == [f"Pin(GPIO{n}" for n in header.values()]
