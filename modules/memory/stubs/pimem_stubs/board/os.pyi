# SPDX-License-Identifier: MIT
"""Files and folders of what is mounted, and the name of the system."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from vfs import VfsFat as VfsFat
from vfs import VfsLfs2 as VfsLfs2
from vfs import mount as mount
from vfs import umount as umount

sep: Final[str]

class _Uname(NamedTuple):
    sysname: str
    nodename: str
    release: str
    version: str
    machine: str

def uname() -> _Uname: ...
def chdir(path: str, /) -> None: ...
def getcwd() -> str: ...
def ilistdir(path: str = ..., /) -> Iterator[tuple[str, int, int, int]]:
    """(name, type, inode, size) of each entry; type 0x4000 is a folder, 0x8000 a file."""

def listdir(path: str = ..., /) -> list[str]: ...
def mkdir(path: str, /) -> None: ...
def rmdir(path: str, /) -> None: ...
def remove(path: str, /) -> None: ...
def unlink(path: str, /) -> None: ...
def rename(old: str, new: str, /) -> None: ...
def stat(path: str, /) -> tuple[int, int, int, int, int, int, int, int, int, int]: ...
def statvfs(path: str, /) -> tuple[int, int, int, int, int, int, int, int, int, int]: ...
def sync() -> None:
    """Write what filesystems still hold in memory."""

def urandom(size: int, /) -> bytes:
    """Random bytes from the SoC's generator, or weak ones: memory.report()['random'] says which.

    OSError(EIO): the generator fails its tests. OSError(ETIMEDOUT): it gives nothing.
    """
