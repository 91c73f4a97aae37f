# SPDX-License-Identifier: MIT
"""The mini UART, and the PL011 as UART 2 to 5 use it, on played hardware."""

import ctypes
import functools
from collections import deque

import hardware
import pytest
from hypothesis import given
from hypothesis import strategies as st

BASE = 0x1000
ENABLES = BASE + 4
IO, IER, IIR, LCR, MCR, LSR, CNTL, BAUD = (
    BASE + n for n in (0x40, 0x44, 0x48, 0x4C, 0x50, 0x54, 0x60, 0x68)
)
DATA, ROOM, IDLE = 1, 1 << 5, 1 << 6

# PL011.
DR, FR, IBRD, FBRD, LCRH, CR = (BASE + n for n in (0x00, 0x18, 0x24, 0x28, 0x2C, 0x30))
BUSY, RXFE, TXFF = 1 << 3, 1 << 4, 1 << 5

lib = functools.cache(hardware.build)


class MiniUart:
    """A mini UART whose registers answer only while the AUX block has it enabled."""

    def __init__(self, ring_size: int = 64) -> None:
        self.machine = hardware.Machine(lib())
        self.fifo: deque[int] = deque()
        self.state = ROOM | IDLE
        callbacks = hardware.READ(self.read_register), hardware.WRITE(self.write_register)
        self.machine.fake.read, self.machine.fake.write = self.callbacks = callbacks
        self.machine.on_read |= {LSR: lambda: self.state | bool(self.fifo), IO: self.read}
        self.machine.on_write[IO] = self.send
        self.machine.registers[ENABLES] = 6  # both SPI
        self.driver = hardware.MiniUart()
        self.ring = hardware.Ring()
        self.storage = (ctypes.c_uint8 * ring_size)()
        lib().test_ring_init(ctypes.byref(self.ring), self.storage, ring_size)
        lib().mini_uart_disable(self.pointer, BASE)

    @property
    def pointer(self) -> object:
        return ctypes.byref(self.driver)

    def check(self, address: int) -> None:
        enabled = self.machine.registers[ENABLES] & 1
        assert address < IO or enabled, "a register is used before the UART is enabled"

    def read_register(self, address: int) -> int:
        self.check(address)
        return self.machine.read(address)

    def write_register(self, address: int, value: int) -> None:
        self.check(address)
        self.machine.write(address, value)

    def send(self, byte: int) -> None:
        assert self.machine.registers[CNTL] & 2, "a byte is written to a transmitter that is off"
        assert self.state & ROOM, "a byte is written to a FIFO that is full"

    def read(self) -> int:
        return self.fifo.popleft() if self.fifo else 0

    def start(self) -> "MiniUart":
        assert lib().mini_uart_enable(self.pointer, 250_000_000, 115_200, 8)
        lib().mini_uart_start_rx(self.pointer, ctypes.byref(self.ring), None, None)
        return self

    def interrupt(self) -> None:
        # Bit 0 is the receiver's, and one of bits 3:2 is needed (errata of the manual).
        while self.fifo and self.machine.registers[IER] & 1 and self.machine.registers[IER] & 12:
            lib().mini_uart_irq(self.pointer)

    def take(self, count: int) -> bytes:
        taken = bytearray()
        for _ in range(count):
            byte = lib().test_ring_get(ctypes.byref(self.ring))
            if byte < 0:
                break
            taken.append(byte)
            lib().mini_uart_resume_rx(self.pointer)
            self.interrupt()
        return bytes(taken)


def divisor(clock: int, baud: int) -> int | None:
    value = ctypes.c_uint32()
    return value.value if lib().mini_uart_divisor(clock, baud, ctypes.byref(value)) else None


@pytest.mark.parametrize(
    ("clock", "expected"), [(250_000_000, 270), (400_000_000, 433), (500_000_000, 542)]
)
def test_the_divisor_is_the_clock_by_eight_bauds_less_one(clock: int, expected: int) -> None:
    assert divisor(clock, 115_200) == expected


@given(st.integers(1, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_the_divisor_is_the_nearest_or_refused(clock: int, baud: int) -> None:
    found = divisor(clock, baud)
    if found is None:
        assert baud == 0 or not 1 <= (clock + 4 * baud) // (8 * baud) <= 65536
    else:
        assert abs((found + 1) * 8 * baud - clock) <= 4 * baud


def test_the_block_is_enabled_before_its_registers_and_the_divisor_before_the_receiver() -> None:
    uart = MiniUart().start()
    assert uart.machine.writes == [
        (ENABLES, 7),
        (CNTL, 0),
        (IER, 0),
        (IIR, 0xC6),
        (LCR, 3),
        (MCR, 0),
        (BAUD, 270),
        (CNTL, 3),
        (IER, 5),
    ]


def test_seven_bits_are_another_format() -> None:
    uart = MiniUart()
    assert lib().mini_uart_enable(uart.pointer, 250_000_000, 9600, 7)
    assert uart.machine.registers[LCR] == 2


def test_a_rate_that_cannot_be_made_leaves_it_off() -> None:
    uart = MiniUart()
    assert not lib().mini_uart_enable(uart.pointer, 1000, 115_200, 8)
    assert uart.machine.registers[CNTL] == 0


def test_switching_it_off_leaves_the_other_parts_of_the_block() -> None:
    uart = MiniUart().start()
    lib().mini_uart_off(uart.pointer)
    assert uart.machine.registers[ENABLES] == 6


@given(st.lists(st.tuples(st.binary(max_size=90), st.integers(0, 90)), max_size=8))
def test_no_byte_is_lost_or_doubled(steps: list[tuple[bytes, int]]) -> None:
    uart = MiniUart(32).start()
    sent, got = bytearray(), bytearray()
    for data, count in steps:
        sent += data
        uart.fifo.extend(data)
        uart.interrupt()
        got += uart.take(count)
    got += uart.take(2000)
    assert got == sent and not uart.fifo


def test_a_full_ring_stops_reception_until_half_of_it_is_free() -> None:
    uart = MiniUart(64).start()
    uart.fifo.extend(range(70))
    uart.interrupt()
    assert uart.machine.registers[IER] == 0 and len(uart.fifo) == 6
    uart.take(31)
    assert uart.machine.registers[IER] == 0
    uart.take(1)
    assert uart.machine.registers[IER] == 5


def test_a_receiver_that_never_empties_does_not_hang_the_handler() -> None:
    uart = MiniUart(65536).start()
    uart.machine.on_read |= {LSR: lambda: DATA, IO: lambda: 65}
    lib().mini_uart_irq(uart.pointer)
    assert 0 < lib().test_ring_count(ctypes.byref(uart.ring)) <= 64


def test_a_byte_is_written_only_where_there_is_room() -> None:
    uart = MiniUart().start()
    assert lib().mini_uart_try_put(uart.pointer, 65) and uart.machine.writes[-1] == (IO, 65)
    uart.state = IDLE
    uart.machine.writes.clear()
    assert not lib().mini_uart_try_put(uart.pointer, 65)
    assert uart.machine.writes == []
    assert lib().mini_uart_is_idle(uart.pointer)
    uart.state = ROOM
    assert not lib().mini_uart_is_idle(uart.pointer)


def test_a_break_is_a_bit_of_the_format() -> None:
    uart = MiniUart().start()
    lib().mini_uart_set_break(uart.pointer, True)
    assert uart.machine.registers[LCR] == 0x43
    lib().mini_uart_set_break(uart.pointer, False)
    assert uart.machine.registers[LCR] == 3


def pl011() -> tuple[hardware.Machine, object]:
    machine = hardware.Machine(lib())
    pointer = ctypes.byref(hardware.Pl011())
    lib().pl011_disable(pointer, BASE)
    return machine, pointer


def test_a_pl011_that_is_disabled_discards_no_more_than_the_byte_that_it_holds() -> None:
    """QEMU receives while the UART is disabled: what a client sends to a board that starts."""
    waiting = list(b"\r\x03\r\x01")
    machine = hardware.Machine(lib())
    machine.on_read[DR] = lambda: waiting.pop(0) if waiting else 0
    machine.on_read[FR] = lambda: 0 if waiting else RXFE
    lib().pl011_disable(ctypes.byref(hardware.Pl011()), BASE)
    assert bytes(waiting) == b"\x03\r\x01"


def test_the_format_is_written_after_the_divisor_which_it_latches() -> None:
    machine, pointer = pl011()
    machine.writes.clear()
    assert lib().pl011_enable_line(pointer, 48_000_000, 115_200, 0x5E)
    written = machine.written(IBRD, FBRD, LCRH, CR)
    assert written == [(IBRD, 26), (FBRD, 3), (LCRH, 0x5E), (CR, 0x301)]


def test_a_pl011_is_there_if_its_divisor_keeps_what_is_written() -> None:
    machine = hardware.Machine(lib())
    assert lib().pl011_answers(BASE)
    machine.on_read[IBRD] = lambda: 0  # QEMU, where there is none
    assert not lib().pl011_answers(BASE)


def test_pl011_takes_a_byte_only_where_there_is_room_and_tells_when_all_has_left() -> None:
    machine, pointer = pl011()
    machine.registers[FR] = TXFF | BUSY
    machine.writes.clear()
    assert not lib().pl011_try_put(pointer, 65) and not lib().pl011_has_room(pointer)
    assert machine.writes == [] and not lib().pl011_is_idle(pointer)
    machine.registers[FR] = 0
    assert lib().pl011_try_put(pointer, 65) and machine.writes == [(DR, 65)]
    assert lib().pl011_is_idle(pointer)


def test_a_break_of_pl011_leaves_the_format() -> None:
    machine, pointer = pl011()
    machine.registers[LCRH] = 0x70
    lib().pl011_set_break(pointer, True)
    assert machine.registers[LCRH] == 0x71
    lib().pl011_set_break(pointer, False)
    assert machine.registers[LCRH] == 0x70
