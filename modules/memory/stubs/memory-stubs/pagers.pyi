# SPDX-License-Identifier: MIT
"""Ready-made pagers: memory that is made when it is first accessed."""

from collections.abc import Callable

from _memory import Access, AddressSpace, Frames, Prot

def zeros(space: AddressSpace, va: int, size: int, prot: Prot = "rw") -> None:
    """Reserve [va, va + size) of `space`: a page of zeros is made at the first access."""

class FileMap:
    """A file as memory: each page is read at the first access."""

    size: int
    def __init__(self, space: AddressSpace, va: int, path: str, prot: Prot = "r") -> None: ...
    def close(self) -> None:
        """Unmap the file and close it."""

class CopyOnWrite:
    """One memory in several address spaces: a write copies the page for the writer."""

    copies: int
    def __init__(self, frames: Frames) -> None: ...
    def map(self, space: AddressSpace, va: int, prot: Prot = "rw") -> None:
        """Map the memory into `space` at `va`: shared and read-only until it is written."""

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
        """Unmap the addresses. The frames and their contents stay."""
