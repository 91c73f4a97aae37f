# SPDX-License-Identifier: MIT
"""The card image, its compressed form, its block map and its checksums."""

from __future__ import annotations

import hashlib
import lzma
import os
import re
import zlib
from collections.abc import Sequence
from pathlib import Path

import pimem
from pimem.card import bmap, fat, firmware, imager
from pimem.card.firmware import CardFile
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


def write_all(image: Path, size: int, files: Sequence[CardFile], folder: str | None) -> None:
    contents = {file.name: file.data for file in files}
    serial = serial_number(files)
    fat.build(image, size, contents, USER_FOLDERS, label=LABEL, serial=serial, epoch=epoch())
    map_text = bmap.create(image, fat.Fat32(image).used())
    sibling(image, ".bmap").write_text(map_text)
    packed = sibling(image, ".xz")
    compress(image, packed)
    sums = digest(image), digest(packed)
    lines = [f"{each}  {path.name}\n" for each, path in zip(sums, (image, packed), strict=True)]
    sibling(image, ".sha256").write_text("".join(lines))
    listed = imager.entry(
        packed,
        imager.address_of(packed, folder),
        version=pimem.__version__,
        boards=list(firmware.BOARD_FILES),
        size=size,
        sums=sums,
        epoch=epoch(),
    )
    sibling(image, imager.SUFFIX).write_text(imager.os_list(listed))


def sibling(image: Path, suffix: str) -> Path:
    return image.with_name(image.name + suffix)


def compress(source: Path, target: Path) -> None:
    """Compress with fixed settings: the same image gives the same file."""
    with source.open("rb") as data, lzma.open(target, "wb", preset=3) as packed:
        while piece := data.read(fat.MEBIBYTE):
            packed.write(piece)


def digest(path: Path) -> str:
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def remove_old(image: Path) -> None:
    """Remove what a build that fails could leave, and what could be taken for its result."""
    for suffix in ("", ".bmap", ".xz", ".sha256", imager.SUFFIX):
        sibling(image, suffix).unlink(missing_ok=True)


def make(image: Path, size: int, files: Sequence[CardFile], folder: str | None = None) -> None:
    """Build the image and its companions; leave nothing behind if that fails.

    `folder` is the address where the packed image will be, for the list of Raspberry Pi Imager.
    """
    try:
        image.parent.mkdir(parents=True, exist_ok=True)
        remove_old(image)
        write_all(image, size, files, folder)
    except OSError as exc:
        remove_old(image)
        raise Failure(f"cannot make {image}: {exc}") from exc
    except BaseException:
        remove_old(image)
        raise
