# SPDX-License-Identifier: MIT
"""A PL011 by Arm DDI 0183, which accepts nothing that the manual forbids. Time passes at reads of
the flags: each lets one byte out.
"""

from __future__ import annotations

from collections import deque

import hardware

OFFSETS = {
    name: offset
    for name, offset in (
        ("DR", 0x00), ("FR", 0x18), ("IBRD", 0x24), ("FBRD", 0x28), ("LCRH", 0x2C), ("CR", 0x30),
        ("IFLS", 0x34), ("IMSC", 0x38), ("ICR", 0x44), ("DMACR", 0x48),
    )
}  # fmt: skip
BUSY, RXFE, TXFF, TXFE = 1 << 3, 1 << 4, 1 << 5, 1 << 7
ENABLE, TRANSMITS, RECEIVES = 1 << 0, 1 << 8, 1 << 9
BREAK, FIFOS = 1 << 0, 1 << 4
RX_LEVEL, RX_QUIET = 1 << 4, 1 << 6
RX_INTERRUPTS = RX_LEVEL | RX_QUIET


class Block:
    """The registers at `base`. `depth` is that of the FIFOs: 16 of old revisions, 32 of others."""

    def __init__(self, machine: hardware.Machine, base: int, depth: int = 16) -> None:
        self.machine, self.base, self.depth = machine, base, depth
        self.received: deque[int] = deque()  # without a limit, like QEMU's sender that waits
        self.to_send: deque[int] = deque()
        self.line = bytearray()
        self.stuck = False  # the line moves nothing
        self.pace = 1  # reads of the flags that a byte takes
        self.looks = 0
        self.divisor = (0, 0)  # the one in use
        read = {"FR": self.flags, "DR": self.take}
        write = {
            "DR": self.feed,
            "CR": self.control,
            "LCRH": self.format,
            "IBRD": lambda value: self.set_up("IBRD", value),
            "FBRD": lambda value: self.set_up("FBRD", value),
            "ICR": self.clear,
        }
        machine.on_read |= {base + OFFSETS[name]: each for name, each in read.items()}
        machine.on_write |= {base + OFFSETS[name]: each for name, each in write.items()}

    def __getitem__(self, name: str) -> int:
        return self.machine.registers.get(self.base + OFFSETS[name], 0)

    def __setitem__(self, name: str, value: int) -> None:
        self.machine.registers[self.base + OFFSETS[name]] = value

    @property
    def enabled(self) -> bool:
        return bool(self["CR"] & ENABLE)

    def flags(self) -> int:
        self.looks += 1
        goes = self["CR"] & TRANSMITS and not self.stuck and self.looks % self.pace == 0
        if self.to_send and goes:
            self.line.append(self.to_send.popleft())
        flags = TXFF if len(self.to_send) >= self.depth else 0
        flags |= BUSY if self.to_send else TXFE
        return flags | (0 if self.received else RXFE)

    def take(self) -> int:
        return self.received.popleft() if self.received else 0

    def feed(self, byte: int) -> None:
        assert self.enabled and self["CR"] & TRANSMITS, "a byte is written to a UART that is off"
        assert len(self.to_send) < self.depth, "a byte is written to a FIFO that is full"
        self.to_send.append(byte)

    def control(self, value: int) -> None:
        assert self.stuck or not self.to_send or value & ENABLE, "a byte on the line is cut"
        self["CR"] = value

    def set_up(self, name: str, value: int) -> None:
        assert not self.enabled, f"{name} changes while the UART is enabled"
        self[name] = value

    def format(self, value: int) -> None:
        changed = (value ^ self["LCRH"]) & ~BREAK
        assert not self.enabled or changed == 0, "the format changes while the UART is enabled"
        self["LCRH"] = value
        self.divisor = self["IBRD"], self["FBRD"]  # a write of LCRH takes them over
        if not value & FIFOS:
            self.received.clear()
            self.to_send.clear()

    @property
    def interrupts(self) -> bool:
        """Whether received bytes interrupt: an eighth of the FIFO, or a line that is quiet."""
        bits = RX_QUIET if self.received else 0
        bits |= RX_LEVEL if len(self.received) >= self.depth // 8 else 0
        return bool(self["IMSC"] & bits)

    def clear(self, value: int) -> None:
        assert not (self.received and value & RX_INTERRUPTS), "the interrupt of bytes is cleared"
        self["ICR"] = value
