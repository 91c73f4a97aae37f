# SPDX-License-Identifier: MIT
"""What the board does for its card: pins of a Pi 3, supply of a Pi 4, clocks, against a played
firmware."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Sequence

import hardware
import pytest
import sd_fake
from sd_fake import Card, Controller, Result
from test_drivers_mailbox import VideoCore

GPIO = 0x200000
POWER, CLOCK, EXPANDER = 0x28001, 0x30002, 0x38041
EMMC, EMMC2 = 1, 12
ALT0, ALT3 = 4, 7


class Slot:
    """A slot with its controller and the firmware; `expander` is whether that has one."""

    def __init__(
        self, card: Card | None, *, arasan: bool = False, hz: int = 0, expander: bool = True
    ) -> None:
        self.firmware = VideoCore()
        self.firmware.answer = self.answer
        self.hz, self.expander = hz, expander
        self.controller = Controller(
            card, arasan=arasan, base_clock=250_000_000, machine=self.firmware.machine
        )
        self.gpio = hardware.Gpio(GPIO, 54, False)
        self.slot = hardware.SdSlot()
        self.slot.mailbox = ctypes.addressof(self.firmware.mailbox)
        self.slot.gpio = ctypes.addressof(self.gpio)
        self.slot.card.host.base = sd_fake.BASE
        self.slot.card.host.arasan = arasan
        self.slot.card.max_hz = 25_000_000

    def answer(self, values: Sequence[int]) -> bytes:
        tag = self.firmware.requests[-1][0]
        if tag == POWER:
            return struct.pack("<II", values[0], 1)
        if tag == CLOCK:
            return struct.pack("<II", values[0], self.hz)
        assert tag == EXPANDER
        self.switched(*values)
        return struct.pack("<II", 0, values[1]) if self.expander else b""

    def switched(self, pin: int, level: int) -> None:
        pass

    def start(self) -> Result:
        return Result(sd_fake.lib().sd_slot_start(ctypes.byref(self.slot)))

    def function(self, pin: int) -> int:
        return self.firmware.machine.registers.get(GPIO + 4 * (pin // 10), 0) >> 3 * (pin % 10) & 7


def test_the_pins_of_a_pi_3_go_to_the_arasan() -> None:
    slot = Slot(Card(), arasan=True)
    registers = slot.firmware.machine.registers
    registers[GPIO + 4 * 3] = sum(ALT3 << 3 * n for n in range(4, 9)) | ALT0 << 3 * 9  # 34 to 39
    registers[GPIO + 4 * 4] = sum(ALT0 << 3 * n for n in (8, 9))  # 48, 49
    assert slot.start() == Result.SD_OK
    assert [slot.function(pin) for pin in range(34, 40)] == [0] * 5 + [ALT0]
    assert [slot.function(pin) for pin in range(48, 54)] == [ALT3] * 6
    writes = [value for _, value in slot.firmware.machine.written(GPIO + 0x94, GPIO + 0x9C)]
    assert writes == [0, 1 << 16, 0, 0, 2, 0x1F << 17, 0, 0], "up, but for the clock's"
    assert slot.firmware.requests == [(POWER, [0, 3]), (CLOCK, [EMMC, 0])]


def test_the_supply_of_a_pi_4_is_33_volts_and_on() -> None:
    slot = Slot(Card())
    assert slot.start() == Result.SD_OK
    assert slot.firmware.requests == [
        (POWER, [0, 3]),
        (EXPANDER, [132, 0]),
        (EXPANDER, [134, 1]),
        (CLOCK, [EMMC2, 0]),
    ]
    assert slot.firmware.machine.written(*range(GPIO, GPIO + 0x100, 4)) == []


def test_the_board_is_prepared_once() -> None:
    slot = Slot(Card())
    assert slot.start() == Result.SD_OK
    before = list(slot.firmware.requests)
    assert slot.start() == Result.SD_OK
    assert slot.firmware.requests == before


@pytest.mark.parametrize(("told", "base"), [(0, 250_000_000), (100_000_000, 100_000_000)])
def test_the_firmware_tells_the_base_clock(told: int, base: int) -> None:
    slot = Slot(Card(), hz=told)
    assert slot.start() == Result.SD_OK
    assert slot.slot.card.host.base_clock == base


def test_a_board_without_a_mailbox_has_the_highest_base_clock() -> None:
    slot = Slot(Card(), arasan=True)
    slot.firmware.mailbox.base = 0
    assert slot.start() == Result.SD_OK
    assert slot.slot.card.host.base_clock == 250_000_000


def test_a_silent_card_is_switched_off_and_on() -> None:
    class Stuck(Slot):
        def switched(self, pin: int, level: int) -> None:
            if (pin, level) == (134, 0):
                self.controller.card = Card()

    slot = Stuck(None)
    assert slot.start() == Result.SD_OK
    assert slot.firmware.requests[-2:] == [(EXPANDER, [134, 0]), (EXPANDER, [134, 1])]


@pytest.mark.parametrize("arasan", [False, True])
@pytest.mark.parametrize("expander", [False, True])
def test_a_slot_that_stays_silent_has_no_card(arasan: bool, expander: bool) -> None:
    slot = Slot(None, arasan=arasan, expander=expander)
    assert slot.start() == Result.SD_NO_CARD
    assert slot.firmware.machine.seconds < 1
    switched = (EXPANDER, [134, 0]) in slot.firmware.requests
    assert switched == (not arasan)
