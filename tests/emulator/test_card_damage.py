# SPDX-License-Identifier: MIT
"""Cards that are full, damaged, of another format, or pulled while they are written: an OSError
says so, and the board goes on."""

from __future__ import annotations

import ast
import os
import random
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from cards import noise, sha256, tool
from fat_volume import Volume
from on_board import ask, run, same_state, start

from pimem.board import boards
from pimem.board.qemu import card_args
from pimem.board.text import to_text
from pimem.card import fat, mbr
from pimem.card.mbr import Partition
from pimem.testing import Machine, board_session

MIB = 1 << 20
CARD = 64 * MIB
#: The third, which nothing mounts at boot.
PARTITION = Partition(mbr.FAT32_LBA, 8192, 36 * MIB // 512)
UNUSED = Partition(mbr.NO_FILESYSTEM, 2048, 2048)
ROUNDS = int(os.environ.get("DAMAGED_CARDS", "25"))
EPOCH = 1 << 30
ENODEV, ENOSPC = 19, 28
FULL = ("OSError", ENOSPC)
NOT_REFUSED = ("not refused", None)
ROOM = NOT_REFUSED, NOT_REFUSED  # littlefs has nothing of a file that it could not close
FILES = {"SMALL.TXT": b"small\n" * 20, "a file with a long name.bin": noise("long", 20_000)}

Slot = tuple[Machine, Path]


def made(path: Path) -> Path:
    """A card whose third partition has a FAT32 with some files."""
    with path.open("wb") as file:
        file.write(mbr.record(1, [UNUSED, UNUSED, PARTITION]))
        file.truncate(CARD)
    drive = fat.make_filesystem(path, PARTITION, label="FILES", serial=1, epoch=EPOCH)
    tool("mmd", *drive, "::/FOLDER", "::/FOLDER/deep")
    for name, data in FILES.items():
        source = path.with_name(name)
        source.write_bytes(data)
        tool("mcopy", *drive, str(source), "::/FOLDER")
        tool("mcopy", *drive, str(source), "::")
    return path


@pytest.fixture(params=board_session.PIS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def slot(name: str, tmp_path: Path) -> Iterator[Slot]:
    """A board that has such a card, and the file of it."""
    card = made(tmp_path / "card")
    with board_session.booted(name, extra=card_args(boards.load(name), card)) as machine:
        yield machine, card


MOUNT = """
import os, vfs
card = machine.SDCard()
part = machine.Partition(card, 3)
vfs.mount(part, "/card")
"""
FILL = """
def fill():
    count = 0
    try:
        with open("/card/large", "wb") as file:
            while True:
                count += file.write(data)
    except OSError as e:
        return e.errno, count

def filled(make):
    make.mkfs(card)
    vfs.mount(card, "/card")
    errno, count = fill()
    more = refused(put, "/card/other")[:2], refused(os.mkdir, "/card/folder")[:2]
    os.remove("/card/large")
    again = put("/card/other")
    vfs.umount("/card")
    return errno, count, more, again

def put(path):
    with open(path, "wb") as file:
        return file.write(data)
data = bytes(16384)
"""


@pytest.mark.parametrize("name", board_session.PIS[-1:])
def test_a_full_card_says_so_and_has_room_again_after_a_remove(name: str, tmp_path: Path) -> None:
    card = tmp_path / "card"
    with card.open("wb") as file:
        file.truncate(MIB)
    with board_session.booted(name, extra=card_args(boards.load(name), card)) as machine:
        run(machine, f"import os, vfs\ncard = machine.SDCard()\n{FILL}")
        with same_state(machine):
            for make, expected in (("VfsFat", (FULL, FULL)), ("VfsLfs2", ROOM)):
                errno, count, more, again = ask(machine, f"print(filled(vfs.{make}))")
                assert (errno, again) == (ENOSPC, 16384), make
                assert 900_000 < count < MIB, make
                assert more == expected, make


EXERCISE = (
    MOUNT.replace('vfs.mount(part, "/card")', "")
    + """
def walk(path, depth):
    count = 0
    for name, kind, *_ in os.ilistdir(path):
        count += 1
        if count > 100:
            return
        try:
            if kind == 0x4000 and depth:
                walk(path + "/" + name, depth - 1)
            elif kind == 0x8000:
                with open(path + "/" + name, "rb") as file:
                    for _ in range(8):
                        file.read(4096)
        except OSError as e:
            told.append(e.errno)

def change():
    with open("/card/new.txt", "w") as file:
        file.write("new" * 500)
    os.mkdir("/card/new")
    os.rename("/card/new.txt", "/card/new/moved.txt")
    os.remove("/card/SMALL.TXT")

def exercise():
    told.clear()
    for step in (mount, lambda: walk("/card", 3), change, lambda: os.statvfs("/card")):
        try:
            step()
        except OSError as e:
            told.append(e.errno)
            if step is mount:
                return told
    vfs.umount("/card")
    return told

def mount():
    vfs.mount(part, "/card")

told = []
exercise()
"""
)


def metadata(card: Path) -> tuple[bytes, list[int]]:
    """The front of the partition, and the bytes of it that say where files are."""
    with card.open("rb") as file:
        file.seek(PARTITION.start)
        data = file.read(PARTITION.size)
    volume = Volume(memoryview(data))
    volume.tree()
    reserved, sectors = (
        struct.unpack_from("<H", data, 14)[0],
        struct.unpack_from("<I", data, 36)[0],
    )
    blocks = {0, 1, reserved, reserved + sectors, *volume.folder_blocks}
    places = [block * 512 + at for block in sorted(blocks) for at in range(512)]
    front = (volume.first_block * 512) + MIB
    return data[:front], places


def test_a_damaged_fat_is_an_error_or_is_read_and_the_board_goes_on(slot: Slot) -> None:
    machine, card = slot
    front, places = metadata(card)
    run(machine, EXERCISE)
    dice = random.Random(f"damaged {machine.name}")
    results: dict[tuple[int, ...], int] = {}
    with card.open("r+b", buffering=0) as file, same_state(machine):
        for _ in range(ROUNDS):
            damaged = bytearray(front)
            for _ in range(dice.choice((1, 1, 2, 8))):
                damaged[dice.choice(places)] ^= 1 << dice.randrange(8)
            file.seek(PARTITION.start)
            file.write(damaged)
            told = tuple(ask(machine, "print(exercise())", timeout=120))
            results[told] = results.get(told, 0) + 1
    print(machine.name, ROUNDS, results)
    assert () in results and (ENODEV,) in results, "some damage does not matter, some does"
    assert all(errno > 0 for told in results for errno in told)


def blank(path: Path) -> Path:
    with path.open("wb") as file:
        file.truncate(CARD)
    return path


def exfat(path: Path, start: int = 0) -> Path:
    """The begin of an exFAT, which names it, in a card or in its third partition."""
    blank(path)
    with path.open("r+b") as file:
        if start:
            entries = [UNUSED, UNUSED, Partition(0x07, start // 512, PARTITION.count)]
            file.write(mbr.record(1, entries))
        file.seek(start)
        file.write(b"\xeb\x76\x90EXFAT   ".ljust(510, b"\0") + b"\x55\xaa")
    return path


def old_data(path: Path) -> Path:
    path.write_bytes(noise("old data", MIB) * (CARD // MIB))
    return path


def super_floppy(path: Path) -> Path:
    blank(path)
    tool("mkfs.fat", "-F", "32", "-s", "1", str(path))
    return path


FOREIGN = """
import _card, os, vfs
def foreign():
    card = machine.SDCard()
    answers = [refused(vfs.mount, card, "/foreign")[:2]]
    try:
        part = machine.Partition(card, 3)
        answers.append(refused(vfs.mount, part, "/part")[:2])
    except OSError as e:
        answers.append(e.args)
    mounted = [place for place in ("foreign", "part") if place in os.listdir("/")]
    for place in mounted:
        vfs.umount("/" + place)
    _card.mount(card, False)
    return mounted, answers
foreign()
"""
NOT_MOUNTED = ("OSError", ENODEV)
MOUNTED = NOT_REFUSED
NO_TABLE = (ENODEV, "the card has no partition table")
#: What each card is, and the answers to mounting it whole and its third partition.
CARDS = {
    "unformatted": (blank, [NOT_MOUNTED, NO_TABLE]),
    "old data": (old_data, [NOT_MOUNTED, NO_TABLE]),
    "exFAT": (exfat, [NOT_MOUNTED]),
    "exFAT in a partition": (
        lambda path: exfat(path, PARTITION.start),
        [NOT_MOUNTED, NOT_MOUNTED],
    ),
    "super-floppy": (super_floppy, [MOUNTED]),
}


@pytest.mark.parametrize("name", board_session.PIS[:1])
def test_a_card_of_another_format_is_told_and_stays_as_it_is(slot: Slot, tmp_path: Path) -> None:
    machine, _ = slot
    run(machine, FOREIGN)
    with same_state(machine):
        for what, (make, expected) in CARDS.items():
            card = make(tmp_path / "other")
            before = sha256(card)
            exchange(machine, card)
            mounted, answers = ask(machine, "print(foreign())")
            assert answers[: len(expected)] == expected, what
            assert [each[0] for each in answers[len(expected) :]] in ([], [ENODEV]), what
            assert mounted == (["foreign"] if MOUNTED in expected else []), what
            assert sha256(card) == before, what


def exchange(machine: Machine, card: Path) -> None:
    """Take the card out, have the board notice it, and put another one in."""
    qemu = machine.emulated().qmp
    qemu.human("eject -f card")
    run(machine, GONE)
    qemu.human(f"change card {card} raw")
    run(machine, THERE)


GONE = """
def waits_until(there):
    import time
    for _ in range(100):
        try:
            if machine.SDCard().present() == there:
                return
        except OSError:
            if not there:
                return
        time.sleep_ms(50)
    raise RuntimeError("the card stays as it is")
waits_until(False)
"""
THERE = GONE.replace("waits_until(False)", "waits_until(True)")

PULLED = (
    MOUNT
    + """
data = bytes(range(256)) * 256
def go_on():
    with open("/card/pulled", "wb") as file:
        for _ in range(100_000):
            file.seek(0)
            file.write(data)
before = free()
"""
)
ENDED = """
errno = refused(go_on)[1]
answers = [refused(call)[1] for call in (lambda: os.mkdir("/card/x"), go_on)]
vfs.umount("/card")
print((errno, answers))
"""
AGAIN = """
vfs.mount(machine.Partition(machine.SDCard(), 3), "/card")
with open("/card/again", "wb") as file:
    file.write(data)
print(sorted(name for name in os.listdir("/card") if name != "pulled"))
vfs.umount("/card")
"""


def test_a_card_pulled_during_a_write_is_an_error_and_nothing_is_lost(
    slot: Slot, tmp_path: Path
) -> None:
    machine, card = slot
    run(machine, PULLED)
    with same_state(machine):
        start(machine, ENDED)
        machine.emulated().qmp.human("eject -f card")
        said = to_text(machine.link.read_until(b"\x04>", silence=60))
        assert ast.literal_eval(said.split("\x04")[0].strip()) == (ENODEV, [ENODEV, ENODEV])
    exchange(machine, card)
    with same_state(machine):
        assert ask(machine, AGAIN) == sorted([*FILES, "FOLDER", "again"])
