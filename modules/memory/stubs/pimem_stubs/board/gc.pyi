# SPDX-License-Identifier: MIT
"""Python's own heap, and the collector that frees what is no longer used."""

from typing import overload

def enable() -> None:
    """Collect when memory runs out."""

def disable() -> None:
    """Collect only when collect() is called."""

def isenabled() -> bool: ...
def collect() -> None:
    """Free all objects that nothing refers to."""

def mem_alloc() -> int:
    """Bytes in use."""

def mem_free() -> int:
    """Bytes that are free in the memory that the heap has now; it can grow."""

@overload
def threshold() -> int: ...
@overload
def threshold(size: int, /) -> None:
    """Collect also whenever this many bytes were allocated; -1: not before memory runs out."""
