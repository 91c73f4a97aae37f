# SPDX-License-Identifier: MIT
"""One memory in several address spaces; a page that is written becomes the writer's own."""

from _memory import frames_alloc

PAGE = 4096


class CopyOnWrite:
    """What `frames` hold, for map(). Keep the object, and the frames, while a space has them.

    copies: pages that were copied so far.
    """

    def __init__(self, frames):
        self.frames = frames
        self.copies = 0

    def map(self, space, va, prot="rw"):
        """Put the memory into `space` at `va`: shared and read-only until it is written."""
        shared = prot.replace("w", "")

        def pager(at, access):
            page = at & -PAGE
            offset = page - va
            if access != "write":
                space.map(page, self.frames.pa + offset, PAGE, shared)
                return None
            copy = frames_alloc(zero=False)
            memoryview(copy)[:] = memoryview(self.frames)[offset : offset + PAGE]
            self.copies += 1
            return copy

        space.reserve(va, self.frames.size, prot, pager)
