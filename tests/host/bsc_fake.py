# SPDX-License-Identifier: MIT
"""A Broadcom Serial Controller with devices on its bus, by BCM2835 ARM Peripherals, chapter 3.

Time passes at reads of S: each lets the block send or receive one byte. What the bus saw is in
`bus`: ("start", device, direction), bytes as numbers, ("restart", ...), "nack", "stop"; "cut": the
block was switched off before it had sent what it had to.

Beyond the manual, from what drivers for these boards do and say: one FIFO serves both directions,
and RXD tells of bytes that are still to be sent as well; the STOP after a missing acknowledge
takes its time; a read that is cleared ends with NACK and STOP while the block is enabled, else
these come with the next start.
"""

from __future__ import annotations

import ctypes
from collections import deque

import hardware

BASE = 0x7E80_4000
C, S, DLEN, A, FIFO, DIV, DEL, CLKT = (BASE + 4 * n for n in range(8))
I2CEN, ST, CLEAR, READ = 1 << 15, 1 << 7, 0x30, 1
TA, DONE, TXW, RXR, TXD, RXD, TXE, RXF, ERR, CLKT_EVENT = (1 << n for n in range(10))
EVENTS = DONE | ERR | CLKT_EVENT
ROOM = 16
#: Reads of S from C to a transfer that is active.
STARTS_AFTER = 6
#: Reads of S from a missing acknowledge to the end of STOP.
STOPS_AFTER = 3


class Bsc:
    def __init__(self, lib: ctypes.CDLL, devices: dict[int, bytes] | None = None) -> None:
        self.machine = hardware.Machine(lib)
        self.devices = devices or {}  # what each answers to a read
        self.held = ""  # "start": the bus is never free; "byte": it stops after the first byte
        self.pace = 1  # reads of S that a byte takes
        self.looks = 0
        self.stretched = False  # the block says that a device holds the clock
        self.refused = -1  # the byte of a write, by number, that a device does not take
        self.cut = -1  # of a read, after which the block ends it
        self.bus: list[object] = []
        self.fifo: deque[int] = deque()
        self.events = 0
        self.active = False
        self.waits = 0
        self.left = 0
        self.reading = False
        self.device = 0
        self.stops = 0  # reads of S until the STOP after an error is out
        self.next: tuple[int, int, bool] | None = None  # what starts after the write
        self.ends = False  # the read is to end with NACK and STOP
        self.late_end = False  # and it did not, as the block was switched off
        self.gives_up = 0  # at this question, counted from 1
        self.questions = 0
        self.masked: list[bool] = []  # interrupts, when a transfer was begun
        self.machine.on_read |= {S: self.status, FIFO: self.take}
        self.machine.on_write |= {C: self.control, S: self.forget, FIFO: self.feed}
        self.machine.on_write |= {
            address: lambda value, address=address: self.set_up(address, value)
            for address in (DIV, DEL, CLKT)
        }
        self.lib = lib
        self.asked = hardware.GIVE_UP(self.give_up)
        self.driver = hardware.Bsc(BASE, 50_000, self.asked)

    def give_up(self) -> bool:
        self.questions += 1
        return self.questions == self.gives_up

    def start(self, core_hz: int = 250_000_000, hz: int = 400_000) -> tuple[int, int]:
        rate = ctypes.c_uint32(hz)
        result = self.lib.bsc_start(ctypes.byref(self.driver), core_hz, ctypes.byref(rate))
        return result, rate.value

    # --- registers ---

    def set_up(self, address: int, value: int) -> None:
        assert not self.active, "the clock changes in the middle of a transfer"
        self.machine.registers[address] = value

    def control(self, value: int) -> None:
        self.machine.registers[C] = value
        if value & CLEAR:
            self.fifo.clear()
            self.ends = self.active and self.reading and bool(value & READ)
        if not value & I2CEN:
            self.switch_off()
        elif value & ST:
            self.begin(value)

    def switch_off(self) -> None:
        if self.active:
            self.bus.append("cut")
            self.late_end = self.reading and not self.stops and not self.held
        self.active = self.ends = False
        self.waits = self.stops = 0
        self.next = None

    def begin(self, value: int) -> None:
        self.masked.append(bool(self.machine.fake.masked))
        registers = self.machine.registers
        wanted = registers.get(A, 0), registers.get(DLEN, 0), bool(value & READ)
        if self.active:
            self.next = wanted
        else:
            self.bus += ["nack", "stop"] if self.late_end else []
            self.late_end = False
            self.start_with("start", *wanted)
            self.waits = STARTS_AFTER

    def start_with(self, word: str, device: int, size: int, reading: bool) -> None:
        self.device, self.left, self.reading = device, size, reading
        self.bus.append((word, device, "read" if reading else "write"))
        self.answers = deque(self.devices.get(device, b""))
        self.moved = 0

    def forget(self, value: int) -> None:
        self.events &= ~value

    def feed(self, byte: int) -> None:
        if self.events:
            return  # the transfer has just ended, which the driver will see
        assert self.active, "a byte is written before the transfer is active, and may be lost"
        assert not self.reading, "a byte is written in a read"
        assert len(self.fifo) < ROOM, "a byte is written to a FIFO that is full"
        self.fifo.append(byte)

    def take(self) -> int:
        assert self.fifo, "a byte is read from a FIFO that is empty"
        return self.fifo.popleft()

    def status(self) -> int:
        self.step()
        value = self.events | (TA if self.active else 0)
        value |= (TXD if len(self.fifo) < ROOM else 0) | (0 if self.fifo else TXE)
        return value | (RXD if self.fifo else 0)

    # --- the bus ---

    def step(self) -> None:
        if self.waits:
            self.waits -= self.held != "start"
            self.active = self.waits == 0
            if self.stretched:
                self.events |= CLKT_EVENT
        elif self.stops:
            self.stops -= 1
            if self.stops == 0:
                self.stop()
        elif self.active and not (self.held == "byte" and self.moved == 1):
            self.looks += 1
            if self.looks % self.pace == 0:
                self.move()

    def move(self) -> None:
        if self.ends:
            self.bus.append("nack")
            self.stop()
        elif self.device not in self.devices or self.moved == self.refused:
            self.events |= ERR
            self.stops = STOPS_AFTER
        elif self.left == 0 and self.next:
            self.start_with("restart", *self.next)
            self.next = None
        elif self.left == 0 or (self.reading and self.moved == self.cut):
            self.stop()
        elif self.reading:
            if len(self.fifo) < ROOM:
                self.fifo.append(self.answers.popleft() if self.answers else 0xFF)
                self.count(self.fifo[-1])
        elif self.fifo:
            self.count(self.fifo.popleft())

    def count(self, byte: int) -> None:
        self.bus.append(byte)
        self.moved += 1
        self.left -= 1

    def stop(self) -> None:
        self.bus.append("stop")
        self.active = self.ends = False
        self.events |= DONE

    # --- transfers ---

    def write(self, device: int, data: bytes) -> int:
        return self.lib.bsc_write(ctypes.byref(self.driver), device, self.bytes_of(data))

    def read(self, device: int, size: int) -> tuple[int, bytes]:
        buffer = (ctypes.c_uint8 * size)()
        into = hardware.Bytes(ctypes.addressof(buffer), size)
        return self.lib.bsc_read(ctypes.byref(self.driver), device, into), bytes(buffer)

    def write_read(self, device: int, data: bytes, size: int) -> tuple[int, bytes]:
        buffer = (ctypes.c_uint8 * size)()
        into = hardware.Bytes(ctypes.addressof(buffer), size)
        out = self.bytes_of(data)
        return self.lib.bsc_write_read(ctypes.byref(self.driver), device, out, into), bytes(buffer)

    def bytes_of(self, data: bytes) -> hardware.Bytes:
        self.kept = (ctypes.c_uint8 * max(len(data), 1))(*data)
        return hardware.Bytes(ctypes.addressof(self.kept), len(data))
