# SPDX-License-Identifier: MIT
"""A disk in frames. It is not part of Python's heap, so it survives a soft reset."""

import _memory


def ramdisk(size=None):
    """Make a disk of `size` bytes and return it; without a size, return the existing one or None.

    A new disk has no filesystem: `vfs.VfsFat.mkfs(disk)`, then `vfs.mount(disk, "/")`.
    """
    return _memory.ramdisk(size)


def remount():
    """Mount an existing disk at / if it has a filesystem. The boot code calls it at each start."""
    disk = _memory.ramdisk()
    if disk is None:
        return
    import vfs

    try:
        vfs.mount(disk, "/")
    except OSError:
        pass  # not formatted yet
