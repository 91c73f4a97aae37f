# SPDX-License-Identifier: MIT
"""Pagers, ready to use: memory that is made when it is touched."""

from collections.abc import Callable

from _memory import Access, AddressSpace, Frames, Prot

def zeros(space: AddressSpace, va: int, size: int, prot: Prot = "rw") -> None:
    """Reserve [va, va + size) of `space`: each page is made, zero, when it is first accessed."""

class FileMap:
    """A file as memory: each page is read when it is first accessed."""

    size: int
    def __init__(self, space: AddressSpace, va: int, path: str, prot: Prot = "r") -> None: ...
    def close(self) -> None:
        """Unmap the file and close it."""

class CopyOnWrite:
    """One memory in several address spaces; a page that is written becomes the writer's own."""

    copies: int
    def __init__(self, frames: Frames) -> None: ...
    def map(self, space: AddressSpace, va: int, prot: Prot = "rw") -> None:
        """Put the memory into `space` at `va`: shared and read-only until it is written."""

class Watch:
    """Memory whose accesses are counted."""

    counts: dict[Access, int]
    def __init__(
        self,
        space: AddressSpace,
        va: int,
        frames: Frames,
        prot: Prot = "rw",
        call: Callable[[int, Access], object] | None = None,
    ) -> None: ...
    def close(self) -> None:
        """Give the addresses back; the frames and what is in them stay."""
