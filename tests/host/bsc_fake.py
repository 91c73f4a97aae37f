# SPDX-License-Identifier: MIT
"""A Broadcom Serial Controller with devices on its bus, by BCM2835 ARM Peripherals, chapter 3.

Time passes at reads of S: each lets the block send or receive one byte. What the bus saw is in
`bus`: ("start", device, direction), bytes as numbers, ("restart", ...), "stop".
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
        self.masked: list[bool] = []  # interrupts, when a transfer was begun
        self.machine.on_read |= {S: self.status, FIFO: self.take}
        self.machine.on_write |= {C: self.control, S: self.forget, FIFO: self.feed}
        self.machine.on_write |= {
            address: lambda value, address=address: self.set_up(address, value)
            for address in (DIV, DEL, CLKT)
        }
        self.lib = lib
        self.driver = hardware.Bsc(BASE, 50_000)

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
        if not value & I2CEN:
            self.active = False
            self.waits = 0
        elif value & ST:
            self.begin(value)

    def begin(self, value: int) -> None:
        self.masked.append(bool(self.machine.fake.masked))
        word = "restart" if self.active else "start"
        if self.active:
            self.drain()
        self.reading = bool(value & READ)
        self.device = self.machine.registers.get(A, 0)
        self.left = self.machine.registers.get(DLEN, 0)
        self.bus.append((word, self.device, "read" if self.reading else "write"))
        self.answers = deque(self.devices.get(self.device, b""))
        self.moved = 0
        self.waits = STARTS_AFTER if word == "start" else 0
        self.active = word == "restart"

    def drain(self) -> None:
        """The block sends what it has before it starts again."""
        self.bus += list(self.fifo)
        self.fifo.clear()

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
        if self.reading:
            return value | (RXD if self.fifo else 0)
        return value | (TXD if len(self.fifo) < ROOM else 0) | (0 if self.fifo else TXE)

    # --- the bus ---

    def step(self) -> None:
        if self.waits:
            self.waits -= self.held != "start"
            self.active = self.waits == 0
            if self.stretched:
                self.events |= CLKT_EVENT
        elif self.active and not (self.held == "byte" and self.moved == 1):
            self.move()

    def move(self) -> None:
        self.looks += 1
        if self.looks % self.pace:
            return
        if self.device not in self.devices or self.moved == self.refused:
            self.stop(ERR | DONE)
        elif self.left == 0 or (self.reading and self.moved == self.cut):
            self.stop(DONE)
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

    def stop(self, events: int) -> None:
        self.bus.append("stop")
        self.active = False
        self.events |= events

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
