# SPDX-License-Identifier: MIT
"""Memory of zeros that takes frames page by page, as it is touched."""

from _memory import frames_alloc


def zeros(space, va, size, prot="rw"):
    """Reserve [va, va + size) of `space`: each page is made, zero, when it is first accessed."""

    def pager(at, access):
        return frames_alloc()

    space.reserve(va, size, prot, pager)
