# SPDX-License-Identifier: MIT
"""A reader of FAT32 that believes nothing: what is on a volume that may be damaged."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

ENTRY = 32
FREE, END = 0xE5, 0
LONG_NAME, LABEL, FOLDER = 0x0F, 0x08, 0x10
LOWER_NAME, LOWER_SUFFIX = 0x08, 0x10
CLUSTER_MASK, LAST = 0x0FFFFFFF, 0x0FFFFFF8


class Damaged(Exception):
    """The volume has something that no write of a file leaves."""


@dataclass(frozen=True)
class File:
    """What an entry says. `data` is None for a folder; it ends where its chain does."""

    path: str
    alias: str  # the path with the short name
    size: int
    data: bytes | None


@dataclass
class Names:
    """The parts of a long name, which come before the entry that has it."""

    parts: dict[int, str] = field(default_factory=dict)
    check: int = -1

    def add(self, entry: bytes) -> None:
        if entry[0] & 0x40:
            self.parts = {}
            self.check = entry[13]
        text = (entry[1:11] + entry[14:26] + entry[28:32]).decode("utf-16-le", "replace")
        self.parts[entry[0] & 0x3F] = text.split("\0")[0].rstrip("\uffff")

    def take(self, short: bytes) -> str:
        """Return the name for a short one, '' where they do not belong together."""
        count = len(self.parts)
        whole = count and set(self.parts) == set(range(1, count + 1))
        text = "".join(self.parts[number] for number in sorted(self.parts))
        right = whole and self.check == checksum(short)
        self.parts = {}
        return text if right else ""


def checksum(short: bytes) -> int:
    total = 0
    for byte in short:
        total = ((total & 1) << 7) + (total >> 1) + byte & 0xFF
    return total


def short_name(entry: bytes) -> str:
    stem, suffix = entry[:8].decode("cp437").rstrip(), entry[8:11].decode("cp437").rstrip()
    stem = stem.lower() if entry[12] & LOWER_NAME else stem
    suffix = suffix.lower() if entry[12] & LOWER_SUFFIX else suffix
    return f"{stem}.{suffix}" if suffix else stem


class Volume:
    """A volume in memory, which may change between two looks at it."""

    def __init__(self, data: memoryview) -> None:
        per_cluster, reserved, fats = struct.unpack_from("<BHB", data, 13)
        (fat_sectors,) = struct.unpack_from("<I", data, 36)
        (self.root,) = struct.unpack_from("<I", data, 44)
        self.data = data
        self.cluster_size = per_cluster * 512
        self.first_block = reserved + fats * fat_sectors  # of the clusters
        start = reserved * 512
        self.fat = data[start : start + fat_sectors * 512].cast("I")
        self.folder_blocks: set[int] = set()  # of all folders, in the last tree()

    def chain(self, cluster: int, most: int) -> Iterator[int]:
        """Yield the clusters of a chain up to `most`."""
        for _ in range(most):
            if not 2 <= cluster < len(self.fat):
                return
            yield cluster
            following = self.fat[cluster] & CLUSTER_MASK
            if following >= LAST:
                return
            if following < 2:
                raise Damaged(f"cluster {cluster} leads to {following}")
            cluster = following

    def contents(self, cluster: int, size: int) -> bytes:
        count = -(-size // self.cluster_size)
        clusters = self.chain(cluster, count)
        return b"".join(bytes(self.cluster(each)) for each in clusters)[:size]

    def cluster(self, number: int) -> memoryview:
        start = self.block_of(number) * 512
        return self.data[start : start + self.cluster_size]

    def block_of(self, cluster: int) -> int:
        return self.first_block + (cluster - 2) * self.cluster_size // 512

    def entries(self, cluster: int) -> Iterator[bytes]:
        for each in self.chain(cluster, 1 << 16):
            first = self.block_of(each)
            self.folder_blocks.update(range(first, first + self.cluster_size // 512))
            data = bytes(self.cluster(each))
            yield from (data[at : at + ENTRY] for at in range(0, len(data), ENTRY))

    def folder(self, cluster: int, path: str) -> Iterator[File]:
        names = Names()
        for entry in self.entries(cluster):
            if entry[0] == END:
                return
            if entry[0] == FREE or entry[:2] in (b". ", b".."):
                names = Names()
            elif entry[11] == LONG_NAME:
                names.add(entry)
            elif not entry[11] & LABEL:
                yield from self.entry(entry, path, names)

    def entry(self, entry: bytes, path: str, names: Names) -> Iterator[File]:
        """Yield an entry, and all below it."""
        high, low, size = struct.unpack_from("<H4xHI", entry, 20)
        first = high << 16 | low
        short = short_name(entry)
        name = names.take(entry[:11]) or short
        if entry[11] & FOLDER:
            yield File(path + name, path + short, 0, None)
            yield from self.folder(first, f"{path}{name}/")
        else:
            yield File(path + name, path + short, size, self.contents(first, size))

    def tree(self) -> dict[str, File]:
        """Return all files and folders by their paths."""
        self.folder_blocks = set()
        return {each.path: each for each in self.folder(self.root, "/")}
