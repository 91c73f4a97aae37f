# SPDX-License-Identifier: MIT
"""heap.c behind ctypes: one heap in a region of its own."""

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

import host_library

ALIGN = 16
ALIGN_MAX = 512 << 10
HEADER = 8
GRANULE = 16
SMALLEST_BLOCK = 32
SECRET = 0x2B7E1516


class Kind(IntEnum):
    """heap_error_kind_t."""

    OK = 0
    FULL = 1
    TOO_LARGE = 2
    ZERO_SIZE = 3
    BAD_ALIGNMENT = 4
    OUTSIDE = 5
    NOT_A_BLOCK = 6
    DOUBLE_FREE = 7
    DAMAGED = 8


class Damage(IntEnum):
    """heap_damage_kind_t."""

    NONE = 0
    HEADER = 1
    FLAGS = 2
    FOOTER = 3
    LINKS = 4
    BINS = 5
    COUNTERS = 6


RESULTS = {
    Kind.OK: 0,
    Kind.FULL: -12,
    Kind.TOO_LARGE: -12,
    Kind.ZERO_SIZE: -22,
    Kind.BAD_ALIGNMENT: -22,
    Kind.OUTSIDE: -34,
    Kind.NOT_A_BLOCK: -22,
    Kind.DOUBLE_FREE: -114,
    Kind.DAMAGED: -14,
}


class ErrorStruct(ctypes.Structure):
    """heap_error_t."""

    _fields_ = (
        ("kind", ctypes.c_int),
        ("result", ctypes.c_int),
        ("address", ctypes.c_uint64),
        ("value", ctypes.c_uint64),
    )


class StatsStruct(ctypes.Structure):
    """heap_stats_t."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            "size",
            "used",
            "free",
            "overhead",
            "live_blocks",
            "free_blocks",
            "largest_free",
            "peak_used",
        )
    )


class DamageStruct(ctypes.Structure):
    """heap_damage_t."""

    _fields_ = (
        ("kind", ctypes.c_int),
        ("address", ctypes.c_uint64),
        ("previous", ctypes.c_uint64),
    )


class BlockStruct(ctypes.Structure):
    """heap_block_t."""

    _fields_ = (
        ("address", ctypes.c_uint64),
        ("size", ctypes.c_size_t),
        ("used", ctypes.c_bool),
    )


class HeapStruct(ctypes.Structure):
    """heap_t, as far as its size goes: 192 bytes at most."""

    _fields_ = (("words", ctypes.c_uint64 * 24),)


class HeapError(Exception):
    """A refused call: `kind`, `address` and `value` of heap_error_t."""

    def __init__(self, error: ErrorStruct) -> None:
        self.kind = Kind(error.kind)
        self.result: int = error.result
        self.address: int = error.address
        self.value: int = error.value
        super().__init__(f"{self.kind.name} address={self.address:#x} value={self.value:#x}")


@dataclass(frozen=True)
class Block:
    """One block of the walk."""

    address: int
    size: int
    used: bool


def load() -> ctypes.CDLL:
    """The library, with its prototypes."""
    lib = host_library.build("heap", ["heap.c", "heap_check.c", "heap_error.c", "heap_stats.c"])
    heap, error = ctypes.POINTER(HeapStruct), ctypes.POINTER(ErrorStruct)
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    prototypes = {
        "heap_init": (ctypes.c_int, [heap, pointer, size, ctypes.c_uint32]),
        "heap_alloc": (pointer, [heap, size, size, error]),
        "heap_free": (ctypes.c_int, [heap, pointer, error]),
        "heap_realloc": (pointer, [heap, pointer, size, error]),
        "heap_usable_size": (size, [heap, pointer]),
        "heap_contains": (ctypes.c_bool, [heap, pointer]),
        "heap_stats": (None, [heap, ctypes.POINTER(StatsStruct)]),
        "heap_check": (ctypes.c_uint, [heap, ctypes.POINTER(DamageStruct)]),
        "heap_next": (ctypes.c_bool, [heap, ctypes.POINTER(BlockStruct)]),
        "heap_error_text": (ctypes.c_char_p, [ctypes.c_int]),
        "heap_damage_text": (ctypes.c_char_p, [ctypes.c_int]),
    }
    for name, (result, arguments) in prototypes.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib


class Heap:
    """A heap of `size` bytes; its region lies between the sanitiser's red zones."""

    def __init__(self, size: int = 64 << 10, secret: int = SECRET, align: int = 4096) -> None:
        self.lib = load()
        self.memory = host_library.Memory(size, align)
        self.base, self.size = self.memory.address, size
        self.struct = HeapStruct()
        result = self.lib.heap_init(self.struct, self.base, size, secret)
        if result != 0:
            raise ValueError(result)

    def alloc(self, size: int, align: int = 0) -> int:
        """A new block's address."""
        error = ErrorStruct(kind=-1)
        address = self.lib.heap_alloc(self.struct, size, align, error)
        return self._checked(address, error)

    def free(self, address: int) -> None:
        """Gives a block back."""
        error = ErrorStruct(kind=-1)
        result = self.lib.heap_free(self.struct, address, error)
        assert result == error.result == RESULTS[Kind(error.kind)]
        if result != 0:
            raise HeapError(error)

    def realloc(self, address: int, size: int) -> int:
        """The resized block's address."""
        error = ErrorStruct(kind=-1)
        return self._checked(self.lib.heap_realloc(self.struct, address, size, error), error)

    @staticmethod
    def _checked(address: int | None, error: ErrorStruct) -> int:
        assert error.result == RESULTS[Kind(error.kind)]
        assert (address is None) == (error.kind != Kind.OK)
        if address is None:
            raise HeapError(error)
        return address

    def usable(self, address: int) -> int:
        """heap_usable_size."""
        return self.lib.heap_usable_size(self.struct, address)

    def contains(self, address: int) -> bool:
        """heap_contains."""
        return self.lib.heap_contains(self.struct, address)

    def stats(self) -> StatsStruct:
        """heap_stats."""
        stats = StatsStruct()
        self.lib.heap_stats(self.struct, stats)
        return stats

    def check(self) -> tuple[int, DamageStruct]:
        """Broken invariants and the first of them."""
        damage = DamageStruct(kind=-1)
        return self.lib.heap_check(self.struct, damage), damage

    def walk(self) -> Iterator[Block]:
        """Every block by address."""
        block = BlockStruct()
        while self.lib.heap_next(self.struct, block):
            yield Block(block.address, block.size, block.used)

    def snapshot(self) -> tuple[bytes, bytes]:
        """Every byte a call could change: the region and heap_t."""
        return self.memory.data(), bytes(self.struct)

    def read(self, address: int, size: int) -> bytes:
        """Bytes of the region, by address."""
        return ctypes.string_at(address, size)

    def write(self, address: int, data: bytes) -> None:
        """Writes into the region, by address."""
        self.memory.write(address - self.base, data)
