# SPDX-License-Identifier: MIT
"""A card image: one FAT32 partition behind an MBR, made by mkfs.fat and mtools, without root.

The same files give the same bytes, in any folder, time zone and year.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from pimem.exits import Failure

SECTOR = 512
FIRST_SECTOR = 2048  # of the partition: 1 MiB, where every partitioning tool puts it
HEADS, TRACK_SECTORS = 255, 63
FAT32_LBA = 0x0C
ACTIVE = 0x80
LEAST_CLUSTERS = 65525  # with fewer the volume counts as FAT16
MEBIBYTE = 1 << 20
#: mkfs.fat is in a folder that only root has on its PATH.
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def sectors_per_cluster(size: int) -> int:
    """Return the largest cluster up to 4 KiB (what flash likes) that still makes a FAT32."""
    sectors = size // SECTOR - FIRST_SECTOR
    # Reserved sectors and both FATs take less than 5 % even with the smallest clusters.
    fits = [count for count in (8, 4, 2, 1) if sectors * 95 // 100 // count > LEAST_CLUSTERS]
    if not fits:
        raise Failure(f"{size // MEBIBYTE} MiB is too small for FAT32")
    return fits[0]


def tool(command: Sequence[str], epoch: int) -> None:
    """Run one of the tools so that nothing of this machine gets into its result."""
    env = {
        "PATH": SEARCH_PATH,
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "HOME": "/nonexistent",  # no ~/.mtoolsrc
        "SOURCE_DATE_EPOCH": str(epoch),
    }
    if shutil.which(command[0], path=SEARCH_PATH) is None:
        raise Failure(f"no {command[0]} on this machine: `make setup` installs it")
    done = subprocess.run(
        command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300
    )
    if done.returncode:
        raise Failure(f"{command[0]} failed: {(done.stderr or done.stdout).strip()}")


def chs(sector: int) -> bytes:
    """Return a sector's cylinder/head/sector form, as far as its ten bits of cylinder go."""
    cylinder, rest = divmod(sector, HEADS * TRACK_SECTORS)
    head, track_sector = divmod(rest, TRACK_SECTORS)
    if cylinder > 1023:
        cylinder, head, track_sector = 1023, HEADS - 1, TRACK_SECTORS - 1
    low = (track_sector + 1) | (cylinder >> 8) << 6
    return bytes([head, low, cylinder & 0xFF])


def master_boot_record(size: int, signature: int) -> bytes:
    """Return a record of one active FAT32 partition from FIRST_SECTOR to the end, no boot code."""
    count = size // SECTOR - FIRST_SECTOR
    entry = struct.pack(
        "<B3sB3sII",
        ACTIVE,
        chs(FIRST_SECTOR),
        FAT32_LBA,
        chs(size // SECTOR - 1),
        FIRST_SECTOR,
        count,
    )
    head = bytes(440) + struct.pack("<IH", signature, 0)
    return head + entry + bytes(48) + b"\x55\xaa"


def build(
    image: Path,
    size: int,
    files: Mapping[str, bytes],
    folders: Sequence[str],
    *,
    label: str,
    serial: int,
    epoch: int,
) -> None:
    """Make `image`, sparse, with these files and empty folders in its root."""
    with image.open("wb") as out:
        out.write(master_boot_record(size, serial))
        out.truncate(size)
    volume = ["-i", f"{serial:08x}", "-h", str(FIRST_SECTOR)]
    shape = ["-F", "32", "-s", str(sectors_per_cluster(size)), "-g", f"{HEADS}/{TRACK_SECTORS}"]
    tool(["mkfs.fat", "--offset", str(FIRST_SECTOR), *shape, *volume, str(image)], epoch)
    drive = ["-i", f"{image}@@{FIRST_SECTOR * SECTOR}"]
    tool(["mlabel", *drive, f"::{label}"], epoch)  # mkfs.fat would give it the time of the day
    with tempfile.TemporaryDirectory(prefix="pimem-image-") as scratch:
        paths = []
        for name, data in files.items():
            path = Path(scratch) / name
            path.write_bytes(data)
            os.utime(path, (epoch, epoch))
            paths.append(str(path))
        tool(["mcopy", *drive, "-m", *paths, "::"], epoch)
    if folders:
        tool(["mmd", *drive, *(f"::{folder}" for folder in folders)], epoch)


class Fat32:
    """Where the partition of an image has its structures, read from the image itself."""

    def __init__(self, image: Path) -> None:
        with image.open("rb") as source:
            source.seek(FIRST_SECTOR * SECTOR)
            boot = source.read(SECTOR)
            per_cluster, reserved, fats = struct.unpack_from("<BHB", boot, 13)
            (fat_sectors,) = struct.unpack_from("<I", boot, 36)
            self.first_fat = (FIRST_SECTOR + reserved) * SECTOR
            self.first_cluster = self.first_fat + fats * fat_sectors * SECTOR
            self.cluster_size = per_cluster * SECTOR
            source.seek(self.first_fat)
            table = source.read(fat_sectors * SECTOR)
        self.table = struct.unpack(f"<{len(table) // 4}I", table)

    def used(self) -> list[tuple[int, int]]:
        """[start, end) ranges of bytes that matter: everything up to the clusters (what an
        older partition table or FAT left there must go, even where ours has zeros), and the
        clusters that are in use."""
        ranges = [(0, self.first_cluster)]
        for number, entry in enumerate(self.table[2:]):
            if not entry:
                continue
            start = self.first_cluster + number * self.cluster_size
            last_start, last_end = ranges[-1]
            if start == last_end:
                ranges[-1] = (last_start, start + self.cluster_size)
            else:
                ranges.append((start, start + self.cluster_size))
        return ranges
