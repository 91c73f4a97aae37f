# SPDX-License-Identifier: MIT
"""The SD card on both boards' controllers: files, partitions, no card, a card that is pulled."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cards import tool
from on_board import PAGE, PAGED, PAGED_END, ask, run

from pimem.board import boards
from pimem.board.qemu import card_args
from pimem.testing import Machine, board_session

MIB = 1 << 20
#: Addresses are bytes on the first, blocks on the second.
SIZES = {"SDSC": 64 * MIB, "SDHC": 4096 * MIB}
ENODEV = 19
FIRST, COUNT = 2048, 40_000  # blocks of the partition

Boot = Callable[..., Machine]


def blank(path: Path, size: int) -> Path:
    """A card that holds zeros, in no space of the host."""
    with path.open("wb") as file:
        file.truncate(size)
    return path


def partitioned(path: Path, *entries: tuple[int, int, int]) -> Path:
    """A card with a partition table of (type, first block, blocks)."""
    blank(path, 64 * MIB)
    table = b"".join(struct.pack("<4xB3xII", *entry) for entry in entries)
    with path.open("r+b") as file:
        file.seek(446)
        file.write(table.ljust(64, b"\0") + b"\x55\xaa")
    return path


@pytest.fixture(params=board_session.PIS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def boot(name: str) -> Iterator[Boot]:
    """Boots the board with a card, which stays in no machine after the test."""
    machines = []

    def start(card: Path | None, other: str = name) -> Machine:
        for machine in machines:
            machine.close()  # a card is in one slot at a time
        extra = card_args(boards.load(other), card) if card else ()
        machines.append(board_session.boot(other, extra=extra))
        return machines[-1]

    yield start
    for machine in machines:
        machine.close()


WRITE = """
import os, vfs
card = machine.SDCard()
vfs.VfsFat.mkfs(card)
vfs.mount(card, "/card")
os.mkdir("/card/sub")
data = bytes(i * 7 & 255 for i in range(70000))
with open("/card/sub/large", "wb") as f:
    f.write(data)
with open("/card/small.txt", "w") as f:
    for i in range(100):
        f.write("line %d\\n" % i)
vfs.umount("/card")
"""
TELL = """
print((machine.SDCard() is card, card.info(), card.present(), card.cid[3:8], len(card.csd)))
"""
READ = """
import os, vfs
vfs.mount(machine.SDCard(), "/card")
data = bytes(i * 7 & 255 for i in range(70000))
same = open("/card/sub/large", "rb").read() == data
lines = open("/card/small.txt").read().split("\\n")
print((sorted(os.listdir("/card")), same, len(lines), lines[99]))
vfs.umount("/card")
"""


@pytest.mark.parametrize("kind", SIZES)
def test_files_on_a_card_are_there_after_a_restart_on_the_other_board_too(
    boot: Boot, name: str, kind: str, tmp_path: Path
) -> None:
    card = blank(tmp_path / "card.img", SIZES[kind])
    same, info, present, product, csd = ask(boot(card), WRITE + TELL)
    assert (same, info, present, product, csd) == (True, (SIZES[kind], 512), True, b"QEMU!", 16)
    expected = (["small.txt", "sub"], True, 101, "line 99")
    assert ask(boot(card), READ) == expected
    [other] = set(board_session.PIS) - {name}
    assert ask(boot(card, other), READ) == expected


def test_what_is_written_is_clean_to_the_host(boot: Boot, tmp_path: Path) -> None:
    card = partitioned(tmp_path / "card.img", (0x0C, FIRST, COUNT))
    machine = boot(card)
    run(machine, WRITE.replace("machine.SDCard()", "machine.Partition(machine.SDCard(), 1)", 1))
    machine.close()
    partition = tmp_path / "partition"
    with card.open("rb") as file:
        file.seek(FIRST * 512)
        partition.write_bytes(file.read(COUNT * 512))
        assert not any(file.read(MIB)), "nothing is written behind the partition"
    said = tool("fsck.fat", "-n", str(partition))
    assert "2 files" in said or "3 files" in said, said
    assert tool("mtype", "-i", str(partition), "::/small.txt").splitlines()[99] == "line 99"


NAMES = ["grün.txt", "日本語 ファイル.txt", "ΑΒΓ", "é" * 80]
SAVE_NAMES = f"""
import os, vfs
card = machine.SDCard()
vfs.VfsFat.mkfs(card)
vfs.mount(card, "/card")
for name in {NAMES}:
    open("/card/" + name, "w").close()
os.rename("/card/ΑΒΓ", "/card/Здравствуй")
there = sorted(os.listdir("/card")) == sorted({NAMES[:2]} + ["Здравствуй", "é" * 80])
print(os.stat("/card/GRÜN.TXT")[6], there)
vfs.umount("/card")
"""


def test_names_of_any_language_are_those_that_a_pc_sees(
    boot: Boot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")  # what mtools has names in
    card = blank(tmp_path / "card.img", 2 * MIB)
    machine = boot(card)
    assert run(machine, SAVE_NAMES) == "0 True\n"
    machine.close()
    listed = tool("mdir", "-b", "-i", str(card), "::")
    assert sorted(listed.split("::/")[1:]) == sorted(
        f"{name}\n" for name in (*NAMES[:2], "Здравствуй", NAMES[3])
    )
    tool("mcopy", "-i", str(card), str(Path(__file__)), "::schöne Grüße.txt")
    mount = "import os, vfs\nvfs.mount(machine.SDCard(), '/card')\n"
    assert "schöne Grüße.txt" in ask(boot(card), mount + "print(os.listdir('/card'))")


def test_littlefs_works_on_a_card(boot: Boot, tmp_path: Path) -> None:
    card = blank(tmp_path / "card.img", 2 * MIB)
    script = WRITE.replace("VfsFat", "VfsLfs2") + TELL
    assert ask(boot(card), script)[1] == (2 * MIB, 512)
    assert ask(boot(card), READ) == (["small.txt", "sub"], True, 101, "line 99")


def test_partitions_are_those_of_the_table(boot: Boot, tmp_path: Path) -> None:
    entries = (0x0C, FIRST, COUNT), (0, 0, 0), (0x83, 50_000, 1000), (0x83, 130_000, 10_000)
    machine = boot(partitioned(tmp_path / "card.img", *entries))
    got = ask(
        machine,
        """
        card = machine.SDCard()
        first, third = machine.Partition(card, 1), machine.Partition(card, 3)
        told = [(p.number, p.type, p.first, p.count, p.ioctl(4, 0)) for p in (first, third)]
        third.writeblocks(999, b"mark" * 128)
        buf = bytearray(512)
        card.readblocks(50_999, buf)
        beyond = third.readblocks(1000, buf), third.writeblocks(999, bytes(1024))
        refusals = [refused(machine.Partition, card, n) for n in (2, 4, 0, 5)]
        print((told, bytes(buf[:8]), beyond, refusals, repr(first), repr(card)))
        """,
    )
    told, mark, beyond, refusals, first, card = got
    assert told == [(1, 0x0C, FIRST, COUNT, COUNT), (3, 0x83, 50_000, 1000, 1000)]
    assert mark == b"markmark" and beyond == (-22, -22)
    assert [each[:2] for each in refusals[:2]] == [("OSError", ENODEV)] * 2
    assert [each[:2] for each in refusals[2:]] == [("ValueError", None)] * 2
    assert "140000" in refusals[1][2] and "131072" in refusals[1][2]
    assert first == "<Partition 1, type 0x0c, blocks 2048 to 42048>"
    assert card == "<SDCard 'QEMU!' 131072 blocks>"


def test_a_card_without_a_table_has_no_partitions(boot: Boot, tmp_path: Path) -> None:
    card = blank(tmp_path / "card.img", 64 * MIB)
    answers = ask(
        boot(card),
        """
        import vfs
        card = machine.SDCard()
        unformatted = refused(vfs.mount, card, "/card")
        empty = refused(machine.Partition, card, 1)
        vfs.VfsFat.mkfs(card)
        print((unformatted, empty, refused(machine.Partition, card, 1)))
        """,
    )
    assert [each[:2] for each in answers] == [("OSError", ENODEV)] * 3
    assert [each[2] for each in answers[1:]] == ["the card has no partition table"] * 2


def test_without_a_card_the_error_says_so(boot: Boot) -> None:
    machine = boot(None)
    refused = ask(machine, "print(refused(machine.SDCard))")
    assert refused == ("OSError", ENODEV, "no SD card answers")
    assert machine.eval("1 + 1") == 2


def test_without_a_controller_the_error_says_so() -> None:
    with board_session.booted("QEMU_VIRT") as machine:
        refused = ask(machine, "print(refused(machine.SDCard))")
    assert refused[:2] == ("OSError", ENODEV) and "controller" in refused[2]


PULLED = """
import os, vfs
card = machine.SDCard()
vfs.VfsFat.mkfs(card)
vfs.mount(card, "/card")
file = open("/card/file", "w")
file.write("before\\n")
file.flush()
"""
AFTER = """
def write():
    file.write("after\\n" * 200)
    file.flush()
answers = [refused(call) for call in (write, lambda: machine.Partition(card, 1), machine.SDCard)]
print((card.present(), answers, card.readblocks(0, bytearray(512)), memory.check()))
"""


def test_a_card_that_is_pulled_raises_and_works_again_when_it_is_back(
    boot: Boot, tmp_path: Path
) -> None:
    card = blank(tmp_path / "card.img", 64 * MIB)
    machine = boot(card)
    run(machine, PULLED)
    qemu = machine.emulated().qmp
    qemu.human("eject -f card")
    present, answers, read, check = ask(machine, AFTER)
    assert (present, read, check) == (False, -ENODEV, [])
    assert [each[0] for each in answers] == ["OSError"] * 3
    assert {each[1] for each in answers} == {ENODEV}
    qemu.human(f"change card {card} raw")
    again = "print((card.present(), card is machine.SDCard(), os.listdir('/card')))"
    assert ask(machine, again) == (True, True, ["file"])


def test_paged_buffers_and_parts_of_blocks(boot: Boot, tmp_path: Path) -> None:
    card = blank(tmp_path / "card.img", 64 * MIB)
    got = ask(
        boot(card),
        PAGED
        + """
card = machine.SDCard()
space.reserve(VA, 16 * PAGE, 'rw', text)
space.activate()
card.writeblocks(10, view(VA, 2 * PAGE))
card.readblocks(10, view(VA + 4 * PAGE + 3, 2 * PAGE))
whole = bytes(view(VA + 4 * PAGE, 6)), bytes(view(VA + 5 * PAGE + 3, 3))
card.writeblocks(12, view(VA + 8 * PAGE - 2, 4), 510)
buf = bytearray(1024)
card.readblocks(12, buf)
part = bytes(buf[508:516])
card.readblocks(12, view(VA + 10 * PAGE - 1, 5), 509)
across = bytes(view(VA + 10 * PAGE - 1, 5))
card.writeblocks(0, bytes(range(256)) * 8, 100)
long = bytearray(2148)
card.readblocks(0, long, 0)
print((whole, part, across, bytes(long[98:102]), bytes(long[2146:])))
"""
        + PAGED_END,
    )
    whole, part, across, start, end = got
    assert whole == (b"<+><+>", b"<+>")
    assert part == b"\0\0\0\0<+\0\0" and across == b"\0\0\0<+"
    assert (start, end) == (b"\0\0\0\1", b"\xfe\xff")


@pytest.mark.parametrize(
    ("call", "values"),
    [
        ("card.readblocks(-1, bytearray(512))", ["-1"]),
        ("card.readblocks(0, bytearray(513))", ["513"]),
        ("card.writeblocks(0, bytes(512), -2)", ["-2"]),
        ("machine.SDCard(1)", ["1"]),
        ("machine.SDCard(freq=399_999)", ["399999"]),
        ("machine.SDCard(freq=50_000_001)", ["50000001"]),
    ],
)
def test_arguments_that_can_never_be_right(
    boot: Boot, tmp_path: Path, call: str, values: list[str]
) -> None:
    machine = boot(blank(tmp_path / "card.img", 2 * MIB))
    kind, _, text = ask(machine, f"card = machine.SDCard()\nprint(refused(lambda: {call}))")
    assert kind == "ValueError" and all(value in text for value in values)


def test_a_buffer_that_is_not_there_is_a_fault_and_the_card_goes_on(
    boot: Boot, tmp_path: Path
) -> None:
    machine = boot(blank(tmp_path / "card.img", 2 * MIB))
    got = ask(
        machine,
        f"""
        import uctypes
        card = machine.SDCard()
        nowhere = uctypes.bytearray_at(VA, {4 * PAGE})
        faults = [fields(f, 0, nowhere)[:2] for f in (card.readblocks, card.writeblocks)]
        print((faults, card.readblocks(0, bytearray(512)), memory.check()))
        """,
    )
    va = 0x40_0000_0000
    assert got == ([[va, "write"], [va, "read"]], 0, [])


@pytest.mark.parametrize("freq", [400_000, 25_000_000, 50_000_000])
def test_each_clock_works(boot: Boot, tmp_path: Path, freq: int) -> None:
    machine = boot(blank(tmp_path / "card.img", 2 * MIB))
    got = ask(
        machine,
        f"""
        card = machine.SDCard(freq={freq})
        buf = bytearray(2048)
        print((card.writeblocks(3, b"fast" * 512), card.readblocks(3, buf), buf == b"fast" * 512))
        """,
    )
    assert got == (0, 0, True)


def test_a_soft_reset_keeps_the_card(boot: Boot, tmp_path: Path) -> None:
    machine = boot(blank(tmp_path / "card.img", 2 * MIB))
    run(machine, "card = machine.SDCard()\nprint(card.writeblocks(1, b'kept' * 128))")
    machine.soft_reset()
    got = ask(
        machine,
        """
        buf = bytearray(512)
        print((machine.SDCard().readblocks(1, buf), bytes(buf[:4]), memory.check()))
        """,
    )
    assert got == (0, b"kept", [])
