# SPDX-License-Identifier: MIT
"""Catch a write past the end of a buffer with a page that is not mapped.

The buffer ends where its last page ends, and the page after it stays unmapped: the first byte
too many raises memory.Fault, with the address of that byte and of the instruction that wrote it.

Wiring: none.

On a board: pimem run examples/guard_page.py --port /dev/ttyUSB0
In QEMU: pimem run examples/guard_page.py --board RPI4
"""

import memory
from machine import mem8

PAGE = 4096
BASE = 0x4000_0000_0000


class GuardedBuffer:
    """A buffer of `size` bytes between two pages that are not mapped."""

    def __init__(self, size):
        pages = -(-size // PAGE)
        self.frames = memory.frames.alloc(pages)
        self.space = memory.AddressSpace()
        self.space.map(BASE, self.frames)
        self.end = BASE + pages * PAGE
        self.start = self.end - size

    def close(self):
        self.space.close()
        self.frames.close()


def fill(address, count):
    """Write `count` bytes one at a time, without a check of the size."""
    for i in range(count):
        mem8[address + i] = 0xAA


buffer = GuardedBuffer(100)
with buffer.space:
    fill(buffer.start, 100)
    print("100 bytes: ok")
    try:
        fill(buffer.start, 101)
    except memory.Fault as fault:
        print("101 bytes:", fault.access, "of byte", fault.address - buffer.start)
        print(fault)
buffer.close()
