# SPDX-License-Identifier: MIT
"""Files on small disks in memory: a full disk is reported, and existing files are kept."""

from __future__ import annotations

from textwrap import indent
from typing import Any

import pytest
from on_board import ask

from pimem.testing.board_session import Machine

ENOENT, EACCES, EEXIST, EINVAL, ENOSPC = 2, 13, 17, 22, 28
pytestmark = pytest.mark.usefixtures("nothing_left")

#: A disk of a size that takes the filesystem `kind` for a block of statements, and goes then.
DISK = """
import os, vfs
def on_disk(kind, size, function):
    disk = memory.ramdisk(size)
    kind.mkfs(disk)
    vfs.mount(kind(disk), "/disk")
    os.chdir("/disk")
    try:
        return function()
    finally:
        os.chdir("/")
        vfs.umount("/disk")
        disk.close()
def errno_of(function, *args):
    try:
        function(*args)
    except OSError as e:
        return e.errno
    return 0
def touch(name):
    open(name, "w").close()
def put(name, data):
    with open(name, "wb") as file:
        file.write(data)
def until(function, name, most=2000):
    for number in range(most):
        if error := errno_of(function, name % number):
            return error, number
    return 0, most
"""


def on_disk(board: Machine, body: str, kind: str = "VfsFat", size: int = 1 << 20) -> Any:
    """Return what `body`, the statements of a function, returns on such a disk."""
    lines = indent(body, "    ")
    return ask(board, f"{DISK}\ndef body():\n{lines}print(on_disk(vfs.{kind}, {size}, body))")


FULL = """
put("kept", b"kept" * 100)
touch("old")
os.mkdir("folder")
def large(name):
    put(name, bytes(20_000))
filled = until(large, "file%d"), until(touch, "folder/a name of 20 chars %d")
tried = [errno_of(each, "folder/a new name that is longer") for each in (os.mkdir, touch)]
tried.append(errno_of(os.rename, "old", "folder/a name that has no room there"))
tried.append(errno_of(os.mkdir, "folder/b"))
names = "old" in os.listdir(), open("kept", "rb").read() == b"kept" * 100
os.remove("file0")
again = errno_of(os.mkdir, "folder/b"), errno_of(os.rename, "old", "folder/moved")
return filled[0][0], filled[1][0], tried, names, again
"""


def test_a_full_fat_has_no_room_for_a_folder_or_in_one(board: Machine) -> None:
    file, name, tried, names, again = on_disk(board, FULL)
    assert (file, name) == (ENOSPC, ENOSPC)
    assert tried == [ENOSPC] * 4
    assert names == (True, True)
    assert again == (0, 0)


FULL_LITTLEFS = """
put("kept", b"kept" * 100)
def small(name):
    put(name, bytes(700))
filled = until(small, "file%d"), until(os.mkdir, "folder%d"), until(touch, "touched%d")
moved = errno_of(os.rename, "kept", "a name of more characters than it had before")
kept = [name for name in os.listdir() if os.stat(name)[6] == 400]
os.remove("file0")
os.remove("file1")
again = errno_of(os.mkdir, "new")
return [each[0] for each in filled], moved, len(kept), again
"""


def test_a_full_littlefs_says_so(board: Machine) -> None:
    filled, moved, kept, again = on_disk(board, FULL_LITTLEFS, "VfsLfs2", 64 << 10)
    assert filled == [ENOSPC] * 3
    assert moved in (0, ENOSPC), "a name that fits where the old one was needs no block"
    assert kept == 1 and again == 0


ROOT = """
os.mkdir("folder")
touch("old")
touch("folder/other")
filled = until(touch, "n%d.txt")
tried = [errno_of(function, "one more") for function in (touch, os.mkdir)]
tried.append(errno_of(os.rename, "folder/other", "another"))
denied = [errno_of(os.rmdir, "folder"), errno_of(open, "folder", "w"), errno_of(os.mkdir, "old")]
inside = errno_of(touch, "folder/one more")
return filled, tried, denied, inside, os.listdir("folder")
"""


def test_a_root_folder_of_a_fixed_size_says_that_it_is_full(board: Machine) -> None:
    """The root directory of FAT12 and FAT16. A denied access is still reported as such."""
    (error, count), tried, denied, inside, names = on_disk(board, ROOT)
    assert error == ENOSPC and count > 100
    assert tried == [ENOSPC] * 3
    assert denied == [EACCES, EACCES, EEXIST]
    assert inside == 0 and sorted(names) == ["one more", "other"]


SEEK = """
put("file", b"0123456789")
def seek(*args):
    try:
        return file.seek(*args)
    except OSError as e:
        return -e.errno
file = open("file", "r+b")
moves = (3, 0), (-5, 1), (2, 1), (-2, 2), (-11, 2), (1 << 32, 0), (900, 0), (1 << 24, 0)
places = [seek(*each) for each in moves]
file.close()
places.append(seek(1))
return places, os.stat("file")[6] >= 900
"""


def test_a_seek_that_fails_says_so(board: Machine) -> None:
    """Before the file, beyond 4 GiB, beyond the room of the disk, and of a closed file."""
    places, grew = on_disk(board, SEEK)
    assert places == [3, -EINVAL, 5, 8, -EINVAL, -EINVAL, 900, -ENOSPC, -EINVAL]
    assert grew


SLASHES = """
os.mkdir("folder")
touch("folder/in it")
touch("file")
listed = [os.listdir(name) for name in ("folder/", "folder//", "/disk/folder/")]
is_folder = os.stat("folder/")[0] == 0x4000
os.chdir("folder/")
listed.append(os.listdir("../folder/"))
os.chdir("/disk")
for name in "made/", "twice//", "/disk/whole/", "made/in it/":
    os.mkdir(name)
listed.append(sorted(os.listdir()) + os.listdir("made"))
again = [errno_of(os.mkdir, name) for name in ("made/", "file/", "/disk/")]
busy = errno_of(os.rmdir, "made/")
for name in "made/in it//", "made/", "twice/", "/disk/whole/":
    os.rmdir(name)
calls = (os.listdir, "file/"), (os.stat, "file/"), (open, "file/")
calls += (os.stat, "no/"), (touch, "new/"), (os.rmdir, "file/"), (os.mkdir, "no/new/")
refused = [errno_of(*call) for call in calls]
return listed, is_folder, again, busy, refused, sorted(os.listdir())
"""


def test_a_slash_behind_a_name_says_that_it_is_a_folder(board: Machine) -> None:
    """On a FAT as on a littlefs: clients use such names."""
    listed, is_folder, again, busy, refused, names = on_disk(board, SLASHES)
    assert listed[:4] == [["in it"]] * 4 and is_folder
    assert listed[4] == ["file", "folder", "made", "twice", "whole", "in it"]
    assert again == [EEXIST] * 3 and busy == EACCES
    assert refused == [ENOENT] * 7
    assert names == ["file", "folder"]
