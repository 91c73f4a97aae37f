# SPDX-License-Identifier: MIT
"""Code that the tests of buses run on the board."""

from __future__ import annotations

#: refused() returns the error of a call.
SETUP = """
from machine import I2C, SPI, Pin, SoftI2C, SoftSPI
import memory
def refused(call, *args, **kw):
    try:
        return "not refused", repr(call(*args, **kw))
    except (OSError, ValueError, TypeError, OverflowError) as e:
        return type(e).__name__, str(e)
"""

#: paged_view() is a buffer with a pager, and `calls` the number of pages that it supplied.
PAGED = """
import uctypes
calls = 0
def pager(va, access):
    global calls
    calls += 1
    return memory.frames.alloc()
space = memory.AddressSpace()
def paged_view(size):
    space.reserve(0x4000000000, size, pager=pager)
    space.activate()
    return uctypes.bytearray_at(0x4000000000, size)
"""
PAGED_END = "memory.identity.activate()\nspace.close()"
