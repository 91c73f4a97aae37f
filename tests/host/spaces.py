# SPDX-License-Identifier: MIT
"""Address spaces of the mechanism on fake frames: spaces, frame owners and windows for tests."""

import ctypes
import enum
from collections.abc import Callable, Iterable, Sequence

import fake_seam
import host_library
from fake_seam import BOOL, INT, NONE, PAGE, PTR, SIZE, U32, U64, R, W, X

BOOT, LOCKED, RESERVED, PAGED = 1, 2, 4, 8
FORCE, BLOCKS, PAGES = 16, 32, 64
OPEN, QUARANTINE = 1, 2

RAM = (0x4000_0000, 0x8000_0000)
TEXT = (0x4020_0000, 0x4028_0000)  # never writable
DATA = (0x402C_0000, 0x4030_0000)  # never executable
MMIO = 0xFE00_0000


class Why(enum.IntEnum):
    """space_error_kind_t."""

    NO_ERROR = 0
    MISALIGNED = 1
    BAD_SIZE = 2
    BAD_ATTRS = 3
    OUT_OF_HALF = 4
    OUT_OF_PA = 5
    NOT_RAM = 6
    NOT_MMIO = 7
    NOT_DMA = 8
    NOT_HELD = 9
    MAPPED = 10
    UNMAPPED = 11
    LOCKED = 12
    NO_WINDOW = 13
    PROTECTED = 14
    WRITE_EXECUTE = 15
    SPLIT = 16
    NO_TABLES = 17
    NO_ASID = 18
    NO_ADDRESS = 19
    ACTIVE = 20
    KERNEL = 21
    HELD = 22
    TABLE_FULL = 23
    NOT_KEPT = 24
    NOT_PAGED = 25
    TOO_MUCH = 26
    KERNEL_OPEN = 27
    USER = 28
    NEVER_CODE = 29
    TAKEN = 30


class Request(ctypes.Structure):
    """space_request_t."""

    _fields_ = [
        ("va", U64),
        ("pa", U64),
        ("size", U64),
        ("attrs", U32),
        ("flags", U32),
        ("name", ctypes.c_char_p),
        ("owner", PTR),
        ("pager", U32),
    ]


class WindowRequest(ctypes.Structure):
    """window_request_t."""

    _fields_ = [("size", U64), ("align", U64), ("guard", U64)]


class Range(ctypes.Structure):
    """mem_range_t."""

    _fields_ = [("start", U64), ("end", U64)]


class Error(ctypes.Structure):
    """space_error_t."""

    _fields_ = [
        ("kind", U32),
        ("va", U64),
        ("pa", U64),
        ("value", U64),
        ("name", ctypes.c_char_p),
        ("other_space", PTR),
        ("other_va", U64),
    ]


class Damage(ctypes.Structure):
    """space_damage_t."""

    _fields_ = [
        ("what", ctypes.c_char_p),
        ("space", PTR),
        ("va", U64),
        ("entry", fake_seam.Step),
    ]


class Region(ctypes.Structure):
    """region_t."""

    _fields_ = [
        ("next", PTR),
        ("prev", PTR),
        ("child", PTR * 2),
        ("x_next", PTR),
        ("x_prev", PTR),
        ("owner_next", PTR),
        ("owner_prev", PTR),
        ("space", PTR),
        ("owner", PTR),
        ("name", ctypes.c_char_p),
        ("start", U64),
        ("last", U64),
        ("pa", U64),
        ("attrs", U32),
        ("flags", U32),
        ("pager", U32),
        ("height", U32),
    ]


class FrameOwner(ctypes.Structure):
    """frame_owner_t."""

    _fields_ = [
        ("next", PTR),
        ("prev", PTR),
        ("pa", U64),
        ("count", SIZE),
        ("regions", PTR),
        ("maps", U32),
        ("orphan", BOOL),
    ]


class SpaceStruct(ctypes.Structure):
    """space_t."""

    _fields_ = [
        ("next", PTR),
        ("prev", PTR),
        ("paging", fake_seam.PagingStruct),
        ("regions", PTR),
        ("root", PTR),
        ("finger", PTR),
        ("region_count", SIZE),
        ("name", ctypes.c_char_p),
    ]


class StackStruct(ctypes.Structure):
    """space_stack_t."""

    _fields_ = [
        ("kernel", PTR),
        ("window", Range),
        ("low", U64),
        ("attrs", U32),
        ("count", SIZE),
        ("frames", U64 * 16),
    ]


class QuarantineRange(ctypes.Structure):
    """quarantine_range_t."""

    _fields_ = [("start", U64), ("end", U64), ("seen", BOOL)]


class QuarantineStruct(ctypes.Structure):
    """quarantine_t."""

    _fields_ = [("range", QuarantineRange * 128), ("count", SIZE), ("limit", U64)]

    @property
    def ranges(self) -> list[tuple[int, int]]:
        return [(each.start, each.end) for each in self.range[: self.count]]


class Switch(ctypes.Structure):
    """space_switch_t."""

    _fields_ = [("trampoline_pa", U64), ("keep", PTR), ("n_keep", SIZE)]


SIGNATURES: dict[str, tuple[type | None, list]] = {
    "spaces_size": (SIZE, []),
    "shim_spaces_record_frames": (SIZE, [PTR]),
    "spaces_init": (None, [PTR, PTR, U64]),
    "spaces_add_ram": (INT, [PTR, U64, U64]),
    "spaces_protect_range": (INT, [PTR, U64, U64, U32, ctypes.c_char_p]),
    "space_open": (INT, [PTR, BOOL, ctypes.c_char_p, PTR, PTR]),
    "space_close": (INT, [PTR, PTR, PTR]),
    "spaces_close_all": (SIZE, [PTR, PTR]),
    "space_activate": (INT, [PTR, PTR, PTR]),
    "spaces_switch": (INT, [PTR, PTR, PTR, PTR, PTR]),
    "spaces_check": (U32, [PTR, PTR, host_library.STOP]),
    "space_map": (INT, [PTR, PTR, PTR, PTR]),
    "space_unmap": (INT, [PTR, PTR, U64, U64, U32, PTR]),
    "space_protect": (INT, [PTR, PTR, PTR, PTR]),
    "space_reserve": (INT, [PTR, PTR, PTR, PTR]),
    "space_paged_in": (INT, [PTR, PTR, U64, PTR, PTR]),
    "space_paged_map": (INT, [PTR, PTR, PTR, PTR]),
    "space_paged_protect": (INT, [PTR, PTR, PTR, PTR]),
    "space_paged_evict": (INT, [PTR, PTR, U64, U64, PTR]),
    "space_clear": (SIZE, [PTR, PTR, U32]),
    "region_find": (PTR, [PTR, U64]),
    "frame_owner_open": (PTR, [PTR, U64, SIZE]),
    "frame_owner_close": (INT, [PTR, PTR, PTR]),
    "frame_owner_orphan": (None, [PTR, PTR]),
    "frame_owner_orphan_all": (SIZE, [PTR]),
    "window_add": (INT, [PTR, Range, U32, ctypes.c_char_p, PTR]),
    "window_alloc": (INT, [PTR, PTR, PTR, PTR, PTR]),
    "window_unmapped": (None, [PTR, U64, U64]),
    "window_reset": (INT, [PTR, PTR]),
    "window_named": (PTR, [PTR, ctypes.c_char_p]),
    "window_of": (PTR, [PTR, U64]),
    "space_open_range": (INT, [PTR, PTR, PTR, PTR]),
    "space_stack_open": (INT, [PTR, PTR, PTR, PTR, PTR]),
    "space_stack_end": (U64, [PTR]),
    "space_stack_reach": (BOOL, [PTR, U64]),
    "space_stack_refill": (None, [PTR]),
    "space_stack_release": (None, [PTR, U64]),
    "space_stack_frames": (SIZE, [PTR]),
    "shim_spaces_quarantine": (PTR, [PTR]),
    "quarantine_add": (None, [PTR, U64, U64]),
    "quarantine_begin": (None, [PTR]),
    "quarantine_see": (None, [PTR, U64]),
    "quarantine_end": (None, [PTR]),
    "quarantine_hull": (Range, [PTR]),
    "quarantine_end_in": (U64, [PTR, U64, U64]),
    "quarantine_is_sound": (BOOL, [PTR]),
    "paging_fill": (None, [PTR, U64, U64, U32]),
    "paging_evict": (None, [PTR, U64, U64]),
    "paging_compact": (SIZE, [PTR, U64, U64]),
    "paging_translate": (INT, [PTR, U64, PTR, PTR]),
    "paging_walk": (U32, [PTR, U64, PTR]),
    "arch_read_ttbr0": (U64, []),
    "arch_read_ttbr1": (U64, []),
}


class Spaces:
    """A spaces_t with RAM, the kernel's text and data in it, and all frames inside RAM.

    With other banks there is no kernel in them.
    """

    def __init__(
        self,
        frames: int = 200,
        ram: Sequence[tuple[int, int]] = (RAM,),
        extra_sources: Sequence[str] = (),
    ) -> None:
        sources = [*fake_seam.SPACE_SOURCES, "space_shim.c", *extra_sources]
        self.library = host_library.build("space", sources, ["MEM_ARCH_RECORD"])
        fake_seam.declare(self.library, SIGNATURES)
        self.frames = fake_seam.Frames(self.library, frames, 0x6000_0000)
        self.memory = host_library.Memory(self.library.spaces_size())
        self.s = self.memory.address
        self.library.fake_set_source(ctypes.addressof(self.frames.state))
        self.library.fake_set_ttbr(0, 0)
        self.library.fake_unmapped()
        self.synced()
        self.error = Error()
        self.damage = Damage()
        self.names: dict[str, bytes] = {}
        self.library.spaces_init(self.s, ctypes.addressof(self.frames.source), 1 << 40)
        for bank in ram:
            assert self.library.spaces_add_ram(self.s, *bank) == 0
        if RAM in ram:
            for where, never, name in ((TEXT, W, "kernel text"), (DATA, X, "data")):
                text = self.name(name)
                assert self.library.spaces_protect_range(self.s, *where, never, text) == 0

    def name(self, text: str | None) -> bytes | None:
        """One bytes object a name: the mechanism keeps and compares the pointer."""
        return None if text is None else self.names.setdefault(text, text.encode())

    def because(self) -> int:
        self.error = Error()
        return ctypes.addressof(self.error)

    @property
    def why(self) -> Why:
        """What the last failed call met."""
        return Why(self.error.kind)

    def open(self, name: str | None = None, upper: bool = False) -> "Space":
        pointer = PTR()
        result = self.library.space_open(
            self.s, upper, self.name(name), ctypes.byref(pointer), self.because()
        )
        if result != 0:
            raise MemoryError(result, self.why)
        space = Space(self, pointer.value or 0)
        if upper:  # as after the switch to it
            self.library.fake_set_ttbr(self.library.arch_read_ttbr0(), space.state.paging.root)
        return space

    def owner(self, count: int = 1) -> int:
        """A frame owner with frames of its own."""
        owner = self.library.frame_owner_open(self.s, self.frames.take(count), count)
        assert owner
        return owner

    def close_owner(self, owner: int) -> int:
        return self.library.frame_owner_close(self.s, owner, self.because())

    def orphan(self, owner: int) -> None:
        self.library.frame_owner_orphan(self.s, owner)

    def window(self, start: int, end: int, flags: int, name: str) -> int:
        """The window's address, or the error."""
        result = self.library.window_add(
            self.s, Range(start, end), flags, self.name(name), self.because()
        )
        return result or self.library.window_of(self.s, start)

    def place(self, window: int, size: int, align: int = 0, guard: int = 0) -> int:
        """window_alloc: the address, or the error."""
        va = U64()
        request = WindowRequest(size, align, guard)
        result = self.library.window_alloc(
            self.s,
            window,
            ctypes.addressof(request),
            ctypes.byref(va),
            self.because(),
        )
        return result or va.value

    @property
    def quarantine(self) -> QuarantineStruct:
        return QuarantineStruct.from_address(self.library.shim_spaces_quarantine(self.s))

    def trace(self, words: Iterable[int] = ()) -> None:
        """A trace that meets these words."""
        quarantine = ctypes.addressof(self.quarantine)
        self.library.quarantine_begin(quarantine)
        for word in words:
            self.library.quarantine_see(quarantine, word)
        self.library.quarantine_end(quarantine)

    def synced(self) -> set[int]:
        """The frames whose code was made visible to instruction fetches since the last call."""
        first = PTR()
        count = self.library.fake_synced(ctypes.byref(first))
        return set((U64 * count).from_address(first.value or 0)) if count else set()

    def check(self, stop: Callable[[], bool] | None = None) -> int:
        """The number of broken invariants; the first is in `damage`. `stop` may end it."""
        assert self.library.fake_unmapped() == 0, "cache maintenance where nothing is mapped"
        self.damage = Damage()
        asked = host_library.STOP(stop) if stop else host_library.STOP()
        return self.library.spaces_check(self.s, ctypes.addressof(self.damage), asked)

    def record_frames(self) -> int:
        """Frames taken by the pools of records."""
        return self.library.shim_spaces_record_frames(self.s)

    def use_up_records(self) -> "Space":
        """Takes every record of a region there is, and leaves no frame for more. They are in the
        space returned, a page each: unmap() gives one back."""
        other = self.open("records")
        self.frames.fail_after(0)
        va = 0
        while (result := other.reserve(va, PAGE)) == 0:
            va += 2 * PAGE
        assert (result, self.why) == (fake_seam.ENOMEM, Why.NO_TABLES)
        return other

    def switch(self, kernel: "Space", identity: "Space", trampoline: int, keep: list[int]) -> int:
        array = (U64 * len(keep))(*keep)
        how = Switch(trampoline, ctypes.addressof(array), len(keep))
        return self.library.spaces_switch(
            self.s, kernel.p, identity.p, ctypes.addressof(how), self.because()
        )


def owner_record(owner: int) -> FrameOwner:
    """The record of a frame owner."""
    return FrameOwner.from_address(owner)


class Space:
    """Methods are the space_* functions; results are theirs, details in spaces.error."""

    def __init__(self, spaces: Spaces, pointer: int) -> None:
        self.spaces = spaces
        self.library = spaces.library
        self.p = pointer
        self.base = fake_seam.UPPER if self.state.paging.upper else 0

    @property
    def state(self) -> SpaceStruct:
        return SpaceStruct.from_address(self.p)

    def map(
        self,
        va: int,
        pa: int | None,
        size: int = PAGE,
        attrs: int = R | W,
        flags: int = 0,
        name: str | None = None,
        owner: int | None = None,
    ) -> int:
        if pa is None:
            assert owner is not None
            pa = owner_record(owner).pa
        request = Request(va, pa, size, attrs, flags, self.spaces.name(name), owner)
        return self.library.space_map(
            self.spaces.s, self.p, ctypes.addressof(request), self.spaces.because()
        )

    def unmap(self, va: int, size: int = PAGE, flags: int = 0) -> int:
        why = self.spaces.because()
        return self.library.space_unmap(self.spaces.s, self.p, va, size, flags, why)

    def protect(self, va: int, size: int, prot: int, flags: int = 0) -> int:
        request = Request(va, 0, size, prot, flags)
        return self.library.space_protect(
            self.spaces.s, self.p, ctypes.addressof(request), self.spaces.because()
        )

    def reserve(self, va: int, size: int, flags: int = 0, name: str | None = None) -> int:
        request = Request(va, 0, size, 0, flags, self.spaces.name(name))
        return self.library.space_reserve(
            self.spaces.s, self.p, ctypes.addressof(request), self.spaces.because()
        )

    def clear(self, keep: int) -> int:
        return self.library.space_clear(self.spaces.s, self.p, keep)

    def activate(self) -> int:
        return self.library.space_activate(self.spaces.s, self.p, self.spaces.because())

    def close(self) -> int:
        return self.library.space_close(self.spaces.s, self.p, self.spaces.because())

    def compact(self) -> int:
        paging = self.p + SpaceStruct.paging.offset
        return self.library.paging_compact(paging, self.base, 1 << 48)

    def translate(self, va: int) -> tuple[int, int] | int:
        pa, attrs = U64(), U32()
        result = self.library.paging_translate(
            self.p + SpaceStruct.paging.offset, va, ctypes.byref(pa), ctypes.byref(attrs)
        )
        return (pa.value, attrs.value) if result == 0 else result

    def walk(self, va: int) -> list[tuple[int, int]]:
        """(physical address of the entry, descriptor) of each level."""
        steps = (fake_seam.Step * 4)()
        count = self.library.paging_walk(
            self.p + SpaceStruct.paging.offset, va, ctypes.addressof(steps)
        )
        return [(s.table + 8 * s.index, s.descriptor) for s in steps[:count]]

    def regions(self) -> list[Region]:
        found = []
        at = self.state.regions
        while at:
            found.append(Region.from_address(at))
            at = found[-1].next
        return found

    def layout(self) -> list[tuple[int, int, int, int]]:
        """(start, size, pa, attrs) of every region; pa is NONE when reserved."""
        return [
            (r.start, r.last - r.start + 1, NONE if r.flags & RESERVED else r.pa, r.attrs)
            for r in self.regions()
        ]
