# SPDX-License-Identifier: MIT
"""The console before the MMU is on: its register sequence, and its bounded waits."""

from __future__ import annotations

import functools

import hardware
import pytest

UART, GPIO = 0x1000, 0x2000
DR, FR, IBRD, FBRD, LCRH, CR, IMSC, ICR = (
    UART + n for n in (0x00, 0x18, 0x24, 0x28, 0x2C, 0x30, 0x38, 0x44)
)
GPFSEL1, GPFSEL3 = GPIO + 0x04, GPIO + 0x0C
BUSY, TXFF = 1 << 3, 1 << 5
MOST_READS = 1_000_000

lib = functools.cache(hardware.build)


class Early:
    """The two blocks, with a record of what is written."""

    def __init__(self, flags: int = 0) -> None:
        self.machine = hardware.Machine(lib())
        self.writes: list[tuple[int, int]] = []
        self.flags = flags
        self.reads = 0
        self.machine.on_read[FR] = self.read_flags
        for address in (DR, IBRD, FBRD, LCRH, CR, IMSC, ICR, GPFSEL1, GPFSEL3):
            self.machine.on_write[address] = functools.partial(self.write, address)

    def read_flags(self) -> int:
        self.reads += 1
        assert self.reads < MOST_READS, "the wait has no bound"
        return self.flags

    def write(self, address: int, value: int) -> None:
        self.writes.append((address, value))
        self.machine.registers[address] = value


def test_the_uart_is_set_up_without_anything_that_the_firmware_left() -> None:
    early = Early()
    early.machine.registers[GPFSEL3] = 0o77 << 6 | 0o7 << 27  # Bluetooth, and another pin
    early.machine.registers[GPFSEL1] = 0o11 << 12 | 0o1 << 21
    lib().early_uart_start(UART, 48_000_000, GPIO)
    assert early.writes == [
        (CR, 0),
        (IMSC, 0),
        (ICR, 0x7FF),
        (GPFSEL3, 0o70 << 6 | 0o7 << 27),
        (GPFSEL3, 0o7 << 27),
        (GPFSEL1, 0o14 << 12 | 0o1 << 21),
        (GPFSEL1, 0o44 << 12 | 0o1 << 21),
        (IBRD, 26),
        (FBRD, 3),
        (LCRH, 0x70),
        (CR, 0x301),
    ]


@pytest.mark.parametrize(("clock", "divisor"), [(48_000_000, (26, 3)), (24_000_000, (13, 1))])
def test_without_pins_only_the_uart_is_written(clock: int, divisor: tuple[int, int]) -> None:
    early = Early()
    lib().early_uart_start(UART, clock, 0)
    assert [address for address, _ in early.writes] == [CR, IMSC, ICR, IBRD, FBRD, LCRH, CR]
    assert (early.writes[3][1], early.writes[4][1]) == divisor


@pytest.mark.parametrize("flag", [BUSY, BUSY | TXFF])
def test_a_uart_that_stays_busy_is_set_up_anyway(flag: int) -> None:
    early = Early(flag)
    lib().early_uart_start(UART, 48_000_000, GPIO)
    assert early.writes[-1] == (CR, 0x301)


def test_a_text_is_sent_byte_by_byte() -> None:
    early = Early()
    lib().early_uart_puts(UART, b"boot\r\n")
    lib().early_uart_put_hex(UART, 0x0123_4567_89AB_CDEF)
    assert bytes(value for _, value in early.writes) == b"boot\r\n0123456789abcdef"


def test_a_byte_waits_for_room_and_is_dropped_when_there_is_none() -> None:
    early = Early(TXFF)
    lib().early_uart_put(UART, 65)
    assert early.writes == [] and early.reads > 1000
    early.flags = 0
    lib().early_uart_put(UART, 66)
    assert early.writes == [(DR, 66)]
