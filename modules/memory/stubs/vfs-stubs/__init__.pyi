# SPDX-License-Identifier: MIT
"""Filesystems, and where they are mounted."""

from collections.abc import Iterator
from typing import IO, Any, Protocol, final, overload

class _BlockDevice(Protocol):
    """What a filesystem needs of a disk, such as memory.ramdisk()."""

    def readblocks(self, block: int, buffer: Any, /) -> object: ...
    def writeblocks(self, block: int, buffer: Any, /) -> object: ...
    def ioctl(self, operation: int, argument: int, /) -> int | None: ...

class _ExtendedBlockDevice(Protocol):
    """A block device that can also access a part of a block: what littlefs needs."""

    def readblocks(self, block: int, buffer: Any, offset: int = 0, /) -> object: ...
    def writeblocks(self, block: int, buffer: Any, offset: int = 0, /) -> object: ...
    def ioctl(self, operation: int, argument: int, /) -> int | None: ...

class _FileSystem(Protocol):
    """What mount() needs."""

    def mount(self, readonly: bool, mkfs: bool, /) -> object: ...
    def umount(self) -> object: ...

class _Files:
    """The methods that both filesystems have. Paths begin at the root of the filesystem."""

    def open(self, path: str, mode: str, /) -> IO[Any]: ...
    def ilistdir(self, path: str = ..., /) -> Iterator[tuple[str, int, int, int]]:
        """(name, type, inode, size) of each entry; type 0x4000 is a folder, 0x8000 a file."""

    def mkdir(self, path: str, /) -> None: ...
    def rmdir(self, path: str, /) -> None: ...
    def chdir(self, path: str, /) -> None: ...
    def getcwd(self) -> str: ...
    def remove(self, path: str, /) -> None: ...
    def rename(self, old: str, new: str, /) -> None: ...
    def stat(self, path: str, /) -> tuple[int, ...]: ...
    def statvfs(self, path: str, /) -> tuple[int, ...]: ...
    def mount(self, readonly: bool, mkfs: bool, /) -> None: ...
    def umount(self) -> None: ...

@final
class VfsFat(_Files):
    """A FAT filesystem on a block device."""

    def __init__(self, device: _BlockDevice, /) -> None: ...
    @staticmethod
    def mkfs(device: _BlockDevice, /) -> None:
        """Make an empty filesystem on the device. What is on it is lost."""

@final
class VfsLfs2(_Files):
    """A littlefs filesystem on a block device."""

    def __init__(
        self,
        device: _ExtendedBlockDevice,
        /,
        *,
        readsize: int = 32,
        progsize: int = 32,
        lookahead: int = 32,
        mtime: bool = True,
    ) -> None: ...
    @staticmethod
    def mkfs(
        device: _ExtendedBlockDevice,
        /,
        *,
        readsize: int = 32,
        progsize: int = 32,
        lookahead: int = 32,
    ) -> None:
        """Make an empty filesystem on the device. What is on it is lost."""

@final
class VfsRom:
    """A read-only filesystem in memory, such as `mpremote romfs build` makes.

    Files are used where they are: memory of which a file was opened is kept until soft reset.
    """

    def __init__(self, memory: Any, /) -> None: ...
    def open(self, path: str, mode: str, /) -> IO[Any]: ...
    def ilistdir(self, path: str, /) -> Iterator[tuple[str, int, int, int]]:
        """(name, type, inode, size) of each entry; type 0x4000 is a folder, 0x8000 a file."""

    def chdir(self, path: str, /) -> None: ...
    def getcwd(self) -> str: ...
    def stat(self, path: str, /) -> tuple[int, ...]: ...
    def statvfs(self, path: str, /) -> tuple[int, ...]: ...
    def mount(self, readonly: bool, mkfs: bool, /) -> None: ...
    def umount(self) -> None: ...

def rom_ioctl(operation: int, segment: int = 0, /, *args: Any) -> Any:
    """Read or write the image that is at /rom after the next start: the file /romfs.img.

    What `mpremote romfs` calls, for segment 0, the only one: 1 is the number of segments; 2 the
    image; 3, with a length, begins to write it; 4, with an offset and bytes, writes; 5 ends that.
    Another operation or segment is -EINVAL.
    """

@overload
def mount() -> list[tuple[object, str]]: ...
@overload
def mount(
    filesystem: _FileSystem | _BlockDevice,
    mount_point: str,
    /,
    *,
    readonly: bool = False,
    mkfs: bool = False,
) -> None:
    """Mount a filesystem, or the filesystem that is on a block device.

    With `mkfs` a device that has no filesystem gets one.

    Without arguments: what is mounted, as (filesystem, mount point).
    """

def umount(mounted: object, /) -> None:
    """Unmount a filesystem, given as the object or by its mount point."""
