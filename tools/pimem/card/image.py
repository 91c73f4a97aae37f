# SPDX-License-Identifier: MIT
"""The card image, its compressed form, its block map and its checksums."""

from __future__ import annotations

import errno
import hashlib
import lzma
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import pimem
from pimem.card import bmap, data, fat, firmware, imager
from pimem.card.data import Data
from pimem.card.firmware import CardFile
from pimem.card.mbr import SECTOR
from pimem.exits import Failure, Refusal, complain

LABEL = "MICROPYTHON"
USER_FOLDERS = ("lib",)
KERNEL, CONFIG, README = "kernel8.img", "config.txt", "README.txt"
#: MicroPython 1.25.0 came out then; a card's files need some date that is always the same.
EPOCH = 1744675200
MAGIC_OFFSET, MAGIC = 56, b"ARM\x64"
VERSION = re.compile(rb"MicroPython v[\w.+-]+ on [\d-]+")
OWN_VERSION = re.compile(rb"; (pimem [\w.+-]+), ")
NAME_WIDTH = 26
PRESET = 3
ZEROS = bytes(1 << 20)
RUN = 64  # pieces of zeros that are a stream of their own


def card_folder() -> Path:
    """Return the folder of what this project puts on cards."""
    return pimem.ROOT / "boards" / "sdcard"


def read_kernel(path: Path) -> CardFile:
    """Return the kernel, if it is one that the firmware would start."""
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise Refusal(f"cannot read {path}: {exc.strerror}; `make all` builds it") from exc
    if data[MAGIC_OFFSET : MAGIC_OFFSET + len(MAGIC)] != MAGIC:
        raise Refusal(f"{path} is no arm64 kernel image: no '{MAGIC.decode()}' in its header")
    return CardFile(KERNEL, data, kernel_version(data) or path.name)


def kernel_version(data: bytes) -> str:
    """Return what the kernel's banner says of its versions; '' where it has no banner."""
    version, own = VERSION.search(data), OWN_VERSION.search(data)
    return ", ".join(each.decode() for each in (own and own[1], version and version[0]) if each)


def readme(files: Sequence[CardFile]) -> CardFile:
    """Return the card's README.txt, with line ends that every system's viewer understands."""
    names = list(firmware.BOARD_FILES)
    text = (card_folder() / README).read_text()
    text = text.replace("@version@", pimem.__version__)
    text = text.replace("@boards@", f"{', '.join(names[:-1])} and {names[-1]}")
    text = text.replace("@contents@", "\n".join(content_lines(files)))
    return CardFile(README, text.replace("\n", "\r\n").encode(), "this project")


def content_lines(files: Sequence[CardFile]) -> list[str]:
    """Return a line for each file in `sha256sum -c`'s form, then where the files come from."""
    lines = [f"{file.sha256}  {file.name}" for file in files]
    lines.append("")
    lines += [f"{file.name:{NAME_WIDTH}} {len(file.data):8}  {source(file)}" for file in files]
    return lines


def source(file: CardFile) -> str:
    return f"{file.origin}, built {file.built}" if file.built else file.origin


def read_config() -> CardFile:
    return CardFile(CONFIG, (card_folder() / CONFIG).read_bytes(), "this project")


def card_files(kernel: Path, folder: Path | None) -> list[CardFile]:
    """Return everything on the card, the files that people look for first; the firmware comes
    from `folder`, or from Debian."""
    own = [read_kernel(kernel), read_config()]
    rest = firmware.from_folder(folder) if folder else firmware.from_debian(complain)
    files = [*own, *sorted(rest, key=lambda file: file.name)]
    return [readme(files), *files]


def epoch() -> int:
    """Return the date of the files: SOURCE_DATE_EPOCH where a builder sets it."""
    value = os.environ.get("SOURCE_DATE_EPOCH", str(EPOCH))
    if not value.isdecimal():
        raise Refusal(f"SOURCE_DATE_EPOCH={value} is not a number of seconds")
    return max(int(value), 315532800)  # FAT begins in 1980


def check_size(mebibytes: int) -> int:
    """Return the bytes of an image that FAT32 and QEMU's card (a power of two) both take."""
    if mebibytes < 64 or mebibytes & (mebibytes - 1) or mebibytes > 1 << 15:
        raise Refusal(f"--size {mebibytes}: it must be a power of two from 64 to 32768 (MiB)")
    return mebibytes * fat.MEBIBYTE


def serial_number(files: Sequence[CardFile]) -> int:
    """Return the volume and disk number, which depends on the contents alone."""
    return zlib.crc32("".join(file.sha256 for file in files).encode()) or 1


def write_all(
    image: Path, size: int, files: Sequence[CardFile], folder: str | None, second: Data | None
) -> str:
    contents = {file.name: file.data for file in files}
    serial = serial_number(files)
    fat.build(image, size, contents, USER_FOLDERS, label=LABEL, serial=serial, epoch=epoch())
    # What an older partition table left on the card must go.
    ranges = [(0, fat.FIRST_SECTOR * SECTOR), *fat.Fat32(image).used()]
    if second:
        ranges += data.add(image, size, second, serial, epoch())
    sibling(image, ".bmap").write_text(bmap.create(image, ranges))
    packed = sibling(image, ".xz")
    sums = pack(image, packed), digest(packed)
    lines = [f"{each}  {path.name}\n" for each, path in zip(sums, (image, packed), strict=True)]
    sibling(image, ".sha256").write_text("".join(lines))
    listed = imager.entry(
        packed,
        imager.address_of(packed, folder),
        version=pimem.__version__,
        boards=list(firmware.BOARD_FILES),
        size=image.stat().st_size,
        sums=sums,
        epoch=epoch(),
    )
    sibling(image, imager.SUFFIX).write_text(imager.os_list(listed))
    return sums[0]


def sibling(image: Path, suffix: str) -> Path:
    return image.with_name(image.name + suffix)


def pieces(image: Path) -> Iterator[bytes]:
    """Yield the contents in pieces; one of zeros is always the same object, and holes of the file
    are not read."""
    size, offset = image.stat().st_size, 0
    with image.open("rb") as source:
        while offset < size:
            if next_data(source, offset, size) - offset >= len(ZEROS):
                piece = ZEROS
            else:
                source.seek(offset)
                piece = source.read(len(ZEROS))
            yield ZEROS if piece == ZEROS else piece
            offset += len(piece)


def next_data(source: BinaryIO, offset: int, size: int) -> int:
    """Return where the next data of a file begin, `size` where there are none."""
    try:
        return os.lseek(source.fileno(), offset, os.SEEK_DATA)
    except OSError as exc:
        if exc.errno != errno.ENXIO:
            raise
        return size


class Packer:
    """Compresses with fixed settings: the same image gives the same file. Long runs of zeros are
    one stream again and again, compressed once."""

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self._zeros = 0  # pieces of them that were not written yet
        self._run = lzma.compress(ZEROS * RUN, preset=PRESET)
        self._packer: lzma.LZMACompressor | None = None

    def add(self, piece: bytes) -> None:
        if piece is ZEROS:
            self._zeros += 1
            if self._zeros == RUN:
                self._end_stream()
                self._target.write(self._run)
                self._zeros = 0
        else:
            self._add_data(ZEROS * self._zeros + piece)
            self._zeros = 0

    def close(self) -> None:
        if self._zeros:
            self._add_data(ZEROS * self._zeros)
        self._end_stream()

    def _add_data(self, data: bytes) -> None:
        if self._packer is None:
            self._packer = lzma.LZMACompressor(preset=PRESET)
        self._target.write(self._packer.compress(data))

    def _end_stream(self) -> None:
        if self._packer is not None:
            self._target.write(self._packer.flush())
            self._packer = None


def pack(image: Path, target: Path) -> str:
    """Compress an image; return its sha256."""
    known = hashlib.sha256()
    with target.open("wb") as out:
        packer = Packer(out)
        for piece in pieces(image):
            known.update(piece)
            packer.add(piece)
        packer.close()
    return known.hexdigest()


def digest(path: Path) -> str:
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def remove_old(image: Path) -> None:
    """Remove what a build that fails could leave, and what could be taken for its result."""
    for suffix in ("", ".bmap", ".xz", ".sha256", imager.SUFFIX):
        sibling(image, suffix).unlink(missing_ok=True)


def make(
    image: Path,
    size: int,
    files: Sequence[CardFile],
    folder: str | None = None,
    second: Data | None = None,
) -> str:
    """Build the image and its companions; leave nothing behind if that fails. Return the sha256 of
    the image.

    `size` is that of the image with one partition, behind which a `second` one goes. `folder` is
    the address where the packed image will be, for the list of Raspberry Pi Imager.
    """
    try:
        image.parent.mkdir(parents=True, exist_ok=True)
        remove_old(image)
        return write_all(image, size, files, folder, second)
    except OSError as exc:
        remove_old(image)
        raise Failure(f"cannot make {image}: {exc}") from exc
    except BaseException:
        remove_old(image)
        raise
