# SPDX-License-Identifier: MIT
"""The ramdisk: a block device in frames, with filesystems on it."""

from __future__ import annotations

import pytest
from on_board import EEXIST, PAGE, ask, names

from pimem.testing.board_session import Machine

pytestmark = pytest.mark.usefixtures("nothing_left")

SIZE = 1 << 20


def test_there_is_no_disk_until_one_is_made(board: Machine) -> None:
    nothing, owned, gone = ask(
        board,
        f"""
        nothing = memory.ramdisk()
        disk = memory.ramdisk({SIZE})
        owned = memory.frames.owners()["ramdisk"], disk.size
        disk.close()
        disk.close()
        print((nothing, owned, memory.ramdisk() or memory.frames.owners().get("ramdisk")))
        """,
    )
    assert nothing is None and gone is None
    assert owned == (SIZE // PAGE, SIZE)


def test_there_is_one_disk_of_one_size(board: Machine) -> None:
    same, refused = ask(
        board,
        f"""
        disk = memory.ramdisk({SIZE})
        disk.writeblocks(3, b"mark" * 128)
        got = bytearray(512)
        memory.ramdisk({SIZE}).readblocks(3, got)
        same = got == b"mark" * 128
        answer = refused(memory.ramdisk, {SIZE + PAGE})
        disk.close()
        print((same, answer))
        """,
    )
    assert same
    assert refused[:2] == ("OSError", EEXIST) and names(refused[2], str(SIZE), str(SIZE + PAGE))


def test_blocks_are_written_and_read_also_with_an_offset(board: Machine) -> None:
    blank, whole, part, ioctls = ask(
        board,
        f"""
        disk = memory.ramdisk({SIZE})
        buf = bytearray(1024)
        disk.readblocks(2046, buf)
        blank = buf == bytes(1024)
        disk.writeblocks(5, bytes(range(256)) * 4)
        disk.writeblocks(6, b"offset", 10)
        disk.readblocks(5, buf)
        whole = bytes(buf[520:530])
        part = bytearray(6)
        disk.readblocks(6, part, 10)
        ioctls = [disk.ioctl(op, 0) for op in (1, 2, 3, 4, 5, 6, 99)]
        disk.close()
        print((blank, whole, bytes(part), ioctls))
        """,
    )
    assert blank, "a new disk holds nothing of what was there before"
    assert whole == bytes(range(8, 10)) + b"offset" + bytes(range(16, 18))
    assert part == b"offset"
    assert ioctls == [0, 0, 0, SIZE // 512, 512, 0, None]


@pytest.mark.parametrize(
    "call, values",
    [
        ("disk.readblocks(2048, bytearray(512))", ["2048"]),
        ("disk.readblocks(2047, bytearray(513))", ["2047", "513"]),
        ("disk.writeblocks(2047, bytes(512), 1)", ["2047", "512"]),
        ("disk.writeblocks(1 << 63, bytes(512))", [str(1 << 63)]),
        ("disk.writeblocks(0, bytes(512), 1 << 63)", [str(1 << 63)]),
        ("disk.writeblocks(-1, bytes(512))", ["-1"]),
    ],
)
def test_nothing_beyond_the_end_is_touched(board: Machine, call: str, values: list[str]) -> None:
    refused = ask(
        board,
        f"""
        disk = memory.ramdisk({SIZE})
        answer = refused(lambda: {call})
        disk.close()
        print(answer)
        """,
    )
    assert refused[0] == "ValueError" and names(refused[2], *values)


def test_a_closed_disk_stays_closed_when_there_is_a_new_one(board: Machine) -> None:
    answers = ask(
        board,
        f"""
        old = memory.ramdisk({SIZE})
        old.close()
        new = memory.ramdisk({2 * SIZE})
        calls = (lambda: old.size, lambda: old.readblocks(0, bytearray(512)),
                 lambda: old.writeblocks(0, bytes(512)), lambda: old.ioctl(4, 0))
        answers = [refused(call) for call in calls]
        old.close()
        answers.append(new.size)
        new.close()
        print(answers)
        """,
    )
    assert answers.pop() == 2 * SIZE
    for kind, _, message in answers:
        assert kind == "ValueError" and names(message, "closed")


@pytest.mark.parametrize("kind", ["VfsFat", "VfsLfs2"])
def test_a_filesystem_works_on_it(board: Machine, kind: str) -> None:
    words, listed, again = ask(
        board,
        f"""
        import os, vfs
        disk = memory.ramdisk({SIZE})
        vfs.{kind}.mkfs(disk)
        vfs.mount(vfs.{kind}(disk), "/disk")
        os.mkdir("/disk/sub")
        with open("/disk/sub/a.txt", "w") as f:
            for i in range(2000):
                f.write("line %d\\n" % i)
        with open("/disk/sub/a.txt") as f:
            text = f.read()
        listed = os.listdir("/disk"), os.listdir("/disk/sub")
        vfs.umount("/disk")
        vfs.mount(vfs.{kind}(memory.ramdisk()), "/disk")
        again = open("/disk/sub/a.txt").read() == text
        vfs.umount("/disk")
        disk.close()
        print((len(text.split()), listed, again))
        """,
    )
    assert words == 4000
    assert listed == (["sub"], ["a.txt"])
    assert again is True
