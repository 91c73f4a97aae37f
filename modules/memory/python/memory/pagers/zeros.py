# SPDX-License-Identifier: MIT
"""Zero-filled memory that takes a frame for each page when it is first accessed."""

from _memory import frames_alloc


def zeros(space, va, size, prot="rw"):
    """Reserve [va, va + size) of `space`, in bytes; a page is made when it is first accessed."""

    def pager(at, access):
        return frames_alloc()

    space.reserve(va, size, prot, pager)
