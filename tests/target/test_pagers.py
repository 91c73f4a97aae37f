# SPDX-License-Identifier: MIT
"""memory.pagers, files through paged buffers, and pagers in odd places."""

from __future__ import annotations

import ast

import pytest
import space_lib
from rig import Machine
from space_lib import PAGE, ask, ask_all
from test_pager import END, SETUP
from user_lib import code

from pimem import ROOT

nothing_left = space_lib.nothing_left
pytestmark = pytest.mark.usefixtures("nothing_left")

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
DISK_END = END + "vfs.umount('/lazy')\ndisk.close()\ngc.collect()\n"


def test_each_is_under_sixty_lines() -> None:
    files = sorted(FOLDER.glob("*.py"))
    assert [f.stem for f in files] == ["__init__", "copyonwrite", "filemap", "watch", "zeros"]
    assert all(len(f.read_text().splitlines()) < 60 for f in files)


def test_zeros(board: Machine) -> None:
    got = ask(
        board,
        SETUP
        + """
memory.pagers.zeros(space, VA, 1 << 30)
space.activate()
mem64[VA + 80 * PAGE] = 5
print((mem64[VA], mem64[VA + 80 * PAGE], owned('paged')))
"""
        + END,
    )
    assert got == (0, 5, 2)


@pytest.mark.parametrize("disk", [FAT, LFS], ids=["fat", "littlefs"])
def test_a_file_as_memory(board: Machine, disk: str) -> None:
    got = ask(
        board,
        SETUP
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
print(got + [owned('paged')])
"""
        + DISK_END,
    )
    assert got == [True, 2, True, 3, 99, 0, 0]


@pytest.mark.parametrize("disk", [FAT, LFS], ids=["fat", "littlefs"])
def test_files_are_read_into_and_written_from_paged_memory(board: Machine, disk: str) -> None:
    got = ask(
        board,
        SETUP
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
    out = board.exec(
        space_lib.PRELUDE
        + SETUP
        + """
def text(va, access):
    frames = memory.frames.alloc()
    memoryview(frames)[:3] = b'<+>'
    return frames
disk = memory.ramdisk(64 * 1024)
space.reserve(VA, 8 * PAGE, 'rw', text)
space.activate()
disk.writeblocks(0, view(VA, 2 * PAGE))
disk.readblocks(0, view(VA + 4 * PAGE + 3, PAGE))
print(bytes(view(VA + 4 * PAGE, 6)))
sys.stdout.write(view(VA + 7 * PAGE - 1, 4))
"""
        + END
        + "disk.close()"
    )
    assert out == "b'<+><+>'\n\x00<+>"


@pytest.mark.parametrize("disk", [FAT, LFS], ids=["fat", "littlefs"])
def test_a_watchpoint_counts_what_files_and_the_console_do(board: Machine, disk: str) -> None:
    got = ask(
        board,
        SETUP
        + """
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
        + disk.replace(
            "memory.ramdisk(256 * 1024)", "memory.ramdisk(256 * 1024)\nbreaking = Breaking(disk)"
        ).replace("(disk)\nvfs.mount", "(breaking)\nvfs.mount")
        + """
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
        + DISK_END.replace("vfs.umount", "frames.close()\nvfs.umount"),
    )
    assert got[:5] == [10000, (0, 3, 0), True, 10000, (3, 3, 0)]
    assert got[5:] == [(3, 4, 0), (5, 4, 0), (7, 4, 0), 5, 0, []]


def test_copy_on_write_between_two_spaces(board: Machine) -> None:
    got = ask(
        board,
        SETUP
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
        + END
        + "del shared\nframes.close()\n",
    )
    assert got == [2, 1, 1, 1, 1, 1, 7, 2, 2, 2, 1, 1, []]


def test_a_watchpoint_counts_every_access(board: Machine) -> None:
    got = ask(
        board,
        SETUP
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
        + END
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
        SETUP
        + """
import struct
code = memory.frames.alloc()
# add x0, x0, #1 (three times); ret
struct.pack_into('<4I', memoryview(code), 0, 0x91000400, 0x91000400, 0x91000400, 0xd65f03c0)
watch = memory.pagers.Watch(space, VA, code, 'rx')
space.activate()
print((memory.call(VA, 4), watch.counts))
watch.close()
"""
        + END
        + "code.close()\n",
    )
    assert got == (7, {"read": 0, "write": 0, "execute": 4})


#: Each with x0 = the watched page, from VA + 32 on; the result is in x0.
STEPPED = {
    # What it does, and the accesses that are counted: reads, writes.
    "ldr x1, [x0, #8]!; mov x0, x1": (8, 1, 0),
    "ldr x1, [x0], #16; ldr x0, [x0]": (16, 2, 0),
    "ldp x0, x1, [x0]": (0, 1, 0),
    "add x0, x0, #4088; ldp x0, x1, [x0], #16; add x0, x0, x1": (4088 + 4096 + 16, 2, 0),
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
        SETUP
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
        + END
        + "frames.close()\ncode.close()\n",
    )
    if "#16; add" in source:
        value = got[0]  # x0 is base and destination: whatever it becomes, it does not hang
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
        SETUP
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
        + END
        + "frames.close()\ncode.close()\n",
    )
    assert got == [35, True, True, 14]


def test_the_collector_sees_the_registers_of_the_fault(board: Machine) -> None:
    # The object's address is in x2 while the load faults; elsewhere it is only inverted.
    got = ask(
        board,
        SETUP
        + """
import struct
code = memory.frames.alloc()
# mvn x2, x1; mov x1, #0; ldr x3, [x0]; mov x0, x2; ret
words = 0xaa2103e2, 0xd2800001, 0xf9400003, 0xaa0203e0, 0xd65f03c0
struct.pack_into('<5I', memoryview(code), 0, *words)
CODE = VA + (1 << 30)
space.map(CODE, code, prot='rx')
MASK = (1 << 64) - 1
def make():
    global hidden
    thing = [b'alive' * 20, 1234567]
    hidden = ~id(thing) & MASK
def clear(n):
    return clear(n - 1) if n else [0] * 50
def pager(va, access):
    clear(20)
    gc.collect()
    for i in range(3000):
        [b'other' * 20, i]
    return memory.frames.alloc()
space.reserve(VA, PAGE, 'rw', pager)
space.activate()
make()
clear(20)
import uctypes
where = memory.call(CODE, VA, hidden)
r = uctypes.struct(where, {'len': uctypes.UINT64 | 16, 'items': uctypes.UINT64 | 24})
print((r.len, mem64[r.items + 8] >> 1))
"""
        + END
        + "code.close()\n",
    )
    assert got == (2, 1234567)


def test_memmove_over_lazy_memory_while_garbage_is_collected(board: Machine) -> None:
    got = ask(
        board,
        SETUP
        + """
def pager(va, access):
    calls.append(access)
    gc.collect()
    for i in range(500):
        bytearray(300)
    return memory.frames.alloc()
space.reserve(VA, 16 * PAGE, 'rw', pager)
space.activate()
def source(n):
    return bytes([n & 255]) * (3 * PAGE + 17)
good = True
for n in range(4):
    # The only reference to the source is the one that memmove works with.
    view(VA + n * 4 * PAGE, 3 * PAGE + 17)[:] = source(n + 1)
    good = good and bytes(view(VA + n * 4 * PAGE, 3 * PAGE + 17)) == source(n + 1)
print((good, len(calls), 1.5 * len(calls)))
"""
        + END,
    )
    assert got == (True, 16, 24.0)


def test_nested_pagers(board: Machine) -> None:
    got = ask(
        board,
        SETUP
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
        + END,
    )
    assert got == ([7, 8, 9], [0, 1, 2, 3, 35])


def test_two_pages_that_never_stay_are_no_endless_loop(board: Machine) -> None:
    got = ask_all(
        board,
        SETUP
        + """
import struct
code = memory.frames.alloc()
struct.pack_into('<2I', memoryview(code), 0, 0xf9400000, 0xd65f03c0)   # ldr x0, [x0]; ret
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
        + END
        + "code.close()\n",
    )
    assert got == [(35, True), 100]


def test_a_pager_without_stack_is_a_recursion_error(board: Machine) -> None:
    got = ask(
        board,
        SETUP
        + """
space.reserve(VA, 4096 * PAGE, 'rw', lambda va, access: memory.frames.alloc())
space.activate()
def deep(n):
    mem8[VA + n * PAGE]
    return deep(n + 1)
try:
    deep(0)
except RuntimeError as e:
    print((str(e), owned('paged') > 10))
"""
        + END,
    )
    assert got == ("maximum recursion depth exceeded", True)


def test_a_soft_reset_drops_pagers(fresh: Machine) -> None:
    fresh.exec(
        space_lib.PRELUDE
        + SETUP
        + "memory.pagers.zeros(space, VA, 1 << 30)\n"
        + "memory.identity.reserve(0x7000000000, PAGE, 'rw', zero)\n"
        + "mem8[0x7000000000] = 1\nspace.activate()\nmem8[VA] = 1\ndel space\ngc.collect()\n"
        + "mem8[VA + PAGE] = 1\nassert owned('paged') == 3\n"
    )
    fresh.soft_reset()
    out = fresh.exec(
        "import memory\nprint((memory.check(), memory.frames.owners().get('paged', 0)))"
    )
    assert ast.literal_eval(out) == ([], 0)
