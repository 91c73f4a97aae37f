# SPDX-License-Identifier: MIT
"""The ROMFS: an image in the file /romfs.img, whose files are used in place in memory.

`mpremote romfs deploy` writes it by vfs.rom_ioctl(); it is read and mounted at /rom at each start.
"""

import os
import sys
from binascii import crc32
from errno import EINVAL, ENOENT, ENOSPC, EPERM

import vfs

PATH = "/romfs.img"
NEW = "/romfs.new"  # renamed when it is complete
MARK = b"CRC:"  # after the image, before its checksum of 4 bytes; a copied image has none
SUM = 8


class _Segment(bytearray):
    """The image. Its length, for mpremote, is that of the longest image that can be written."""

    def __len__(self):
        return max(_room(), 1)


class _Image:
    """The file being written, /romfs.new, with the length that the image will have."""

    def __init__(self, length):
        self.length = length
        self.at = 0
        self.file = None

    def begin(self):
        self.file = open(NEW, "w+b")  # noqa: SIM115 (later calls use it)

    def write(self, at, data):
        self.at = at
        self.file.seek(at)
        self.file.write(memoryview(data)[: self.length - at])  # mpremote pads its last piece

    def end(self):
        self.file.seek(0)
        piece = bytearray(4096)
        left, total = self.length, 0
        while left:
            count = min(self.file.readinto(piece), left)
            self.at = self.length - left
            if not count:
                raise OSError(EINVAL)
            total = crc32(memoryview(piece)[:count], total)
            left -= count
        self.file.seek(self.length)
        self.file.write(MARK + total.to_bytes(4, "little"))
        self.file.close()
        os.rename(NEW, PATH)
        os.sync()

    def drop(self):
        try:
            self.file.close()
            os.remove(NEW)
        except (AttributeError, OSError):
            pass  # not opened, or its disk is full or gone


_image = None


def _room():
    status = os.statvfs("/")
    return max(status[0] * status[4] - SUM, 0)


def _read(kind):
    """Return the contents of the file as a `kind` of bytearray."""
    data = kind(os.stat(PATH)[6])
    with open(PATH, "rb") as file:
        file.readinto(data)
    return data


def _segment():
    try:
        return _read(_Segment)
    except OSError as e:
        if e.errno != ENOENT:
            raise
        return _Segment()


def _step(image, method, *args):
    """Call one step of writing the image. If it fails, remove what was written."""
    global _image
    if _image and _image is not image:
        _image.drop()
    _image = image
    try:
        method(image, *args)
        return
    except OSError as e:
        error = e.errno
    _image = None
    image.drop()
    raise OSError(error, "%s: byte %d of %d" % (NEW, image.at, image.length))


def _prepare(length):
    room = _room()
    if length > room:
        why = "the image has %d bytes, / has room for %d beside %s" % (length, room, PATH)
        raise OSError(ENOSPC, why)
    _step(_Image(length), _Image.begin)
    return 1  # byte, the smallest write


def _begun():
    if not _image:
        raise OSError(EPERM, "rom_ioctl(3, 0, length) comes first")
    return _image


def _write(at, data):
    image = _begun()
    if not 0 <= at <= image.length:
        raise OSError(EINVAL, "offset %d of an image of %d bytes" % (at, image.length))
    _step(image, _Image.write, at, data)
    return 0


def _end():
    global _image
    _step(_begun(), _Image.end)
    _image = None
    return 0


_OPERATIONS = {2: _segment, 3: _prepare, 4: _write, 5: _end}


def ioctl(operation, segment=0, *args):
    """Implement vfs.rom_ioctl() for the one segment, number 0."""
    if operation == 1:
        return 1
    if segment != 0 or operation not in _OPERATIONS:
        return -EINVAL
    return _OPERATIONS[operation](*args)


def mount(told):
    """Mount the file at /rom, if there is one. With `told`, print that."""
    try:
        data = _read(bytearray)
    except OSError as e:
        if e.errno != ENOENT:
            raise
        return
    end = memoryview(data)[-SUM:]
    if end[:4] == MARK and crc32(memoryview(data)[:-SUM]) != int.from_bytes(end[4:], "little"):
        raise ValueError(PATH + " is damaged: deploy it again")
    vfs.mount(vfs.VfsRom(data), "/rom")
    sys.path[2:2] = ["/rom", "/rom/lib"]  # after "" and ".frozen", as in other ports
    if told:
        print("files    /rom: %s, read-only" % PATH)


def start(told):
    """Call mount() during boot, which continues if it fails."""
    try:
        mount(told)
    except Exception as e:
        print("boot: the ROMFS could not be mounted:")
        sys.print_exception(e)
