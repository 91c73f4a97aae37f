# SPDX-License-Identifier: MIT
"""core/disk through ctypes: sparse arrays on the frames of fake_seam, and the empty FAT."""

import ctypes

import fake_seam
import host_library
from fake_seam import INT, PTR, SIZE, U8, U32, U64

FAT_BYTES = 516


class SparseStruct(ctypes.Structure):
    """sparse_t."""

    _fields_ = [("source", PTR), ("size", U64), ("top", U64), ("levels", U32)]


def library() -> ctypes.CDLL:
    found = host_library.build(
        "sparse", ["sparse.c", "blank_fat.c", "fake_arch.c"], ["MEM_ARCH_RECORD"]
    )
    fake_seam.declare(
        found,
        {
            "sparse_init": (None, [PTR, PTR, U64]),
            "sparse_read": (None, [PTR, U64, PTR, SIZE]),
            "sparse_write": (INT, [PTR, U64, PTR, SIZE]),
            "sparse_clear": (None, [PTR, U64, U64]),
            "sparse_has_page": (ctypes.c_bool, [PTR, U64]),
            "sparse_count": (SIZE, [PTR]),
            "blank_fat_bytes": (None, [U64, PTR]),
        },
    )
    return found


class Sparse:
    """Methods are the sparse_* functions."""

    def __init__(self, size: int, frames: int = 600) -> None:
        self.library = library()
        self.frames = fake_seam.Frames(self.library, frames)
        self.state = SparseStruct()
        self._p = ctypes.addressof(self.state)
        self.library.sparse_init(self._p, ctypes.addressof(self.frames.source), size)

    def read(self, at: int, size: int) -> bytes:
        memory = host_library.Memory(size)
        self.library.sparse_read(self._p, at, memory.address, size)
        return memory.data()

    def write(self, at: int, data: bytes) -> int:
        memory = host_library.Memory(len(data))
        memory.write(0, data)
        return self.library.sparse_write(self._p, at, memory.address, len(data))

    def clear(self, at: int, size: int) -> None:
        self.library.sparse_clear(self._p, at, size)

    def has_page(self, at: int) -> bool:
        return self.library.sparse_has_page(self._p, at)

    @property
    def count(self) -> int:
        return self.library.sparse_count(self._p)


def blank_fat(size: int) -> bytes:
    """The first bytes of an empty filesystem of that size."""
    found = (U8 * FAT_BYTES)()
    library().blank_fat_bytes(size, ctypes.addressof(found))
    return bytes(found)
