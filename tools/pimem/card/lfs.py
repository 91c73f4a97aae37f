# SPDX-License-Identifier: MIT
"""A partition with littlefs in an image, as the board's VfsLfs2 mounts it."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from littlefs import LFSConfig, LittleFS, UserContext

from pimem.card.mbr import SECTOR, Partition


class InImage(UserContext):
    """The blocks of a partition; notes which bytes of the image were written."""

    def __init__(self, image: BinaryIO, partition: Partition) -> None:
        self._image = image
        self._partition = partition
        self.written: set[int] = set()

    def _seek(self, block: int, offset: int) -> int:
        return self._image.seek(self._partition.start + block * SECTOR + offset)

    def read(self, cfg: LFSConfig, block: int, off: int, size: int) -> bytearray:
        self._seek(block, off)
        return bytearray(self._image.read(size))

    def prog(self, cfg: LFSConfig, block: int, off: int, data: bytes) -> int:
        self.written.add(self._seek(block, off) // SECTOR)
        self._image.write(data)
        return 0

    def erase(self, cfg: LFSConfig, block: int) -> int:
        return 0  # a card has no erased state


def make_filesystem(image: Path, partition: Partition) -> list[tuple[int, int]]:
    """Make an empty littlefs in a partition; return the [start, end) ranges of bytes that
    matter."""
    with image.open("r+b") as file:
        blocks = InImage(file, partition)
        # The board's block size is that of the card.
        LittleFS(blocks, mount=False, block_size=SECTOR, block_count=partition.count).format()
    return [(sector * SECTOR, (sector + 1) * SECTOR) for sector in sorted(blocks.written)]
