# SPDX-License-Identifier: MIT
"""The memory of the machine: frames, address spaces, heaps, faults, programs at EL0."""

from collections.abc import Iterator
from typing import Any, Literal, TypedDict, final, overload

from _memory import AddressSpace as AddressSpace
from _memory import Block as Block
from _memory import Fault as Fault
from _memory import Frames as Frames
from _memory import Heap as Heap
from _memory import RamDisk
from _memory import call as call
from _memory import check as check
from _memory import crash_action as crash_action
from _memory import gc_limit as gc_limit
from _memory import last_crash as last_crash
from _memory import poke as poke
from _memory import probe as probe
from _memory import sync_code as sync_code

from . import frames as frames
from . import pagers as pagers
from . import user as user
from ._regs import SystemRegisters

kernel: AddressSpace
"""The upper half, translated through TTBR1. Not there in safe mode."""
identity: AddressSpace
"""RAM and devices at their physical addresses; active when no other space is."""
heap: Heap
"""The kernel heap, 1 MiB. Not there in safe mode."""

@final
class _NamedRange:
    """A list: [start, end, name], or [start, end, prot] in Report['kernel']."""

    @overload
    def __getitem__(self, index: Literal[0, 1], /) -> int: ...
    @overload
    def __getitem__(self, index: Literal[2], /) -> str: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Any]: ...

class FrameCounts(TypedDict):
    """free + used + reserved = total."""

    total: int
    free: int
    used: int
    reserved: int

class HeapReport(TypedDict):
    """The kernel heap, in bytes."""

    base: int
    size: int
    free: int
    used: int

class GcReport(TypedDict):
    """Python's own heap as large as it is now, in bytes."""

    total: int
    free: int

class GcArea(TypedDict):
    """A part of Python's own heap, in bytes. size = used + free + tables."""

    start: int
    size: int
    used: int
    free: int
    largest_free: int
    objects: int

class GcTimes(TypedDict):
    """Nanoseconds of the parts of a collection, and of all of it."""

    roots: int
    mark: int
    finalisers: int
    sweep: int
    areas: int
    pause: int

class GcHeap(TypedDict):
    """What gc_report() returns. Type checkers know this class; the board does not have it."""

    areas: list[GcArea]
    types: dict[str, tuple[int, int]]
    collections: int
    last: GcTimes

class KernelReport(TypedDict):
    """[start, end, prot] of the parts of the image."""

    text: _NamedRange
    rodata: _NamedRange
    data: _NamedRange

class UartReport(TypedDict):
    """Counters of the console since boot."""

    received: int
    overruns: int
    line_errors: int
    ring_full: int
    tx_dropped: int

class Report(TypedDict):
    """What report() returns. Type checkers know this class; the board does not have it."""

    version: str
    board: str
    model: str
    firmware: int
    arm_clock: int
    el: int
    entry_el: int
    entry_serror: int
    cores: int
    mmu: bool
    ttbr0: int
    ttbr1: int
    ram: list[list[int]]
    ram_from: str
    reserved: list[_NamedRange]
    frames: FrameCounts
    owners: dict[str, int]
    heap: HeapReport
    gc: GcReport
    kernel: KernelReport
    missing: list[str]
    random: str
    safe_mode: str | None
    uart: UartReport
    dropped_calls: int

def regs() -> SystemRegisters:
    """Read the system registers."""

def info() -> None:
    """Print the boot report."""

def report() -> Report:
    """The state of the machine. Everything in it can be written as JSON."""

def gc_report() -> GcHeap:
    """Python's own heap: areas, objects and bytes by type, times of the last collection."""

def gc_map(width: int = 64) -> None:
    """Print a picture of Python's own heap, what is in it, and the last collection."""

def selftest() -> None:
    """Run every check and print a line for each. RuntimeError: a check failed."""

@overload
def ramdisk() -> RamDisk | None: ...
@overload
def ramdisk(size: int) -> RamDisk:
    """Make a disk in frames, or return the disk that exists. It survives a soft reset.

    Without `size`: None when there is no disk. OSError(EEXIST): the disk has another size.
    """
