# SPDX-License-Identifier: MIT
"""The native part of `memory`. Programs use `memory`; boot code and tests use this module too.

Addresses and sizes are in bytes, ranges are half-open. TypeError, ValueError: an argument that is
never valid. OSError(errno, text): the state of the machine forbids it; the text names the value.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, Self, TypeAlias, TypedDict, final, overload

from typing_extensions import Buffer

from ._registers import Registers as Registers

Prot = Literal["r", "rw", "rx", "ru", "rwu", "rxu"]
MemType = Literal["normal", "device"]
Access = Literal["read", "write", "execute"]
FrameState = Literal["free", "used", "reserved", "unmanaged"]
# None is possible, in cases that a type checker cannot tell apart.
_MaybeNone: TypeAlias = Any

# --- frames ---

@final
class Frames:
    """Contiguous memory, made by memory.frames.alloc(). Its first use as a buffer maps it."""

    @property
    def pa(self) -> int:
        """Physical address of the first byte."""

    @property
    def count(self) -> int:
        """Number of frames."""

    @property
    def size(self) -> int:
        """Size in bytes."""

    def close(self) -> None:
        """Free the frames. OSError(EBUSY): an address space maps them."""

    def __len__(self) -> int: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *args: object) -> None: ...

def frames_alloc(
    count: int = 1,
    *,
    align: int = 1,
    at: int | None = None,
    below: int | None = None,
    zero: bool = True,
) -> Frames:
    """Allocate contiguous frames.

    `align` is in frames and a power of two. `at`: exactly this physical address. `below`: all of
    it below this physical address. `zero`: fill with zeros.
    """

def frames_reserve(pa: int, size: int, name: str) -> None:
    """Keep the frames of a range out of use until the machine is reset."""

class FrameStats(TypedDict):
    """Frames: total = free + used + reserved."""

    total: int
    free: int
    used: int
    reserved: int
    peak_used: int
    largest_run: int
    free_by_order: tuple[int, ...]  # free pieces of 1, 2, 4 ... 1024 frames

def frames_stats() -> FrameStats:
    """Counts of frames, the peak of used ones and the largest free run."""

def frames_runs() -> list[tuple[int, int, FrameState, str | None]]:
    """(start, end, state, name) of each run, in order; only reserved runs have a name."""

def frames_state(pa: int) -> tuple[FrameState, str | None]:
    """(state, name) of the frame that contains `pa`."""

def owners() -> dict[str, int]:
    """Frames of each owner that has any. The sum is the number of used frames."""

def take_all() -> tuple[int, int, int]:
    """Allocate every free frame, write, verify and free it: (runs, frames, largest run)."""

def check() -> list[str]:
    """Faults in allocators, tables and owners; an empty list when there are none."""

# --- disks ---

@final
class RamDisk:
    """A block device (blocks of 512 bytes) that survives a soft reset."""

    @property
    def size(self) -> int:
        """Size in bytes."""

    def readblocks(self, block: int, buffer: Buffer, offset: int = 0, /) -> int:
        """Fill the buffer from block `block` on; return 0."""

    def writeblocks(self, block: int, buffer: Buffer, offset: int = 0, /) -> int:
        """Write the buffer from block `block` on; return 0."""

    def ioctl(self, operation: int, argument: int, /) -> int | None:
        """Answer a request of a filesystem."""

    def close(self) -> None:
        """Destroy the disk and free its frames."""

@overload
def ramdisk() -> RamDisk | None: ...
@overload
def ramdisk(size: int) -> RamDisk:
    """Make the disk, or return the disk that exists. OSError(EEXIST): it has another size."""

def root_disk() -> RamDisk:
    """Return what boot mounts at / without a card: an empty FAT at first."""

# --- heaps ---

@final
class Block:
    """Memory of a heap, made by Heap.alloc()."""

    @property
    def address(self) -> int:
        """Virtual address of the first byte."""

    @property
    def size(self) -> int:
        """Size in bytes."""

    def close(self) -> None:
        """Free the memory."""

    def __len__(self) -> int: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *args: object) -> None: ...

class Fault(OSError):
    """An access or instruction that faulted. None: the processor does not report it."""

    address: int | _MaybeNone
    access: Access | _MaybeNone
    kind: str
    level: int | _MaybeNone
    esr: int
    pc: int
    el: int

@overload
def gc_limit() -> int: ...
@overload
def gc_limit(size: int, /) -> None:
    """Bytes that Python's heap may allocate beyond its first 96 KiB; 0: no limit."""

def probe(address: int, size: int = 4, /) -> int | None:
    """The value at an address; None: the access faults."""

def poke(address: int, value: int, size: int = 4, /) -> bool:
    """Write a value to an address; False: the access faults."""

class HeapStats(TypedDict):
    """In bytes: size = used + free + overhead."""

    size: int
    used: int
    free: int
    overhead: int
    live_blocks: int
    free_blocks: int
    largest_free: int
    peak_used: int

class Heap:
    """A heap between guard pages."""

    def __init__(self, size: int) -> None: ...
    @property
    def base(self) -> int:
        """Virtual address of the first byte."""

    @property
    def size(self) -> int:
        """Size in bytes."""

    def alloc(self, size: int, align: int = 16) -> Block:
        """Allocate `size` bytes at a multiple of `align`, a power of two."""

    def realloc(self, block: Block, size: int, /) -> Block:
        """Resize the block, at another address if necessary; return the same Block."""

    def stats(self) -> HeapStats:
        """Bytes and blocks in use and free, and the peak of used bytes."""

    def check(self) -> list[str]:
        """Faults in the heap; an empty list when there are none."""

    def walk(self) -> list[tuple[int, int, bool]]:
        """(address, size, used) of each block."""

    def show(self) -> None:
        """Print the blocks."""

    def contains(self, address: int, /) -> bool:
        """Whether a block in use can be at this address."""

    def close(self) -> None:
        """Free the heap. OSError: EBUSY (blocks are in use), EPERM (the kernel heap)."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *args: object) -> None: ...

def kernel_heap() -> Heap | None: ...
def heap_make_kernel(va: int, size: int, /) -> None: ...
def gc_info() -> tuple[int, int]:
    """(total, free) bytes of Python's own heap as large as it is now."""

def gc_report() -> tuple[
    list[tuple[int, int, int, int, int, int]],
    list[tuple[str, int, int]],
    tuple[int, int, int, int, int],
    int,
]:
    """Python's own heap: areas, types, ticks of the last collection by part, collections."""

def gc_used(start: int, size: int, /) -> int:
    """Bytes in use of a range of Python's own heap."""

# --- address spaces ---

class Step(NamedTuple):
    """One level of a walk: entry `index` of the table at `table` holds `descriptor`."""

    level: int
    table: int
    index: int  # type: ignore[assignment]  # hides the method, there too
    descriptor: int
    kind: Literal["invalid", "table", "block", "page"]
    pa: int | None  # of the next table, block or page
    prot: Prot | None
    memtype: MemType | Literal["noncached"] | None
    flags: str | None  # fields of a block or page, by the Arm ARM's names

class Mapping(NamedTuple):
    start: int
    end: int
    pa: int
    prot: Prot
    memtype: MemType | Literal["noncached"]
    name: str | None

class Region(NamedTuple):
    start: int
    end: int
    pa: int | None  # None: reserved, nothing is mapped (a guard)
    prot: Prot | None
    memtype: MemType | Literal["noncached"] | None
    name: str | None
    locked: bool
    held: bool  # the mapping keeps a Frames object's frames

class AddressSpace:
    """Translation tables: of the lower half, or those of memory.kernel and memory.identity."""

    def __init__(self) -> None: ...
    @property
    def asid(self) -> int:
        """Address space identifier, which tags its TLB entries."""

    @property
    def root(self) -> int:
        """Physical address of the level 0 table."""

    @property
    def tables(self) -> int:
        """Frames used for tables."""

    @property
    def active(self) -> bool:
        """Whether the processor uses the tables."""

    @property
    def name(self) -> str | None:
        """'kernel', 'identity' or None."""

    def map(
        self,
        va: int,
        frames_or_pa: Frames | int,
        size: int | None = None,
        prot: Prot = "rw",
        memtype: MemType = "normal",
    ) -> None:
        """Map [va, va + size) to Frames, which the mapping holds, or to a physical address."""

    def unmap(self, va: int, size: int, /) -> None:
        """Remove the mappings of a range. OSError(EFAULT): a page of it is not mapped."""

    def protect(self, va: int, size: int, prot: Prot, /) -> None:
        """Change the protection of a range."""

    def reserve(
        self,
        va: int,
        size: int,
        prot: Prot = "rw",
        pager: Callable[[int, Access], Frames | None] | None = None,
        step: bool = False,
    ) -> None:
        """Keep [va, va + size) free. With a pager, an access to a missing page calls it.

        With `step` each page stays mapped for one instruction only.
        """

    def evict(self, va: int, size: int, /) -> None:
        """Unmap the pages that exist in a range with a pager, and free their frames."""

    def translate(self, va: int, /) -> int:
        """The physical address that `va` is mapped to. OSError(EFAULT): it is not mapped."""

    def walk(self, va: int, /) -> list[Step]:
        """The entries that the processor reads to translate `va`."""

    def mappings(self) -> list[Mapping]:
        """What the tables map, one tuple for each run of addresses."""

    def regions(self) -> list[Region]:
        """What was mapped or reserved, one tuple for each call; guards are included."""

    def compact(self, va: int | None = None, size: int | None = None) -> int:
        """Rejoin blocks; return the number of table frames that this freed."""

    def show(self, va: int = ..., /) -> None:
        """Print the mappings, or the walk to `va`."""

    def activate(self) -> None:
        """Put the space into TTBR0."""

    def close(self) -> None:
        """Free all tables and end all mappings. OSError(EBUSY): the space is active."""

    def __enter__(self) -> Self:
        """Activate the space; the end of the block activates what was active before."""

    def __exit__(self, *args: object) -> None: ...
    def _boot_map(
        self, va: int, pa: int, size: int, prot: Prot, memtype: str, name: str, locked: bool, /
    ) -> None: ...
    def _reserve(self, va: int, size: int, name: str, /) -> None: ...

def open_kernel() -> AddressSpace: ...
def open_identity() -> AddressSpace: ...
def kernel() -> AddressSpace | None: ...
def identity() -> AddressSpace | None: ...
def active_space() -> AddressSpace | None: ...
def window_add(start: int, end: int, flags: int, name: str, /) -> None:
    """Declare a window of the kernel half. Flags: 1: map() may use it, 2: no address is reused."""

def switch() -> None:
    """Switch from the boot map to the kernel half and the identity view. It works once."""

# --- programs at EL0 ---

user_exit: object
"""What a handler returns to end the program."""

def user_last() -> Registers | None:
    """The registers of the program that was started last; None before the first one."""

def user_run(
    space: AddressSpace,
    registers: Registers,
    pc: int,
    sp: int | None,
    args: Sequence[int],
    handler: Callable[[int, Registers], object] | None,
    limit_ms: int,
    /,
) -> Registers:
    """Run a program at EL0 to its end. The arguments are those of memory.user.run()."""

# --- the machine ---

layout: dict[str, tuple[int, int]]
"""(base, size) of each window of the kernel half."""

def boot_info() -> dict[str, object]: ...
def safe_mode(why: str, /) -> None:
    """Make the banner report that the frozen boot code failed, and why."""

def boot_ticks() -> tuple[int, int, int]:
    """Ticks of the counter: at the image's start, at the prompt, and slept between the two."""

def sections() -> list[tuple[str, int, int, int, Prot]]:
    """(name, va, pa, size, prot) of the parts of the image."""

def mmio() -> list[tuple[int, int, str]]:
    """(start, end, name) of the ranges of device registers."""

def regs() -> dict[str, int]:
    """The system registers as read."""

def call(va: int, /, *args: int) -> int:
    """Run the machine code at `va` with up to 8 integers in X0 to X7; return X0."""

def sync_code(va: int, size: int, /) -> None:
    """Make code that was written as data visible to instruction fetches."""

def last_crash() -> str | None:
    """One line about the crash that ended the previous run; None: it ended without a crash."""

def crash_action(action: Literal["halt", "reset"], /) -> None:
    """What the machine does after a crash report."""
