# SPDX-License-Identifier: MIT
"""A ROMFS that mpremote deploys to a card: it is there after a reset, and needs room."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cards import noise
from test_card_boot import booted
from test_card_data import MIB, reset

from pimem.board.link import Link
from pimem.card import fat, lfs, mbr
from pimem.card.mbr import Partition
from pimem.testing import Machine, board_session

LINE = "files    /rom: /romfs.img, read-only"
UNUSED = Partition(mbr.NO_FILESYSTEM, 2048, 2048)
FAT = Partition(mbr.FAT32_LBA, 8192, 40 * MIB // 512)
LITTLEFS = Partition(mbr.NO_FILESYSTEM, 8192, MIB // 512)
PLACES = [(name, FAT) for name in board_session.PIS] + [(board_session.PIS[0], LITTLEFS)]


def card_with(path: Path, partition: Partition) -> Path:
    with path.open("wb") as file:
        file.write(mbr.record(1, [UNUSED, partition]))
        file.truncate(64 * MIB)
    if partition is FAT:
        fat.make_filesystem(path, partition, label="FILES", serial=1, epoch=1 << 30)
    else:
        lfs.make_filesystem(path, partition)
    return path


def romfs_folder(folder: Path) -> Path:
    (folder / "lib").mkdir(parents=True)
    (folder / "greet.py").write_text("import there\nprint('greet', there.X, __file__)\n")
    (folder / "lib" / "there.py").write_text("X = 41 + 1\n")
    return folder


def by_mpremote(machine: Machine, *args: str) -> tuple[int, str]:
    """Let mpremote use the board; afterwards there is a new link, in the raw REPL."""
    machine.link.leave_raw_repl()
    machine.link.close()
    pty = machine.emulated().pty
    # QEMU checks once a second whether a closed pty has been opened again.
    kept_open = os.open(pty, os.O_RDWR | os.O_NOCTTY)
    command = [sys.executable, "-m", "mpremote", "connect", pty, *args]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        machine.link = Link(pty)
    finally:
        os.close(kept_open)
    machine.link.enter_raw_repl()
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(("name", "partition"), PLACES)
def test_a_deployed_romfs_is_mounted_at_each_start(
    name: str, partition: Partition, tmp_path: Path
) -> None:
    card = card_with(tmp_path / "card", partition)
    folder = romfs_folder(tmp_path / "rom")
    with booted(name, card, reboot=True) as machine:
        assert "/rom" not in machine.report
        code, said = by_mpremote(machine, "romfs", "deploy", str(folder))
        assert (code, "ROMFS image deployed" in said) == (0, True), said
        assert LINE in reset(machine)
        machine.link.enter_raw_repl()
        assert machine.exec("import greet") == "greet 42 /rom/greet.mpy\n"
        assert machine.eval("sorted(os.listdir('/'))", "import os") == ["rom", "romfs.img"]


def test_an_image_without_room_is_refused(tmp_path: Path) -> None:
    card = card_with(tmp_path / "card", LITTLEFS)
    large, medium = tmp_path / "large.romfs", tmp_path / "medium.romfs"
    for path, size in ((large, 2 * MIB), (medium, MIB // 4)):
        path.write_bytes(b"\xd2\xcd\x31\x00" + noise("romfs", size))
    with booted(board_session.PIS[-1], card) as machine:
        code, said = by_mpremote(machine, "romfs", "deploy", str(large))
        assert (code, "ROMFS image is too big for the target partition" in said) == (1, True)
        # The free space shrinks between the query and the first write.
        machine.exec(
            "import os, vfs\nvfs.rom_ioctl(3, 0, 600_000)\n"
            "with open('/other', 'wb') as f:\n for i in range(500): f.write(b'x' * 1000)\n"
        )
        with pytest.raises(Exception, match=r"/romfs.new: byte \d+ of 600000"):
            machine.exec("for at in range(0, 600_000, 4096): vfs.rom_ioctl(4, 0, at, bytes(4096))")
        assert machine.eval("os.listdir('/')") == ["other"]
        code, said = by_mpremote(machine, "romfs", "deploy", str(medium))
        assert code == 0, said
