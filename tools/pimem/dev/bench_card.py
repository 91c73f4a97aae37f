# SPDX-License-Identifier: MIT
"""What files on the SD card cost, in guest instructions: part of the target part of `make bench`.

The card has a FAT32 with clusters of 32 KiB, as those that `pimem image --data` makes for larger
cards. All of a transfer goes through the controller's data register, four bytes at a time.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from pimem.board.boards import Board
from pimem.board.qemu import card_args
from pimem.card import data, fat, mbr
from pimem.card.mbr import Partition
from pimem.dev.bench_target import RATE, booted

CARD = 4 << 30  # bytes, of which the file takes what was written
SECOND = Partition(mbr.FAT32_LBA, 8192, (3 << 30) // mbr.SECTOR)
UNUSED = Partition(mbr.NO_FILESYSTEM, 2048, 2048)

#: The most instructions that a KiB may take.
LIMITS = {
    "card: a KiB of a read of 1 MiB": 1_600,
    "card: a KiB of a write of 1 MiB": 1_700,
    "card: a KiB in reads of 512 bytes": 6_000,
}
COSTS = """
import json, os, time

data = bytearray(1 << 20)
view = memoryview(bytearray(512))

def spent(call):
    t = time.ticks_cpu()
    call()
    return round(time.ticks_diff(time.ticks_cpu(), t) / rate * 1000 / 1024)

def write():
    with open("/bench", "wb") as file:
        file.write(data)

def read():
    with open("/bench", "rb") as file:
        assert file.readinto(data) == 1 << 20

def read_blocks():
    with open("/bench", "rb") as file:
        while file.readinto(view):
            pass

write()  # FatFs finds out which clusters are free
print(json.dumps([spent(call) for call in (read, write, read_blocks)]))
"""


def make_card(path: Path) -> None:
    with path.open("wb") as file:
        file.write(mbr.record(1, [UNUSED, SECOND]))
        file.truncate(CARD)
    fat.make_filesystem(
        path, SECOND, label="BENCH", serial=1, epoch=1 << 30, largest=data.LARGEST_CLUSTER
    )


def costs(board: Board) -> dict[str, int]:
    """Count the instructions of a KiB of each of LIMITS, with the open and close of the file."""
    with tempfile.TemporaryDirectory(prefix="pimem-bench-") as folder:
        card = Path(folder) / "card"
        make_card(card)
        with booted(board, card_args(board, card)) as link:
            found = json.loads(link.run(RATE + COSTS))
    return dict(zip(LIMITS, found, strict=True))
