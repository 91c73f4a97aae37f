# SPDX-License-Identifier: MIT
"""The partition table of a card: a master boot record without boot code."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

SECTOR = 512
HEADS, TRACK_SECTORS = 255, 63
#: Types: FAT32, and data that no PC has a filesystem for.
FAT32_LBA, NO_FILESYSTEM = 0x0C, 0xDA
ACTIVE = 0x80
TABLE, ENTRIES = 446, 4
ENTRY = struct.Struct("<B3sB3sII")
SIGNATURE = b"\x55\xaa"  # ends the record


@dataclass(frozen=True)
class Partition:
    kind: int
    first: int  # sector
    count: int  # of sectors
    active: bool = False

    @property
    def start(self) -> int:
        """The byte of the image at which it begins."""
        return self.first * SECTOR

    @property
    def size(self) -> int:
        return self.count * SECTOR


def chs(sector: int) -> bytes:
    """Return a sector's cylinder/head/sector form, as far as its ten bits of cylinder go."""
    cylinder, rest = divmod(sector, HEADS * TRACK_SECTORS)
    head, track_sector = divmod(rest, TRACK_SECTORS)
    if cylinder > 1023:
        cylinder, head, track_sector = 1023, HEADS - 1, TRACK_SECTORS - 1
    low = (track_sector + 1) | (cylinder >> 8) << 6
    return bytes([head, low, cylinder & 0xFF])


def entry(partition: Partition) -> bytes:
    first, count = partition.first, partition.count
    status = ACTIVE if partition.active else 0
    last = chs(first + count - 1)
    return ENTRY.pack(status, chs(first), partition.kind, last, first, count)


def record(signature: int, partitions: Sequence[Partition]) -> bytes:
    """Return the card's first sector; `signature` is the number of the disk."""
    table = b"".join(map(entry, partitions)).ljust(ENTRIES * ENTRY.size, b"\0")
    return bytes(440) + struct.pack("<IH", signature, 0) + table + SIGNATURE


def end(sector: bytes) -> int:
    """Return the byte at which the last partition of a record ends."""
    entries = ENTRY.iter_unpack(sector[TABLE : TABLE + ENTRIES * ENTRY.size])
    ends: list[int] = [first + count for _, _, _, _, first, count in entries]
    return max(ends) * SECTOR
