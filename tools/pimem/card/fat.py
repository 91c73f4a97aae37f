# SPDX-License-Identifier: MIT
"""Partitions with FAT32 in an image, made by mkfs.fat and mtools, without root.

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

from pimem.card import mbr
from pimem.card.mbr import HEADS, SECTOR, TRACK_SECTORS, Partition
from pimem.exits import Failure

FIRST_SECTOR = 2048  # of the first partition: 1 MiB, where every partitioning tool puts it
SMALL_CLUSTER = 8  # sectors: what flash likes
LEAST_CLUSTERS = 65525  # with fewer the volume counts as FAT16
MEBIBYTE = 1 << 20
#: mkfs.fat is in a folder that only root has on its PATH.
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def sectors_per_cluster(sectors: int, most: int = SMALL_CLUSTER) -> int:
    """Return the largest cluster up to `most` that still makes a FAT32 of so many sectors."""
    # Reserved sectors and both FATs take less than 5 % even with the smallest clusters.
    count = most
    while count and sectors * 95 // 100 // count <= LEAST_CLUSTERS:
        count //= 2
    if not count:
        raise Failure(f"{sectors * SECTOR // MEBIBYTE} MiB is too small for FAT32")
    return count


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


def first_partition(size: int) -> Partition:
    """Return the partition of an image of so many bytes that has no other."""
    count = size // SECTOR - FIRST_SECTOR
    return Partition(mbr.FAT32_LBA, FIRST_SECTOR, count, active=True)


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
    """Make `image`, sparse, with these files and empty folders in the root of its partition."""
    partition = first_partition(size)
    with image.open("wb") as out:
        out.write(mbr.record(serial, [partition]))
        out.truncate(size)
    drive = make_filesystem(image, partition, label=label, serial=serial, epoch=epoch)
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


def make_filesystem(
    image: Path,
    partition: Partition,
    *,
    label: str,
    serial: int,
    epoch: int,
    largest: int = SMALL_CLUSTER,
) -> list[str]:
    """Make an empty FAT32 in a partition, with clusters of at most `largest` sectors; return the
    options by which mtools find it."""
    first = str(partition.first)
    cluster = str(sectors_per_cluster(partition.count, largest))
    volume = ["-i", f"{serial:08x}", "-h", first]
    shape = ["-F", "32", "-s", cluster, "-g", f"{HEADS}/{TRACK_SECTORS}"]
    kibibytes = str(partition.size // 1024)
    tool(["mkfs.fat", "--offset", first, *shape, *volume, str(image), kibibytes], epoch)
    drive = ["-i", f"{image}@@{partition.start}"]
    tool(["mlabel", *drive, f"::{label}"], epoch)  # mkfs.fat would give it the time of the day
    return drive


class Fat32:
    """Where a partition of an image has its structures, read from the image itself."""

    def __init__(self, image: Path, first: int = FIRST_SECTOR) -> None:
        self.start = first * SECTOR
        with image.open("rb") as source:
            source.seek(self.start)
            boot = source.read(SECTOR)
            per_cluster, reserved, fats = struct.unpack_from("<BHB", boot, 13)
            (fat_sectors,) = struct.unpack_from("<I", boot, 36)
            self.first_fat = self.start + reserved * SECTOR
            self.first_cluster = self.first_fat + fats * fat_sectors * SECTOR
            self.cluster_size = per_cluster * SECTOR
            source.seek(self.first_fat)
            table = source.read(fat_sectors * SECTOR)
        self.table = struct.unpack(f"<{len(table) // 4}I", table)

    def used(self) -> list[tuple[int, int]]:
        """[start, end) ranges of bytes that matter: the structures in front of the clusters (what
        an older filesystem left there must go, even where ours has zeros), and the clusters that
        are in use."""
        ranges = [(self.start, self.first_cluster)]
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
