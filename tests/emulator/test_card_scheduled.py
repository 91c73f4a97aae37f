# SPDX-License-Identifier: MIT
"""A scheduled function writes to one file while the program writes to another."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cards import check_filesystem, tool
from on_board import run, same_state

from pimem.board import boards
from pimem.board.qemu import card_args
from pimem.card import fat, mbr
from pimem.card.mbr import Partition
from pimem.testing import board_session

MIB = 1 << 20
TIMES = int(os.environ.get("SCHEDULED_WRITES", "200"))
UNUSED = Partition(mbr.NO_FILESYSTEM, 2048, 2048)
SECOND = Partition(mbr.FAT32_LBA, 8192, 40 * MIB // 512)
EPOCH = 1 << 30

#: The function schedules itself again, so that it runs at each place where one may.
SCRIPT = """
import micropython
count = between = 0
def append(_):
    global count
    with open("/log", "ab") as log:
        log.write(b"%7d\\n" % count)
    count += 1
    if count < {times}:
        micropython.schedule(append, None)

def write():
    global between
    micropython.schedule(append, None)
    with open("/data", "wb") as file:
        while count < {times}:
            before = count
            file.write(b"%7d\\n" % between * 50)
            if between % 10 == 0:
                file.flush()
            between += 1
write()
print(count, between)
"""


@pytest.mark.parametrize("name", board_session.PIS)
def test_both_files_are_whole_and_the_filesystem_is_clean(name: str, tmp_path: Path) -> None:
    card = tmp_path / "card"
    with card.open("wb") as file:
        file.write(mbr.record(1, [UNUSED, SECOND]))
        file.truncate(64 * MIB)
    drive = fat.make_filesystem(card, SECOND, label="FILES", serial=1, epoch=EPOCH)
    extra = card_args(boards.load(name), card)
    with board_session.booted(name, extra=extra) as machine, same_state(machine):
        said = run(machine, SCRIPT.format(times=TIMES), timeout=600)
    count, between = map(int, said.split())
    assert count == TIMES and between > 1
    log, data = (tool("mtype", *drive, f"::/{file}") for file in ("log", "data"))
    assert log == "".join(f"{number:7d}\n" for number in range(TIMES))
    assert data == "".join(f"{number:7d}\n" * 50 for number in range(between))
    check_filesystem(card, SECOND.start, SECOND.size)
