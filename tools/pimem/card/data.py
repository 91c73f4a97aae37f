# SPDX-License-Identifier: MIT
"""The second partition of a card image, for the user's files: FAT32, or littlefs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pimem.card import fat, lfs, mbr
from pimem.card.devices import human
from pimem.card.mbr import SECTOR, Partition
from pimem.exits import Refusal

LABEL = "FILES"
UNITS = {"M": 1 << 20, "G": 1 << 30}
SIZE = re.compile(r"(\d+)([MG])(?:i?B)?", re.ASCII | re.IGNORECASE)
LARGEST_IMAGE = 1 << 35
#: Begins at a multiple of it, as erase blocks of cards do.
ALIGNMENT = 4 << 20
#: Of a cluster: 32 KiB, with which a transfer of the board has 64 blocks.
LARGEST_CLUSTER = 64
#: FAT32 has at least 65,525 clusters. littlefs would take less, without room for files.
LEAST = {False: 34 << 20, True: 1 << 20}


@dataclass(frozen=True)
class Data:
    size: int  # bytes
    littlefs: bool = False


def parse(text: str, littlefs: bool = False) -> Data:
    """Read the size of a partition, such as 512M or 1G; a Refusal says what is wrong."""
    found = SIZE.fullmatch(text)
    if not found:
        raise Refusal(f"--data {text}: a size is a number of M (MiB) or G (GiB): 512M, 1G")
    size = int(found[1]) * UNITS[found[2].upper()]
    name, least = "littlefs" if littlefs else "FAT32", LEAST[littlefs]
    if size < least:
        other = "" if littlefs else " (--littlefs takes 1M)"
        raise Refusal(f"--data {text}: {name} needs {least >> 20}M at least{other}")
    return Data(size, littlefs)


def partition(image_size: int, data: Data) -> Partition:
    """Return the partition behind an image that ends at `image_size`."""
    start = -(-image_size // ALIGNMENT) * ALIGNMENT
    kind = mbr.NO_FILESYSTEM if data.littlefs else mbr.FAT32_LBA
    return Partition(kind, start // SECTOR, data.size // SECTOR)


def whole(image_size: int, data: Data) -> int:
    """Return the size of the image with both partitions: QEMU's cards have a power of two."""
    here = partition(image_size, data)
    size = 1 << (here.start + here.size - 1).bit_length()
    if size > LARGEST_IMAGE:
        raise Refusal(
            f"--data of {human(data.size)}: the image would have {human(size)}, and it has "
            f"{human(LARGEST_IMAGE)} at most; enlarge the partition on the card with a PC"
        )
    return size


def add(
    image: Path, image_size: int, data: Data, serial: int, epoch: int
) -> list[tuple[int, int]]:
    """Add the partition to an image that has one; return the ranges of bytes that matter in it."""
    here = partition(image_size, data)
    with image.open("r+b") as file:
        file.write(mbr.record(serial, [fat.first_partition(image_size), here]))
        file.truncate(whole(image_size, data))
    if data.littlefs:
        return lfs.make_filesystem(image, here)
    own = serial ^ 1  # two volumes of a card are told apart by their numbers
    fat.make_filesystem(image, here, label=LABEL, serial=own, epoch=epoch, largest=LARGEST_CLUSTER)
    return fat.Fat32(image, here.first).used()
