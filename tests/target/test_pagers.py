# SPDX-License-Identifier: MIT
"""memory.pagers, files through paged buffers, and pagers in odd places."""

from __future__ import annotations

import ast

import pytest
from machine_code import code
from on_board import PAGE, PAGED, PAGED_END, ask, ask_all, run

from pimem import ROOT
from pimem.testing.board_session import Machine

pytestmark = [pytest.mark.usefixtures("nothing_left"), pytest.mark.also_raw]

FOLDER = ROOT / "modules" / "memory" / "python" / "memory" / "pagers"

DISK = """
import vfs
disk = memory.ramdisk(256 * 1024)
{maker}
vfs.mount(fs, '/lazy')
data = bytes(i * 7 & 255 for i in range(10000))
with open('/lazy/file', 'wb') as f:
    f.write(data)
"""
FAT = DISK.format(maker="vfs.VfsFat.mkfs(disk)\nfs = vfs.VfsFat(disk)")
LFS = DISK.format(maker="vfs.VfsLfs2.mkfs(disk)\nfs = vfs.VfsLfs2(disk)")
DISK_END = PAGED_END + "vfs.umount('/lazy')\ndisk.close()\ngc.collect()\n"


def test_each_is_under_sixty_lines() -> None:
    files = sorted(FOLDER.glob("*.py"))
    assert [f.stem for f in files] == ["__init__", "copyonwrite", "filemap", "watch", "zeros"]
    assert all(len(f.read_text().splitlines()) < 60 for f in files)


def test_zeros(board: Machine) -> None:
    got = ask(
        board,
        PAGED
        + """
memory.pagers.zeros(space, VA, 1 << 30)
space.activate()
mem64[VA + 80 * PAGE] = 5
print((mem64[VA], mem64[VA + 80 * PAGE], owned('paged')))
"""
        + PAGED_END,
    )
    assert got == (0, 5, 2)


@pytest.mark.parametrize("disk", [FAT, LFS], ids=["fat", "littlefs"])
def test_a_file_as_memory(board: Machine, disk: str) -> None:
    got = ask(
        board,
        PAGED
        + disk
        + """
mapped = memory.pagers.FileMap(space, VA, '/lazy/file', prot='rw')
space.activate()
m = view(VA, 3 * PAGE)
got = [bytes(m[PAGE - 5 : PAGE + 5]) == data[PAGE - 5 : PAGE + 5], owned('paged')]
got += [bytes(m) == data + bytes(3 * PAGE - len(data)), owned('paged')]
mem8[VA] = 99
got += [mem8[VA], open('/lazy/file', 'rb').read(1)[0]]
mapped.close()
mapped.close()
print(got + [owned('paged')])
"""
        + DISK_END,
    )
    assert got == [True, 2, True, 3, 99, 0, 0]


@pytest.mark.parametrize("disk", [FAT, LFS], ids=["fat", "littlefs"])
def test_files_are_read_into_and_written_from_paged_memory(board: Machine, disk: str) -> None:
    got = ask(
        board,
        PAGED
        + disk
        + """
space.reserve(VA, 8 * PAGE, 'rw', zero)
space.activate()
m = view(VA + 100, len(data))
with open('/lazy/file', 'rb') as f:
    got = [f.readinto(m), len(calls)]
got += [bytes(m) == data]
with open('/lazy/copy', 'wb') as f:
    got += [f.write(view(VA + 3 * PAGE, 2 * PAGE)), len(calls)]
got += [open('/lazy/copy', 'rb').read() == bytes(2 * PAGE)]
# A pager with one page for all: what was made first is gone when the last is made.
def one(va, access):
    space.evict(VA + 16 * PAGE, 4 * PAGE)
    return memory.frames.alloc()
space.reserve(VA + 16 * PAGE, 4 * PAGE, 'rw', one)
with open('/lazy/file', 'rb') as f:
    got += [f.readinto(view(VA + 16 * PAGE, 4 * PAGE)), owned('paged')]
# The pager of a buffer may fault itself, though the filesystem is about to begin.
def other(va, access):
    mem8[VA + 7 * PAGE]
    return memory.frames.alloc()
space.reserve(VA + 32 * PAGE, PAGE, 'rw', other)
with open('/lazy/file', 'rb') as f:
    f.seek(7)
    got += [f.readinto(view(VA + 32 * PAGE, 4)), mem8[VA + 32 * PAGE]]
# A buffer that is not there at all.
try:
    open('/lazy/file', 'rb').readinto(view(VA + 64 * PAGE, 16))
except memory.Fault as e:
    got += [e.access, e.address - VA]
print(got)
"""
        + DISK_END,
    )
    assert got == [10000, 3, True, 8192, 5, True, 10000, 6, 4, 49, "write", 64 * PAGE]


def test_blocks_of_the_ramdisk_and_the_console_take_paged_buffers(board: Machine) -> None:
    out = run(
        board,
        PAGED
        + """
disk = memory.ramdisk(64 * 1024)
space.reserve(VA, 8 * PAGE, 'rw', text)
space.activate()
disk.writeblocks(0, view(VA, 2 * PAGE))
disk.readblocks(0, view(VA + 4 * PAGE + 3, PAGE))
print(bytes(view(VA + 4 * PAGE, 6)))
sys.stdout.write(view(VA + 7 * PAGE - 1, 4))
"""
        + PAGED_END
        + "disk.close()",
    )
    assert out == "b'<+><+>'\n\x00<+>"


def test_copy_on_write_between_two_spaces(board: Machine) -> None:
    got = ask(
        board,
        PAGED
        + """
frames = memory.frames.alloc(3)
memoryview(frames)[0] = memoryview(frames)[PAGE] = 1
shared = memory.pagers.CopyOnWrite(frames)
other = memory.AddressSpace()
shared.map(space, VA)
shared.map(other, VA)
with space:
    mem8[VA] += 1
    got = [mem8[VA], mem8[VA + PAGE], shared.copies]
with other:
    got += [mem8[VA], mem8[VA + PAGE], shared.copies]
    mem8[VA + PAGE] = 7
    got += [mem8[VA + PAGE], shared.copies, owned('paged')]
with space:
    got += [mem8[VA], mem8[VA + PAGE]]
got += [memoryview(frames)[0], memory.check()]
other.close()
print(got)
"""
        + PAGED_END
        + "del shared\nframes.close()\n",
    )
    assert got == [2, 1, 1, 1, 1, 1, 7, 2, 2, 2, 1, 1, []]


def test_nested_pagers(board: Machine) -> None:
    got = ask(
        board,
        PAGED
        + """
def chain(va, access):
    n = (va - VA) // PAGE
    calls.append(n)
    try:
        if n < 9:
            mem8[va + PAGE]
    except memory.Fault as e:
        calls.append(e.errno)
    return memory.frames.alloc()
space.reserve(VA, 10 * PAGE, 'rw', chain)
space.activate()
mem8[VA + 7 * PAGE]
first = list(calls)
calls.clear()
space.evict(VA, 10 * PAGE)
mem8[VA]
print((first, calls))
"""
        + PAGED_END,
    )
    assert got == ([7, 8, 9], [0, 1, 2, 3, 35])


def test_two_pages_that_never_stay_are_no_endless_loop(board: Machine) -> None:
    got = ask_all(
        board,
        PAGED
        + f"LOAD = {code('ldr x0, [x0]; ret')}\n"
        + """
code = memory.frames.alloc()
memoryview(code)[:8] = LOAD
CODE = VA + (1 << 30)
space.map(CODE, code, prot='rx')
def selfish(va, access):
    calls.append(va)
    space.evict(VA, 2 * PAGE)
    return memory.frames.alloc()
space.reserve(VA, 2 * PAGE, 'rw', selfish)
space.activate()
try:
    memory.call(CODE, VA + PAGE - 4)
except memory.Fault as e:
    print((e.errno, len(calls) < 50))
calls.clear()
for i in range(100):      # the same fault again and again, but each time it gets done
    space.evict(VA, 2 * PAGE)
    memory.call(CODE, VA + 8)
print(len(calls))
"""
        + PAGED_END
        + "code.close()\n",
    )
    assert got == [(35, True), 100]


def test_a_pager_without_stack_is_a_recursion_error(board: Machine) -> None:
    got = ask(
        board,
        PAGED
        + """
space.reserve(VA, 4096 * PAGE, 'rw', lambda va, access: memory.frames.alloc())
space.activate()
first = 1 << 30
def deep(n):
    global last
    last = n
    if n >= first:
        mem8[VA + (n - first) * PAGE]
    return deep(n + 1)
try:
    deep(0)
except RuntimeError:
    first = last - 50
try:
    deep(0)
except RuntimeError as e:
    print((str(e), owned('paged') > 10))
"""
        + PAGED_END,
    )
    assert got == ("maximum recursion depth exceeded", True)


def test_a_soft_reset_drops_pagers(fresh: Machine) -> None:
    run(
        fresh,
        PAGED
        + "memory.pagers.zeros(space, VA, 1 << 30)\n"
        + "memory.identity.reserve(0x7000000000, PAGE, 'rw', zero)\n"
        + "mem8[0x7000000000] = 1\nspace.activate()\nmem8[VA] = 1\ndel space\ngc.collect()\n"
        + "mem8[VA + PAGE] = 1\nassert owned('paged') == 3\n",
    )
    fresh.soft_reset()
    out = fresh.exec(
        "import memory\nprint((memory.check(), memory.frames.owners().get('paged', 0)))"
    )
    assert ast.literal_eval(out) == ([], 0)
