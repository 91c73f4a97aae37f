# SPDX-License-Identifier: MIT
"""Watchpoints: memory.pagers.Watch, and the single step behind it."""

from __future__ import annotations

import pytest
from machine_code import code
from on_board import PAGED, PAGED_END, ask
from test_pagers import DISK_END, FAT, LFS

from pimem.testing.board_session import Machine

pytestmark = pytest.mark.usefixtures("nothing_left")


# A disk that can be told to fail.
BREAKING = """
class Breaking:
    def __init__(self, disk):
        self.disk, self.broken = disk, False
    def readblocks(self, *args):
        self.disk.readblocks(*args)
        if self.broken:
            raise OSError(5)
    def writeblocks(self, *args):
        return self.disk.writeblocks(*args)
    def ioctl(self, *args):
        return self.disk.ioctl(*args)
"""
FILES_AND_CONSOLE = """
frames = memory.frames.alloc(4)
watch = memory.pagers.Watch(space, VA, frames)
space.activate()
got = []
def count():
    got.append((watch.counts['read'], watch.counts['write'], len(space.mappings())))
m = view(VA + 100, len(data))
with open('/lazy/file', 'rb') as f:
    got += [f.readinto(m)]
count()
got += [bytes(memoryview(frames)[100 : 100 + len(data)]) == data]
with open('/lazy/copy', 'wb') as f:
    got += [f.write(m)]
count()
disk.readblocks(0, view(VA, PAGE))
count()
sys.stdout.write(view(VA + 2 * PAGE - 1, 2))
count()
mem8[VA], mem8[VA]
count()
# The filesystem fails: the page is taken away all the same.
breaking.broken = True
try:
    with open('/lazy/file', 'rb') as f:
        f.readinto(m)
except OSError as e:
    got += [e.errno]
breaking.broken = False
got += [len(space.mappings()), memory.check()]
watch.close()
print()
print(got)
"""


@pytest.mark.parametrize("disk", [FAT, LFS], ids=["fat", "littlefs"])
def test_a_watchpoint_counts_what_files_and_the_console_do(board: Machine, disk: str) -> None:
    make = "memory.ramdisk(256 * 1024)"
    mount = disk.replace(make, f"{make}\nbreaking = Breaking(disk)").replace(
        "(disk)\nvfs.mount", "(breaking)\nvfs.mount"
    )
    end = DISK_END.replace("vfs.umount", "frames.close()\nvfs.umount")
    got = ask(board, PAGED + BREAKING + mount + FILES_AND_CONSOLE + end)
    assert got[:5] == [10000, (0, 3, 0), True, 10000, (3, 3, 0)]
    assert got[5:] == [(3, 4, 0), (5, 4, 0), (7, 4, 0), 5, 0, []]


def test_a_watchpoint_counts_every_access(board: Machine) -> None:
    got = ask(
        board,
        PAGED
        + """
frames = memory.frames.alloc(2)
watch = memory.pagers.Watch(space, VA, frames)
space.activate()
for i in range(10):
    mem32[VA + 4 * i] = i
total = sum(mem32[VA + 4 * i] for i in range(5))
got = [total, watch.counts['write'], watch.counts['read'], watch.counts['execute']]
got += [view(VA + PAGE - 4, 8)[3], len(space.mappings()), memory.regs()['daif']]
mem64[VA + PAGE - 8] = 1
# An access to both pages is one of each, done once.
before = dict(watch.counts)
got += [uctypes.struct(VA + PAGE - 4, {'x': uctypes.UINT64 | 0}, uctypes.NATIVE).x]
got += [watch.counts['read'] - before['read'], memory.check()]
watch.close()
got += [memoryview(frames).cast('I')[9] if hasattr(memoryview, 'cast') else 9]
print((got, memory.regs()['daif']))
"""
        + PAGED_END
        + "frames.close()\n",
    )
    (total, writes, reads, fetches, last, mappings, daif, both, reads_both, checked, nine), now = (
        got
    )
    assert (total, writes, reads, fetches) == (10, 10, 5, 0)
    assert (last, mappings, daif) == (0, 0, now)
    assert (both, reads_both, checked, nine) == (0, 2, [], 9)


def test_a_watchpoint_counts_instructions_of_code(board: Machine) -> None:
    got = ask(
        board,
        PAGED
        + f"ADD_3 = {code('add x0, x0, #1; ' * 3 + 'ret')}\n"
        + """
code = memory.frames.alloc()
memoryview(code)[:16] = ADD_3
watch = memory.pagers.Watch(space, VA, code, 'rx')
space.activate()
print((memory.call(VA, 4), watch.counts))
watch.close()
"""
        + PAGED_END
        + "code.close()\n",
    )
    assert got == (7, {"read": 0, "write": 0, "execute": 4})


#: Each with x0 = the watched page, from VA + 32 on; the result is in x0.
STEPPED = {
    # What it does, and the accesses that are counted: reads, writes.
    "ldr x1, [x0, #8]!; mov x0, x1": (8, 1, 0),
    "ldr x1, [x0], #16; ldr x0, [x0]": (16, 2, 0),
    "ldp x0, x1, [x0]": (0, 1, 0),
    "add x2, x0, #4088; mov x3, x2; ldp x0, x1, [x2], #16; sub x2, x2, x3; add x0, x0, x1; "
    "add x0, x0, x2": (4088 + 4096 + 16, 2, 0),
    "add x0, x0, #4088; ldp x1, x0, [x0]": (4096, 2, 0),
    "add x0, x0, #4092; ldr x0, [x0]; lsr x0, x0, #32": (4096, 2, 0),
    "add x0, x0, #4088; mov x1, #1; stp x1, x1, [x0]; ldp x0, x1, [x0]; add x0, x0, x1": (2, 2, 2),
    "add x0, x0, #4090; ldr q0, [x0]; umov w0, v0.h[3]": (4096, 2, 0),
    "mov x1, #7; stlr x1, [x0]; ldar x0, [x0]": (7, 1, 1),
    "dc zva, x0; ldr x0, [x0, #8]": (0, 1, 1),
}


@pytest.mark.parametrize("source", STEPPED)
def test_a_watchpoint_steps_instructions_of_every_kind(board: Machine, source: str) -> None:
    value, reads, writes = STEPPED[source]
    got = ask(
        board,
        PAGED
        + f"""
frames, code = memory.frames.alloc(2), memory.frames.alloc()
words = memoryview(frames)
for at in range(0, 2 * PAGE, 8):
    words[at : at + 8] = at.to_bytes(8, 'little')
program = {code(source + "; ret")}
memoryview(code)[: len(program)] = program
CODE = VA + (1 << 30)
space.map(CODE, code, prot='rx')
watch = memory.pagers.Watch(space, VA, frames)
space.activate()
result = memory.call(CODE, VA)
print((result - VA if result >= VA else result, watch.counts['read'], watch.counts['write']))
watch.close()
"""
        + PAGED_END
        + "frames.close()\ncode.close()\n",
    )
    assert got == (value, reads, writes)


@pytest.mark.parametrize(
    ("source", "prot"),
    [
        ("1: ldxr x1, [x0]; add x1, x1, #1; stxr w2, x1, [x0]; cbnz w2, 1b", "rw"),
        ("1: ldaxp x1, x2, [x0]; stlxp w3, x1, x2, [x0]; cbnz w3, 1b", "rw"),
        ("mov x0, sp; 1: ldxr x1, [x0]; stxr w2, x1, [x0]; cbnz w2, 1b", "rx"),
    ],
    ids=["one", "pair", "in watched code"],
)
def test_an_exclusive_access_cannot_be_watched(board: Machine, source: str, prot: str) -> None:
    got = ask(
        board,
        PAGED
        + f"""
frames, code = memory.frames.alloc(), memory.frames.alloc()
program = {code(source + "; ret")}
CODE = VA + (1 << 30)
memoryview(code)[: len(program)] = program
memoryview(frames)[: len(program)] = program
space.map(CODE, code, prot='rx')
watch = memory.pagers.Watch(space, VA, frames, {prot!r})
space.activate()
try:
    memory.call(CODE if {prot!r} == 'rw' else VA, VA)
except memory.Fault as e:
    got = [e.errno, 'exclusive' in str(e)]
got += [sum(watch.counts.values()) < 4, refused(space.translate, VA)[1]]
watch.close()
"""
        + "print(got)\n"
        + PAGED_END
        + "frames.close()\ncode.close()\n",
    )
    assert got == [35, True, True, 14]


def test_a_watched_page_is_taken_away_when_the_access_fails(board: Machine) -> None:
    # A write to what may only be read, and a pager that changes its mind after it has mapped.
    got = ask(
        board,
        PAGED
        + """
page = memory.frames.alloc()
watch = memory.pagers.Watch(space, VA, page, 'r')
def late(at, access):
    space.map(at & -PAGE, page.pa, PAGE, 'rw')
    raise ValueError(access)
space.reserve(VA + PAGE, PAGE, 'rw', late, step=True)
space.activate()
got = []
for at in VA, VA + PAGE:
    try:
        mem8[at] = 1
    except (memory.Fault, ValueError) as e:
        got += [type(e).__name__, len(space.mappings())]
got += [mem8[VA], mem8[VA], watch.counts['read'], watch.counts['write']]
watch.close()
watch.close()
print(got)
"""
        + PAGED_END
        + "page.close()\n",
    )
    assert got == ["Fault", 0, "ValueError", 0, 0, 0, 2, 1]
