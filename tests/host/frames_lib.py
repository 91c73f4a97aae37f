# SPDX-License-Identifier: MIT
"""The frame allocator of modules/memory through ctypes, in whole frames and byte addresses."""

import ctypes
import functools
from collections.abc import Callable, Sequence
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_uint, c_uint64, c_void_p

import host_library
import pytest

SOURCES = (
    "frames.c",
    "frames_init.c",
    "frames_map.c",
    "frames_regions.c",
    "frames_runs.c",
    "frames_search.c",
    "frames_stats.c",
)

PAGE = 4096
BLOCK = 512  # frames
NONE = 2**64 - 1
OK, ENOMEM, EFAULT, EBUSY, EINVAL, ERANGE, EALREADY = 0, -12, -14, -16, -22, -34, -114
STATES = ("free", "used", "reserved", "unmanaged")
KINDS = (
    "no error",
    "wrong count",
    "misaligned",
    "bad align",
    "no name",
    "too high",
    "not below",
    "none free",
    "table full",
    "never managed",
    "reserved",
    "in use",
    "already free",
)
ORDERS = 11

MIB = 1 << 20
GIB = 1 << 30
PI4_8GIB = [(0, 0x3B400000), (0x40000000, 0xFC000000), (0x100000000, 0x200000000)]
VIRT_128MIB = [(GIB, GIB + 128 * MIB)]

Bank = tuple[int, int]


class Range(ctypes.Structure):
    _fields_ = [("start", c_uint64), ("end", c_uint64)]


class Request(ctypes.Structure):
    _fields_ = [("align", c_size_t), ("at", c_uint64), ("below", c_uint64)]


class Error(ctypes.Structure):
    _fields_ = [("kind", c_int), ("result", c_int), ("pa", c_uint64), ("name", c_char_p)]


class Stats(ctypes.Structure):
    _fields_ = [
        ("total", c_size_t),
        ("free", c_size_t),
        ("used", c_size_t),
        ("reserved", c_size_t),
        ("peak_used", c_size_t),
        ("largest_run", c_size_t),
        ("free_by_order", c_size_t * ORDERS),
    ]


class Run(ctypes.Structure):
    _fields_ = [("start", c_uint64), ("end", c_uint64), ("state", c_int), ("name", c_char_p)]


class Refused(Exception):
    """A call that failed: its code and, where the call gives one, the reason."""

    def __init__(self, code: int, why: Error | None = None) -> None:
        self.code = code
        self.kind = KINDS[why.kind] if why else ""
        self.pa = why.pa if why else NONE
        assert why is None or why.result == code
        self.name = why.name.decode() if why and why.name else None
        super().__init__(f"{code} {self.kind} {self.pa:#x} {self.name}")


@functools.cache
def library() -> ctypes.CDLL:
    lib = host_library.build("frames", SOURCES)
    pa, size, context = c_uint64, c_size_t, c_void_p
    lib.frames_metadata_size.argtypes = [POINTER(Range), size]
    lib.frames_metadata_size.restype = size
    lib.frames_init.argtypes = [context, POINTER(Range), size, c_void_p, size]
    for function in (lib.frames_reserve, lib.frames_reserve_rest):
        function.argtypes = [context, pa, c_uint64, c_char_p, POINTER(Error)]
    lib.frames_alloc.argtypes = [context, size, POINTER(Request), POINTER(pa), POINTER(Error)]
    lib.frames_alloc_some.argtypes = [context, size, POINTER(pa)]
    lib.frames_alloc_some.restype = size
    lib.frames_free.argtypes = [context, pa, size, POINTER(Error)]
    lib.frames_state.argtypes = [context, pa, POINTER(c_char_p)]
    lib.frames_stats.argtypes = [context, POINTER(Stats)]
    lib.frames_largest_run.argtypes = [context, size]
    lib.frames_largest_run.restype = size
    lib.frames_next_run.argtypes = [context, pa, POINTER(Run)]
    lib.frames_next_run.restype = ctypes.c_bool
    for function in (lib.frames_total, lib.frames_used, lib.frames_available):
        function.argtypes = [context]
        function.restype = size
    lib.frames_bank.argtypes = [context, size, POINTER(Range)]
    lib.frames_bank.restype = ctypes.c_bool
    lib.frames_check.argtypes = [context]
    lib.frames_check.restype = c_uint
    return lib


def ranges(banks: Sequence[Bank]) -> ctypes.Array[Range]:
    return (Range * max(len(banks), 1))(*(Range(*bank) for bank in banks))


def metadata_size(banks: Sequence[Bank]) -> int:
    return int(library().frames_metadata_size(ranges(banks), len(banks)))


class Frames:
    """One allocator. Addresses are bytes, counts are frames."""

    # More than sizeof(frames_t); the sanitiser guards what lies behind it.
    CONTEXT_BYTES = 4096

    def __init__(self, banks: Sequence[Bank], spare: int = 0) -> None:
        size = metadata_size(banks)
        self.context = host_library.Memory(self.CONTEXT_BYTES)
        self.metadata = host_library.Memory(size + spare if size else 64)
        self.lib = library()
        self._names: list[bytes] = []
        self._f = self.context.address
        code = self.lib.frames_init(
            self._f, ranges(banks), len(banks), self.metadata.address, self.metadata.size
        )
        if code:
            raise Refused(code)

    def reserve(self, pa: int, size: int, name: str, rest: bool = False) -> None:
        function = self.lib.frames_reserve_rest if rest else self.lib.frames_reserve
        self._names.append(name.encode())
        why = Error()
        code = function(self._f, pa, size, self._names[-1], byref(why))
        if code:
            raise Refused(code, why)

    def alloc(self, count: int = 1, *, align: int = 1, at: int = NONE, below: int = NONE) -> int:
        pa = c_uint64(NONE)
        request = Request(align, at, below)
        why = Error()
        code = self.lib.frames_alloc(self._f, count, byref(request), byref(pa), byref(why))
        if code:
            assert pa.value == NONE, "a refusal must not write its result"
            raise Refused(code, why)
        return pa.value

    def alloc_any(self, count: int = 1) -> int:
        """As alloc(), with no request at all."""
        pa = c_uint64(NONE)
        why = Error()
        code = self.lib.frames_alloc(self._f, count, None, byref(pa), byref(why))
        if code:
            raise Refused(code, why)
        return pa.value

    def alloc_some(self, max_count: int) -> tuple[int, int]:
        pa = c_uint64(NONE)
        count = self.lib.frames_alloc_some(self._f, max_count, byref(pa))
        return pa.value, count

    def free(self, pa: int, count: int = 1) -> None:
        why = Error()
        code = self.lib.frames_free(self._f, pa, count, byref(why))
        if code:
            raise Refused(code, why)

    def state(self, pa: int) -> tuple[str, str | None]:
        name = c_char_p()
        state = STATES[self.lib.frames_state(self._f, pa, byref(name))]
        return state, name.value.decode() if name.value else None

    def stats(self) -> Stats:
        stats = Stats()
        self.lib.frames_stats(self._f, byref(stats))
        return stats

    def counters(self) -> tuple[int, int, int]:
        """Frames in all, in use, and available."""
        f = self._f
        return self.lib.frames_total(f), self.lib.frames_used(f), self.lib.frames_available(f)

    def banks(self) -> list[Bank]:
        found: list[Bank] = []
        bank = Range()
        while self.lib.frames_bank(self._f, len(found), byref(bank)):
            found.append((bank.start, bank.end))
        return found

    def largest_run(self, enough: int = NONE) -> int:
        return int(self.lib.frames_largest_run(self._f, enough))

    def runs(self, start: int = 0) -> list[tuple[int, int, str, str | None]]:
        found = []
        run = Run()
        while self.lib.frames_next_run(self._f, start, byref(run)):
            name = run.name.decode() if run.name else None
            found.append((run.start, run.end, STATES[run.state], name))
            start = run.end
        return found

    def check(self) -> int:
        return int(self.lib.frames_check(self._f))

    def snapshot(self) -> tuple[bytes, bytes]:
        """The whole state of the allocator, to see that a refusal changed nothing."""
        return self.context.data(), self.metadata.data()


def refused(code: int, call: Callable[..., object], *args: object, **kwargs: object) -> Refused:
    """Calls, expects a refusal with `code`, and returns it."""
    with pytest.raises(Refused) as caught:
        call(*args, **kwargs)
    assert caught.value.code == code, caught.value
    return caught.value


def fill(frames: Frames) -> int:
    """Takes all that is left, in the largest runs; returns how many frames that was."""
    taken = 0
    while count := frames.alloc_some(NONE)[1]:
        taken += count
    return taken
