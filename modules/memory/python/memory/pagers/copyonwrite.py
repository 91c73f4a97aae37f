# SPDX-License-Identifier: MIT
"""Frames that several address spaces share; a page that is written is copied for its writer."""

from _memory import frames_alloc

PAGE = 4096


class CopyOnWrite:
    """`frames`, to be shared. Keep this object and the frames open while a space maps them.

    copies: the number of pages copied so far.
    """

    def __init__(self, frames):
        self.frames = frames
        self.copies = 0

    def map(self, space, va, prot="rw"):
        """Share the frames with `space` at `va`; a page stays read-only until it is written.

        OSError: as space.reserve().
        """
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
