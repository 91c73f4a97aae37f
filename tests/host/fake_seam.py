# SPDX-License-Identifier: MIT
"""Translation tables of the mechanism on fake frames, and a record of the architecture seam."""

import ctypes
import enum
from collections.abc import Iterable
from typing import NamedTuple

import host_library

PAGE = 4096
M2 = 1 << 21
G1 = 1 << 30
UPPER = 0xFFFF_0000_0000_0000
NONE = (1 << 64) - 1

R, W, X, U = 1, 2, 4, 8
NORMAL, DEVICE, NONCACHED = 0 << 4, 1 << 4, 2 << 4

EPERM, ENOENT, ENOMEM, EFAULT = -1, -2, -12, -14
EBUSY, EEXIST, EINVAL, ERANGE, EALREADY = -16, -17, -22, -34, -114

PAGES_ONLY, NO_SPLIT = 1, 2
TLBI_MAX = 64
PERMISSIONS = 1 << 6 | 1 << 7 | 1 << 53 | 1 << 54
COUNT = 0x3FF << 2  # of the entries of a table, in the entry that links it: ignored by hardware

PAGING_SOURCES = ["paging.c", "paging_visit.c", "paging_read.c", "paging_change.c", "fake_arch.c"]
SPACE_SOURCES = [
    *PAGING_SOURCES,
    "pool.c",
    "space_error.c",
    "space_request.c",
    "space.c",
    "space_map.c",
    "space_paged.c",
    "space_stack.c",
    "space_reserve.c",
    "space_check.c",
    "region.c",
    "region_tree.c",
    "wx.c",
    "rights.c",
    "frame_owner.c",
    "window.c",
    "quarantine.c",
]

U64, U32, U16, U8 = ctypes.c_uint64, ctypes.c_uint32, ctypes.c_uint16, ctypes.c_uint8
PTR, SIZE, BOOL, INT = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_bool, ctypes.c_int
MAX_EVENTS = 20000


class Op(enum.IntEnum):
    """fake_op_t."""

    WRITE = 0
    DSB_ISHST = 1
    DSB_ISH = 2
    ISB = 3
    TLBI_VAE1IS = 4
    TLBI_VAAE1IS = 5
    TLBI_ASIDE1IS = 6
    TLBI_VMALLE1IS = 7
    TLBI_VMALLE1 = 8
    TTBR0 = 9
    TTBR1 = 10
    MASK = 11
    UNMASK = 12
    JUMP_LOW = 13
    JUMP_HIGH = 14
    SYNC_CODE = 15
    CLEAN = 16
    ALLOC = 17
    FREE = 18


class Event(NamedTuple):
    """One call of the seam or of the frame source."""

    op: Op
    a: int
    b: int
    c: int


class Source(ctypes.Structure):
    """mem_source_t."""

    _fields_ = [("ctx", PTR), ("alloc", PTR), ("free", PTR), ("linear", U64)]


class FakeSource(ctypes.Structure):
    """fake_source_t."""

    _fields_ = [
        ("base", U64),
        ("memory", PTR),
        ("used", PTR),
        ("frames", SIZE),
        ("hint", SIZE),
        ("in_use", SIZE),
        ("bad_frees", SIZE),
        ("fail_after", SIZE),
        ("junk", BOOL),
    ]


class WalkCache(ctypes.Structure):
    """paging_walk_cache_t."""

    _fields_ = [("va", U64), ("table", PTR), ("linear", U64)]


class PagingStruct(ctypes.Structure):
    """paging_t."""

    _fields_ = [
        ("source", PTR),
        ("root", U64),
        ("pa_limit", U64),
        ("tables", SIZE),
        ("asid", U16),
        ("upper", BOOL),
        ("live", BOOL),
        ("walk_cache", WalkCache),
    ]


class PagingError(ctypes.Structure):
    """paging_error_t."""

    _fields_ = [("va", U64), ("pa", U64)]


class Step(ctypes.Structure):
    """paging_step_t."""

    _fields_ = [("descriptor", U64), ("table", U64), ("index", U16), ("level", U8)]


class Run(ctypes.Structure):
    """paging_run_t."""

    _fields_ = [("va", U64), ("size", U64), ("pa", U64), ("attrs", U32)]


def declare(library: ctypes.CDLL, signatures: dict[str, tuple[type | None, list]]) -> None:
    """Gives functions their types: an address passed as a C int would lose its upper half."""
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments


FAKE_SIGNATURES: dict[str, tuple[type | None, list]] = {
    "fake_record": (None, [BOOL]),
    "fake_events": (SIZE, [PTR]),
    "fake_set_ttbr": (None, [U64, U64]),
    "fake_set_at": (None, [U64, U64]),
    "fake_set_source": (None, [PTR]),
    "fake_unmapped": (SIZE, []),
    "fake_synced": (SIZE, [PTR]),
    "fake_source_init": (None, [PTR, PTR, U64, PTR, PTR, SIZE]),
}

PAGING_SIGNATURES: dict[str, tuple[type | None, list]] = {
    "paging_init": (INT, [PTR, PTR, BOOL, U16, U64]),
    "paging_destroy": (None, [PTR]),
    "paging_map": (INT, [PTR, PTR, U32, PTR]),
    "paging_unmap": (INT, [PTR, U64, U64, U32, PTR]),
    "paging_protect": (INT, [PTR, U64, U64, U32, U32, PTR]),
    "paging_translate": (INT, [PTR, U64, PTR, PTR]),
    "paging_walk": (U32, [PTR, U64, PTR]),
    "paging_next_run": (BOOL, [PTR, U64, U64, PTR]),
    "paging_compact": (SIZE, [PTR, U64, U64]),
    "paging_check": (U32, [PTR, PTR, PTR]),
}


class Frames:
    """A source of `count` frames at physical address `base`, full of junk when handed out."""

    def __init__(self, library: ctypes.CDLL, count: int = 600, base: int = 0x4000_0000) -> None:
        declare(library, FAKE_SIGNATURES)
        self.library = library
        self.base = base
        self.memory = host_library.Memory(count * PAGE, PAGE)
        self._used = (U8 * count)()
        self.state = FakeSource()
        self.source = Source()
        library.fake_source_init(
            ctypes.addressof(self.state),
            ctypes.addressof(self.source),
            base,
            self.memory.address,
            ctypes.addressof(self._used),
            count,
        )

    @property
    def in_use(self) -> int:
        """Frames taken and not given back."""
        assert self.state.bad_frees == 0
        return self.state.in_use

    def fail_after(self, count: int | None) -> None:
        """Lets `count` more allocations succeed; None: all."""
        self.state.fail_after = NONE if count is None else count

    def take(self, count: int = 1) -> int:
        """Marks `count` consecutive frames as in use, for an owner; their physical address."""
        free = bytes(self._used).index(bytes(count))
        for i in range(free, free + count):
            self._used[i] = 1
        self.state.in_use += count
        return self.base + free * PAGE

    def is_used(self, pa: int) -> bool:
        """Whether the frame at `pa` is taken."""
        return bool(self._used[(pa - self.base) // PAGE])

    def snapshot(self) -> dict[int, bytes]:
        """The contents of every frame in use."""
        data = self.memory.data()
        return {
            self.base + i * PAGE: data[i * PAGE : (i + 1) * PAGE]
            for i, used in enumerate(bytes(self._used))
            if used
        }

    def write64(self, pa: int, value: int) -> None:
        """Changes eight bytes of a frame behind the mechanism's back."""
        self.memory.write(pa - self.base, value.to_bytes(8, "little"))

    def read64(self, pa: int) -> int:
        return int.from_bytes(self.memory.data(pa - self.base, 8), "little")

    def is_frame(self, descriptor: int) -> bool:
        """Whether an entry leads to one of these frames."""
        end = self.base + len(self._used) * PAGE
        return self.base <= descriptor & 0xFFFF_FFFF_F000 < end

    def pa_of_slot(self, slot: int) -> int:
        """Physical address of a descriptor that was written."""
        return slot - self.source.linear & NONE


class Recorder:
    """Records the seam during a `with` block."""

    def __init__(self, library: ctypes.CDLL) -> None:
        declare(library, FAKE_SIGNATURES)
        self.library = library
        self.events: list[Event] = []

    def __enter__(self) -> "Recorder":
        self.library.fake_record(True)
        return self

    def __exit__(self, *_: object) -> None:
        first = PTR()
        count = self.library.fake_events(ctypes.byref(first))
        assert count <= MAX_EVENTS, f"{count} events"
        raw = (U64 * (4 * count)).from_address(first.value or 0) if count else []
        self.events = [Event(Op(raw[i]), *raw[i + 1 : i + 4]) for i in range(0, 4 * count, 4)]
        self.library.fake_record(False)

    def ops(self, without: Iterable[Op] = (Op.ALLOC, Op.FREE)) -> list[Op]:
        """The order of calls, the frame source's left out."""
        return [event.op for event in self.events if event.op not in without]

    def summary(self) -> list[Op]:
        """The order of calls with repetitions folded."""
        ops = self.ops()
        return [op for i, op in enumerate(ops) if i == 0 or ops[i - 1] != op]


class Paging:
    """Methods are the paging_* functions; the failed address of the last call is in `why`."""

    def __init__(
        self,
        frames: Frames,
        *,
        upper: bool = False,
        asid: int = 7,
        live: bool = True,
        limit: int = 1 << 44,
    ) -> None:
        self.library = frames.library
        declare(self.library, PAGING_SIGNATURES)
        self.frames = frames
        self.state = PagingStruct()
        self.why = PagingError()
        self.asid = 0 if upper else asid
        self.base = UPPER if upper else 0
        self._p = ctypes.addressof(self.state)
        source = ctypes.addressof(frames.source)
        result = self.library.paging_init(self._p, source, upper, self.asid, limit)
        if result != 0:
            raise MemoryError(result)
        self.state.live = live

    def _because(self) -> int:
        self.why.va = self.why.pa = NONE
        return ctypes.addressof(self.why)

    def map(self, va: int, pa: int, size: int, attrs: int = R | W, flags: int = 0) -> int:
        run = Run(va=va, size=size, pa=pa, attrs=attrs)
        return self.library.paging_map(self._p, ctypes.addressof(run), flags, self._because())

    def unmap(self, va: int, size: int, flags: int = 0) -> int:
        return self.library.paging_unmap(self._p, va, size, flags, self._because())

    def protect(self, va: int, size: int, prot: int, flags: int = 0) -> int:
        return self.library.paging_protect(self._p, va, size, prot, flags, self._because())

    def translate(self, va: int) -> tuple[int, int] | int:
        """(pa, attrs), or the error."""
        pa, attrs = U64(), U32()
        result = self.library.paging_translate(
            self._p, va, ctypes.addressof(pa), ctypes.addressof(attrs)
        )
        return (pa.value, attrs.value) if result == 0 else result

    def walk(self, va: int) -> list[tuple[int, int, int, int]]:
        """(level, table, index, descriptor) of each level."""
        steps = (Step * 4)()
        count = self.library.paging_walk(self._p, va, ctypes.addressof(steps))
        return [(s.level, s.table, s.index, s.descriptor) for s in steps[:count]]

    def runs(self, start: int | None = None, end: int = 0) -> list[tuple[int, int, int, int]]:
        """(va, size, pa, attrs) of all maximal runs."""
        found = []
        run = Run()
        start = self.base if start is None else start
        while self.library.paging_next_run(self._p, start, end, ctypes.addressof(run)):
            found.append((run.va, run.size, run.pa, run.attrs))
            start = (run.va + run.size) % (1 << 64)
            if start in (0, end):
                break
        return found

    def compact(self, va: int | None = None, size: int = 1 << 48) -> int:
        return self.library.paging_compact(self._p, self.base if va is None else va, size)

    def check(self) -> int:
        return self.library.paging_check(self._p, None, None)

    def destroy(self) -> None:
        self.library.paging_destroy(self._p)

    @property
    def tables(self) -> int:
        return self.state.tables

    def leaf_level(self, va: int) -> int:
        """The level at which va is mapped."""
        level, _, _, descriptor = self.walk(va)[-1]
        assert descriptor & 1
        return level


def library() -> ctypes.CDLL:
    """The paging files on the recording seam."""
    return host_library.build("paging", PAGING_SOURCES, ["MEM_ARCH_RECORD"])
