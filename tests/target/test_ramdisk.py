# SPDX-License-Identifier: MIT
"""The ramdisk: a block device in frames, with filesystems on it."""

from __future__ import annotations

import pytest
from on_board import EEXIST, ENOMEM, PAGE, ask, names

from pimem.testing.board_session import Machine

ENOENT, ENOSPC = 2, 28
pytestmark = pytest.mark.usefixtures("nothing_left")

SIZE = 1 << 20


def test_there_is_no_disk_until_one_is_made(board: Machine) -> None:
    nothing, owned, gone = ask(
        board,
        f"""
        nothing = memory.ramdisk()
        disk = memory.ramdisk({SIZE})
        blank = memory.frames.owners().get("ramdisk")
        disk.writeblocks(9, b"x" * 512)
        owned = blank, memory.frames.owners()["ramdisk"], disk.size, repr(disk)
        disk.close()
        disk.close()
        print((nothing, owned, memory.ramdisk() or memory.frames.owners().get("ramdisk")))
        """,
    )
    assert nothing is None and gone is None
    # A page and its table.
    assert owned == (None, 2, SIZE, f"<RamDisk +{SIZE}, {2 * PAGE} in use>")


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


def test_a_disk_is_as_large_as_the_ram_at_most(board: Machine) -> None:
    total, refused = ask(
        board,
        """
        total = memory.frames.stats()["total"] * 4096
        memory.ramdisk(total).close()
        print((total, refused(memory.ramdisk, total + 4096)))
        """,
    )
    assert refused[:2] == ("OSError", ENOMEM) and names(refused[2], str(total + PAGE), str(total))


@pytest.mark.parametrize("kind", ["VfsFat", "VfsLfs2"])
def test_frames_that_run_out_are_a_full_disk(board: Machine, kind: str) -> None:
    answer, rest, sound = ask(
        board,
        f"""
        import os, vfs
        disk = memory.ramdisk({64 * SIZE})
        vfs.{kind}.mkfs(disk)
        vfs.mount(vfs.{kind}(disk), "/disk")
        open("/disk/kept", "w").write("kept" * 300)
        block = bytes(range(256)) * 400
        def fill():
            with open("/disk/file", "wb") as f:
                for i in range(100):
                    f.write(block)
        gc.collect()
        gc.disable()
        runs = [memory.frames.alloc(40, zero=False)]
        while (longest := _memory.frames_stats()["largest_run"]):
            runs.append(memory.frames.alloc(longest, zero=False))
        runs[0].close()
        answer = refused(fill)
        for run in runs:
            run.close()
        gc.enable()
        rest = open("/disk/kept").read() == "kept" * 300
        os.remove("/disk/file")
        vfs.umount("/disk")
        disk.close()
        print((answer, rest, memory.check()))
        """,
    )
    assert answer[:2] == ("OSError", ENOSPC)
    assert rest is True and sound == []


def root_frames(board: Machine) -> int:
    return int(board.eval("memory.frames.owners().get('ramdisk', 0)", "import memory"))


def empty_root(board: Machine) -> None:
    board.exec("import _memory\n_memory.root_disk().close()")
    board.soft_reset()


def test_the_disk_at_the_root_takes_frames_for_what_is_in_its_files(board: Machine) -> None:
    """It is there without mkfs and without a frame, and a removed file's frames go back."""
    before = root_frames(board)
    there = ask(
        board,
        f"""
        import os, vfs
        there = [str(fs) for fs, place in vfs.mount() if place == "/"], os.statvfs("/")[1:4]
        with open("/file", "wb") as f:
            f.write(b"x" * {10 * PAGE})
        print(there)
        """,
    )
    with_file = root_frames(board)
    board.exec("open('/file', 'r+b').write(bytes(4096 * 4))")
    with_zeros = root_frames(board)
    board.exec("import os\nos.remove('/file')")
    assert there[0] == ["<VfsFat>"] and there[1][0] == PAGE and there[1][1] >= 4000
    # The first page, that of the directory, and two tables.
    assert before <= 4 and 10 <= with_file - before <= 14
    assert with_zeros == with_file - 4
    assert root_frames(board) == with_file - 10
    empty_root(board)


def test_a_look_at_the_root_takes_no_frame(board: Machine) -> None:
    empty_root(board)
    free = board.free_frames()
    seen = ask(
        board,
        """
        import os, sys
        seen = os.listdir("/"), refused(os.stat, "/main.py")[1], refused(open, "/x")[1]
        print((seen, "/lib" in sys.path, os.getcwd()))
        """,
    )
    assert seen == (([], ENOENT, ENOENT), True, "/")
    assert root_frames(board) == 0 and board.free_frames() >= free - 20
