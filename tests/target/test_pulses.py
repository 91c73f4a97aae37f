# SPDX-License-Identifier: MIT
"""time_pulse_us(), bitstream() and neopixel, as far as QEMU models pins: it has the time and the
level of outputs, and no input lines."""

from __future__ import annotations

import pytest
from socs import soc_of

from pimem.testing.board_session import PIS, Machine
from pimem.testing.refusals import check_refused


@pytest.fixture
def pins(board: Machine) -> Machine:
    if board.name not in PIS:
        pytest.skip("QEMU_VIRT has no pins")
    board.exec("import machine, time\nfrom machine import Pin\np = Pin(17, Pin.IN)")
    return board


BAD = [
    ("machine.time_pulse_us(99, 1)", "ValueError", "99"),
    ("machine.time_pulse_us(p, 1, -1)", "ValueError", "timeout_us -1 is not in 0 to 2147483647"),
    ("machine.time_pulse_us(p, 1, 1 << 31)", "ValueError", "timeout_us 2147483648"),
    ("machine.bitstream(p, 1, (1, 1, 1, 1), b'a')", "ValueError", "encoding 1 is not 0"),
    ("machine.bitstream(p, 0, (1, 1, 1), b'a')", "ValueError", "timing has 3 items, not 4"),
    ("machine.bitstream(p, 0, (1, 1, 1, -1), b'a')", "ValueError", "timing -1 is not in 0 to"),
    ("machine.bitstream(p, 0, (1, 50001, 1, 1), b'a')", "ValueError", "timing 50001 is not"),
    ("machine.bitstream(p, 0, (1, 1, 1, 1), 7)", "TypeError", ""),
    ("machine.bitstream(58, 0, (1, 1, 1, 1), b'')", "ValueError", "58"),
    ("NeoPixel(p, 4, 5)", "ValueError", "bpp 5"),
    ("NeoPixel(p, 4)[4]", "IndexError", "LED 4 is not in 0 to 3"),
]


@pytest.mark.parametrize(("call", "kind", "named"), BAD)
def test_what_cannot_be_is_named(pins: Machine, call: str, kind: str, named: str) -> None:
    check_refused(pins, f"from neopixel import NeoPixel\n{call}", kind, named)


def test_a_pulse_that_does_not_come_or_end_is_told(pins: Machine) -> None:
    """The level register follows the output, so a timer's callback would be the other side."""
    pins.exec("p.init(Pin.OUT, value=1)")
    assert pins.eval("machine.time_pulse_us(p, 1, 2000)") == -1
    assert pins.eval("machine.time_pulse_us(p, 0, 2000)") == -2
    pins.exec("p.init(Pin.IN)")


def test_a_bitstream_takes_its_time_and_leaves_the_pin_low(pins: Machine) -> None:
    gpio = soc_of(pins.board).gpio
    pins.exec("p.init(Pin.OUT, value=1)\nstart = time.ticks_us()")
    pins.exec("machine.bitstream(p, 0, (1000, 4000, 3000, 2000), bytes(100))")
    assert pins.eval("time.ticks_us() - start >= 100 * 8 * 5") is True
    assert pins.eval(f"machine.mem32[{gpio} + 0x34] >> 17 & 1") == 0
    pins.exec("machine.bitstream(p, 0, (1, 1, 1, 1), b'')\np.init(Pin.IN)")


def test_ctrl_c_ends_a_long_bitstream(pins: Machine) -> None:
    pins.exec(
        "def stop(t): raise KeyboardInterrupt\np.init(Pin.OUT)\nstrip = bytes(100000)  # 40 s"
    )
    # Before it runs, the program's text is compiled, and Ctrl-C is a byte like others.
    pins.link.write(b"print('runs'); machine.bitstream(p, 0, (25000,) * 4, strip)\x04")
    pins.link.read_until(b"OKruns", silence=30)
    pins.link.write(b"\x03")
    assert b"KeyboardInterrupt" in pins.link.read_until(b"\x04>", silence=60)


def test_colours_are_sent_green_first(pins: Machine) -> None:
    pins.exec(
        "from neopixel import NeoPixel\nn = NeoPixel(p, 3)\nn[0] = (1, 2, 3)\nn[2] = (4, 5, 6)"
    )
    assert pins.eval("[list(n.buf), list(n[0]), len(n)]") == [
        [2, 1, 3, 0, 0, 0, 5, 4, 6],
        [1, 2, 3],
        3,
    ]
    pins.exec("n.write()\nn.fill((7, 8, 9))\nn.write()")
    assert pins.eval("[list(n.buf), list(NeoPixel(p, 1, bpp=4)[0])]") == [
        [8, 7, 9] * 3,
        [0, 0, 0, 0],
    ]
    pins.exec("p.init(Pin.IN)")
