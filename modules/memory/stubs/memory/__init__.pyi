# SPDX-License-Identifier: MIT
"""The machine's memory: frames, address spaces, heaps."""

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
from ._regs import Registers

kernel: AddressSpace  # the upper half, in TTBR1
identity: AddressSpace  # in TTBR0 when no other space is: memory where its physical address is
heap: Heap  # the 1 MiB kernel heap

def regs() -> Registers:
    """Read the system registers."""

def info() -> None:
    """Print the boot report."""

def report() -> dict[str, object]:
    """The state of the machine; everything in it can be written as JSON."""

def selftest() -> None:
    """Run every check and print a line for each; RuntimeError when one failed."""

def ramdisk(size: int | None = None) -> RamDisk | None:
    """Make a disk in frames, or return the one there is; it survives a soft reset."""
