# SPDX-License-Identifier: MIT
"""The drive strength of pins, on played pads: BCM2835 ARM Peripherals, "Pads control"."""

import functools

import hardware
import pytest

BASE = 0x1000
#: The register of each group, and its first and last pin.
GROUPS = {0x2C: (0, 27), 0x30: (28, 45), 0x34: (46, 53)}
RESET = 0x1B  # slew rate not limited, hysteresis, 8 mA
PASSWORD = 0x5A

lib = functools.cache(hardware.build)


class Pads:
    """Takes a write only with the password, which does not read back."""

    def __init__(self, word: int = RESET, writable: bool = True) -> None:
        self.machine = hardware.Machine(lib())
        self.words = dict.fromkeys(GROUPS, word)
        self.writable = writable
        for offset in GROUPS:
            self.machine.on_read[BASE + offset] = functools.partial(self.words.get, offset)
            self.machine.on_write[BASE + offset] = functools.partial(self.write, offset)

    def write(self, offset: int, value: int) -> None:
        if self.writable and value >> 24 == PASSWORD:
            self.words[offset] = value & 0x1F

    def drive(self, pin: int) -> int:
        return lib().gpio_pads_drive(BASE, pin)

    def set_drive(self, pin: int, ma: int) -> bool:
        return lib().gpio_pads_set_drive(BASE, pin, ma)


def test_each_pin_is_in_its_group() -> None:
    for first, last in GROUPS.values():
        mask = sum(1 << pin for pin in range(first, last + 1))
        for pin in range(first, last + 1):
            assert lib().gpio_pads_group(pin) == mask, pin
    for pin in range(54, 64):
        assert lib().gpio_pads_group(pin) == 0, pin


@pytest.mark.parametrize("offset", GROUPS)
def test_a_pin_sets_the_register_of_its_group_alone(offset: int) -> None:
    for pin in GROUPS[offset]:
        pads = Pads()
        assert pads.drive(pin) == 8
        assert pads.set_drive(pin, 16)
        assert pads.words == dict.fromkeys(GROUPS, RESET) | {offset: 0x1F}
        assert [pads.drive(each) for each in GROUPS[offset]] == [16, 16]
        assert pads.machine.writes == [(BASE + offset, PASSWORD << 24 | 0x1F)]


@pytest.mark.parametrize("others", [0x00, 0x08, 0x10, 0x18])
def test_each_strength_leaves_slew_rate_and_hysteresis(others: int) -> None:
    for code, ma in enumerate(range(2, 17, 2)):
        pads = Pads(others | 3)
        assert pads.set_drive(17, ma)
        assert pads.words[0x2C] == others | code
        if others:
            assert pads.drive(17) == ma


def test_an_old_password_in_the_register_is_not_written_back() -> None:
    pads = Pads(0xFF00_0000 | RESET)
    assert pads.set_drive(5, 2)
    assert pads.machine.writes == [(BASE + 0x2C, PASSWORD << 24 | 0x18)]


def test_pads_that_read_0_do_not_answer() -> None:
    pads = Pads(0)
    assert pads.drive(17) == 0
    for ma in range(2, 17, 2):
        assert not pads.set_drive(17, ma)
    assert pads.machine.writes == []


def test_a_strength_that_is_not_taken_is_told() -> None:
    pads = Pads(writable=False)
    assert not pads.set_drive(17, 4)
    assert pads.set_drive(17, 8), "it has that"
