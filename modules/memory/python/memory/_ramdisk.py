# SPDX-License-Identifier: MIT
"""A disk in frames besides the one at /. It is not of Python's heap: it survives a soft reset."""

import _memory


def ramdisk(size=None):
    """Make a disk of `size` bytes and return it; without a size, return the existing one or None.

    A new disk has no filesystem: `vfs.VfsFat.mkfs(disk)`, then `vfs.mount(disk, "/disk")`.
    """
    return _memory.ramdisk(size)
