# SPDX-License-Identifier: MIT
"""SPI masters whose output is their input, bit by bit: SPI0 and SPI1 of BCM2835 ARM Peripherals.

Time passes at reads of the status: each lets one byte, or half of one entry, through. `line` is
what was sent. SPI1 says that its receiving FIFO is not empty before the entry in it is whole, as
those found who wrote drivers for it: only the level is right.
"""

from __future__ import annotations

import ctypes
from collections import deque

import hardware

BASE = 0x7E20_4000
CS, FIFO, CLK, DLEN = (BASE + 4 * n for n in range(4))
TA, DONE, RXD, TXD = 1 << 7, 1 << 16, 1 << 17, 1 << 18
CLEAR_TX, CLEAR_RX = 1 << 4, 1 << 5
ROOM = 64

AUX = 0x7E21_5000
ENABLES, CNTL0, CNTL1, STAT, IO, TXHOLD = (AUX + n for n in (4, 0x80, 0x84, 0x88, 0xA0, 0xB0))
ENABLE_SPI1 = 1 << 1
AUX_CLEAR, AUX_ENABLE = 1 << 9, 1 << 11
TX_FULL, RX_EMPTY, BUSY = 1 << 10, 1 << 7, 1 << 6
RX_LEVEL = 16  # its lowest bit
ENTRIES = 4
#: Reads of the status from the last bit to a block that is idle.
SELECT_ENDS = 3


class Master:
    """What both have in common."""

    prefix = ""

    def __init__(self, lib: ctypes.CDLL) -> None:
        self.machine = hardware.Machine(lib)
        self.lib = lib
        self.line: list[int] = []
        self.to_send: deque[int] = deque()
        self.received: deque[int] = deque()
        self.lost = 0  # what came while there was no room
        self.stuck = False
        self.driver: ctypes.Structure

    def start(self, hz: int, core_hz: int = 250_000_000, *mode: bool) -> tuple[int, int]:
        wanted = hardware.SpiMode(hz, *mode)
        start = getattr(self.lib, f"{self.prefix}_start")
        return start(ctypes.byref(self.driver), core_hz, ctypes.byref(wanted)), wanted.hz

    def transfer(self, data: bytes, *, keep: bool = True) -> tuple[int, bytes]:
        out = (ctypes.c_uint8 * max(len(data), 1))(*data)
        into = (ctypes.c_uint8 * max(len(data), 1))() if keep else None
        move = getattr(self.lib, f"{self.prefix}_transfer")
        result = move(ctypes.byref(self.driver), out, into, len(data))
        return result, bytes(into)[: len(data)] if into else b""

    def stop(self) -> None:
        getattr(self.lib, f"{self.prefix}_stop")(ctypes.byref(self.driver))


class Spi0(Master):
    prefix = "spi0"

    def __init__(self, lib: ctypes.CDLL) -> None:
        super().__init__(lib)
        self.driver = hardware.Spi0(BASE)
        self.never_done = False
        self.machine.on_read |= {CS: self.status, FIFO: self.take}
        self.machine.on_write |= {CS: self.control, FIFO: self.feed}
        self.machine.on_write |= {
            address: lambda value, address=address: self.set_up(address, value)
            for address in (CLK, DLEN)
        }

    def control(self, value: int) -> None:
        ends = self.active and not value & TA
        assert not (ends and self.to_send) or self.stuck or self.never_done, "bytes are cut off"
        self.machine.registers[CS] = value
        if value & CLEAR_TX:
            self.to_send.clear()
        if value & CLEAR_RX:
            self.received.clear()

    def set_up(self, address: int, value: int) -> None:
        assert not self.active, "clock or length change in the middle of a transfer"
        self.machine.registers[address] = value

    @property
    def active(self) -> bool:
        return bool(self.machine.registers.get(CS, 0) & TA)

    def status(self) -> int:
        self.step()
        value = self.machine.registers.get(CS, 0)
        if not self.to_send and self.active and not self.never_done:
            value |= DONE
        value |= TXD if len(self.to_send) < ROOM else 0
        return value | (RXD if self.received else 0)

    def step(self) -> None:
        if self.active and self.to_send and not self.stuck:
            byte = self.to_send.popleft()
            self.line.append(byte)
            if len(self.received) < ROOM:
                self.received.append(byte)
            else:
                self.lost += 1

    def feed(self, byte: int) -> None:
        assert len(self.to_send) < ROOM, "a byte is written to a FIFO that is full"
        self.to_send.append(byte)  # also while it is not active, as the block does

    def take(self) -> int:
        assert self.received, "a byte is read from a FIFO that is empty"
        return self.received.popleft()


class AuxSpi(Master):
    prefix = "aux_spi"

    def __init__(self, lib: ctypes.CDLL) -> None:
        super().__init__(lib)
        self.driver = hardware.AuxSpi(AUX)
        self.ends = 0  # reads of the status until the select is released
        self.arriving: deque[int] = deque()  # the entry that is not whole yet
        self.machine.on_read |= {STAT: self.status, IO: self.take}
        self.machine.on_write |= {
            CNTL0: self.control,
            CNTL1: lambda value: self.set_up(CNTL1, value),
            IO: self.feed,
            TXHOLD: self.feed,
        }

    def set_up(self, address: int, value: int) -> None:
        assert self.machine.registers.get(ENABLES, 0) & ENABLE_SPI1, "written before it is enabled"
        assert not self.ends, "changed before the last bit has its end"
        self.machine.registers[address] = value

    def control(self, value: int) -> None:
        self.set_up(CNTL0, value)
        if value & AUX_CLEAR:
            self.to_send.clear()
            self.received.clear()
            self.arriving.clear()

    @property
    def active(self) -> bool:
        control = self.machine.registers.get(CNTL0, 0)
        return bool(control & AUX_ENABLE) and not control & AUX_CLEAR

    def status(self) -> int:
        self.ends = max(self.ends - 1, 0)
        if self.arriving:
            self.receive(self.arriving.popleft())
            self.ends = 0 if self.to_send else SELECT_ENDS
        elif self.active and self.to_send and not self.stuck:
            self.shift(self.to_send.popleft())
            self.ends = 0 if self.to_send else SELECT_ENDS
        value = TX_FULL if len(self.to_send) >= ENTRIES else 0
        value |= 0 if self.received or self.arriving else RX_EMPTY
        value |= len(self.received) << RX_LEVEL
        return value | (BUSY if self.to_send or self.arriving or self.ends else 0)

    def shift(self, entry: int) -> None:
        bits = entry >> 24
        assert bits in (8, 16, 24), "an entry has whole bytes"
        data = (entry & 0xFFFFFF) >> (24 - bits)
        self.line += data.to_bytes(bits // 8, "big")
        self.arriving.append(data)

    def receive(self, data: int) -> None:
        if len(self.received) < ENTRIES:
            self.received.append(data)
        else:
            self.lost += 1

    def feed(self, entry: int) -> None:
        assert self.active, "an entry is written to a master that is off"
        assert len(self.to_send) < ENTRIES, "an entry is written to a FIFO that is full"
        self.to_send.append(entry)

    def take(self) -> int:
        assert self.received, "an entry is read before it is whole"
        return self.received.popleft()
