# SPDX-License-Identifier: MIT
"""The native half of `memory`. Programs use `memory`; frozen boot code and tests use this too.

Addresses and sizes are in bytes, ranges half-open. ValueError and TypeError: an argument that can
never be right. OSError(errno, text): what the state forbids; the text names the value.
"""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, Self, final, overload

from typing_extensions import Buffer

Prot = Literal["r", "rw", "rx", "ru", "rwu", "rxu"]
MemType = Literal["normal", "device"]
Access = Literal["read", "write", "execute"]
FrameState = Literal["free", "used", "reserved", "unmanaged"]

# --- frames ---

@final
class Frames:
    """Contiguous memory, made by frames_alloc(). As a buffer it is mapped on first use."""

    @property
    def pa(self) -> int: ...
    @property
    def count(self) -> int: ...
    @property
    def size(self) -> int: ...
    def close(self) -> None:
        """Give the frames back. OSError(EBUSY) while an address space maps them."""

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
    """Contiguous frames; `align` is in frames, a power of two; `at`, `below` are addresses."""

def frames_reserve(pa: int, size: int, name: str) -> None:
    """Keep every frame that the range touches out of use until the machine is reset."""

def frames_stats() -> dict[str, int | tuple[int, ...]]:
    """total = free + used + reserved, peak_used, largest_run, and free_by_order (a tuple)."""

def frames_runs() -> list[tuple[int, int, FrameState, str | None]]:
    """(start, end, state, name of a reserved run) of all banks, in order."""

def frames_state(pa: int) -> tuple[FrameState, str | None]: ...
def owners() -> dict[str, int]:
    """Frames of each owner that has any; the sum is the number of used frames."""

def take_all() -> tuple[int, int, int]:
    """Take every free frame, mark, verify, give back: (runs, frames, largest)."""

def check() -> list[str]:
    """What is wrong with allocators, tables and owners; empty when all is well."""

# --- the disk ---

@final
class RamDisk:
    """A block device (blocks of 512 bytes) that survives a soft reset."""

    @property
    def size(self) -> int: ...
    def readblocks(self, block: int, buffer: Buffer, offset: int = 0, /) -> int: ...
    def writeblocks(self, block: int, buffer: Buffer, offset: int = 0, /) -> int: ...
    def ioctl(self, operation: int, argument: int, /) -> int | None: ...
    def close(self) -> None: ...

def ramdisk(size: int | None = None) -> RamDisk | None:
    """Make the disk, or return the one there is. OSError(EEXIST) when it has another size."""

# --- heaps ---

@final
class Block:
    """Memory of a heap."""

    @property
    def address(self) -> int: ...
    @property
    def size(self) -> int: ...
    def close(self) -> None: ...
    def __len__(self) -> int: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *args: object) -> None: ...

class Fault(OSError):
    """A fault of the thread. None where the processor does not say."""

    address: int | None
    access: str | None
    kind: str
    level: int | None
    esr: int
    pc: int
    el: int

@overload
def gc_limit() -> int: ...
@overload
def gc_limit(size: int, /) -> None:
    """Bytes that Python's heap may take beyond its first arena; 0: all of RAM."""

def probe(address: int, size: int = 4, /) -> int | None:
    """What is there, or None when the access faults."""

def poke(address: int, value: int, size: int = 4, /) -> bool:
    """Whether the write was taken."""

class Heap:
    """A heap of its own, between guard pages."""

    def __init__(self, size: int) -> None: ...
    @property
    def base(self) -> int: ...
    @property
    def size(self) -> int: ...
    def alloc(self, size: int, align: int = 16) -> Block: ...
    def realloc(self, block: Block, size: int, /) -> Block:
        """Resize, moving if need be; returns the same Block."""

    def stats(self) -> dict[str, int]:
        """size, used, free, overhead, live_blocks, free_blocks, largest_free, peak_used."""

    def check(self) -> list[str]: ...
    def walk(self) -> list[tuple[int, int, bool]]:
        """(address, size, used) of each block."""

    def show(self) -> None: ...
    def contains(self, address: int, /) -> bool: ...
    def close(self) -> None:
        """OSError(EBUSY) while blocks are in use, OSError(EPERM) for the kernel heap."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *args: object) -> None: ...

def kernel_heap() -> Heap | None: ...
def heap_make_kernel(va: int, size: int, /) -> None: ...
def gc_info() -> tuple[int, int]:
    """(total, free) bytes of the mapped areas of Python's own heap."""

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
    """Translation tables of the lower half; kernel half and identity view have handles."""

    def __init__(self) -> None: ...
    @property
    def asid(self) -> int: ...
    @property
    def root(self) -> int:
        """Physical address of the level 0 table."""

    @property
    def tables(self) -> int:
        """Frames used for tables."""

    @property
    def active(self) -> bool: ...
    @property
    def name(self) -> str | None: ...
    def map(
        self,
        va: int,
        frames_or_pa: Frames | int,
        size: int | None = None,
        prot: Prot = "rw",
        memtype: MemType = "normal",
    ) -> None:
        """Map [va, va + size) to frames, which are held while it lasts, or to a bare address."""

    def unmap(self, va: int, size: int, /) -> None: ...
    def protect(self, va: int, size: int, prot: Prot, /) -> None: ...
    def reserve(
        self,
        va: int,
        size: int,
        prot: Prot = "rw",
        pager: Callable[[int, Access], Frames | None] | None = None,
        step: bool = False,
    ) -> None:
        """Keep [va, va + size) free; with a pager, have it make each page when it is needed."""

    def evict(self, va: int, size: int, /) -> None:
        """Unmap the pages there are of a range with a pager, and free their frames."""

    def translate(self, va: int, /) -> int:
        """The physical address behind `va`. OSError(EFAULT) when it is not mapped."""

    def walk(self, va: int, /) -> list[Step]:
        """The entries that the processor reads to translate `va`."""

    def mappings(self) -> list[Mapping]:
        """What the tables map, run by run."""

    def regions(self) -> list[Region]:
        """What was mapped or reserved, call by call, guards included."""

    def compact(self, va: int | None = None, size: int | None = None) -> int:
        """Rejoin blocks; returns the number of table frames given back."""

    def show(self, va: int = ..., /) -> None:
        """Print the mappings, or the walk to `va`."""

    def activate(self) -> None:
        """Put the space into TTBR0."""

    def close(self) -> None:
        """Give every table frame back. OSError(EBUSY) while the space is active."""

    def __enter__(self) -> Self:
        """Activate; the end of the block activates what was active before."""

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
    """Declare a window of the kernel half. Flags: 1 map() may use it, 2 no address twice."""

def switch() -> None:
    """From the boot map to the kernel half and the identity view: once."""

# --- programs at EL0 ---

@final
class Registers:
    """All registers of a program; `dN` is the lower half of the 128-bit `qN` as a float."""

    def __init__(self) -> None:
        """All zero."""

    x0: int
    x1: int
    x2: int
    x3: int
    x4: int
    x5: int
    x6: int
    x7: int
    x8: int
    x9: int
    x10: int
    x11: int
    x12: int
    x13: int
    x14: int
    x15: int
    x16: int
    x17: int
    x18: int
    x19: int
    x20: int
    x21: int
    x22: int
    x23: int
    x24: int
    x25: int
    x26: int
    x27: int
    x28: int
    x29: int
    x30: int
    sp: int
    pc: int
    flags: int
    tpidr: int
    fpcr: int
    fpsr: int
    d0: float
    d1: float
    d2: float
    d3: float
    d4: float
    d5: float
    d6: float
    d7: float
    d8: float
    d9: float
    d10: float
    d11: float
    d12: float
    d13: float
    d14: float
    d15: float
    d16: float
    d17: float
    d18: float
    d19: float
    d20: float
    d21: float
    d22: float
    d23: float
    d24: float
    d25: float
    d26: float
    d27: float
    d28: float
    d29: float
    d30: float
    d31: float
    q0: int
    q1: int
    q2: int
    q3: int
    q4: int
    q5: int
    q6: int
    q7: int
    q8: int
    q9: int
    q10: int
    q11: int
    q12: int
    q13: int
    q14: int
    q15: int
    q16: int
    q17: int
    q18: int
    q19: int
    q20: int
    q21: int
    q22: int
    q23: int
    q24: int
    q25: int
    q26: int
    q27: int
    q28: int
    q29: int
    q30: int
    q31: int
    @property
    def call(self) -> int | None:
        """Number of the system call that stopped the program last, if one did."""

    def read(self, address: int, size: int, /) -> bytes:
        """Memory that the running program could read. OSError(EFAULT) names the address."""

    def write(self, address: int, data: Buffer, /) -> None:
        """The same for what it could write; all of `data`, or nothing."""

user_exit: object

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
    """Run a program at EL0 to its end; the arguments are those of memory.user.run()."""

# --- the machine ---

layout: dict[str, tuple[int, int]]  # window of the kernel half: (base, size)

def boot_info() -> dict[str, object]: ...
def safe_mode(why: str, /) -> None:
    """Have the banner say that the frozen boot code failed, and why."""

def boot_ticks() -> tuple[int, int]: ...
def sections() -> list[tuple[str, int, int, int, Prot]]:
    """(name, va, pa, size, prot) of the parts of the image."""

def mmio() -> list[tuple[int, int, str]]: ...
def regs() -> dict[str, int]:
    """System registers as read."""

def call(va: int, /, *args: int) -> int:
    """Run machine code at `va` with up to 8 arguments; returns X0."""

def sync_code(va: int, size: int, /) -> None:
    """Make code written as data visible to instruction fetches."""

def last_crash() -> str | None:
    """One line about the crash that ended the run before this one."""

def crash_action(action: Literal["halt", "reset"], /) -> None: ...
