# SPDX-License-Identifier: MIT
"""When frames run out: ENOMEM only after a collection, and one collection finds everything."""

from __future__ import annotations

import pytest
from on_board import ask, ask_all

from pimem.testing.board_session import Machine

pytestmark = pytest.mark.usefixtures("nothing_left")

# fill() takes every free frame. `garbage` is then dropped: frames that a collection would free.
# Nothing but the lack of frames brings the collector on.
FULL = """
gc.collect()
gc.disable()
runs = []
def fill():
    while True:
        longest = _memory.frames_stats()["largest_run"]
        if longest == 0:
            return
        runs.append(memory.frames.alloc(longest, zero=False))
def drop(objects):
    # One by one: a word on the stack that looks like the list would keep all of them.
    for i in range(len(objects)):
        objects[i] = None
def outcome(call):
    try:
        return call()
    except OSError as e:
        return e.errno, e.args[1]
"""
FULL_END = """
for i in range(len(runs)):
    runs.pop().close()
gc.enable()
"""
# Closing a space frees its root table, so that what needs a frame and a record lacks the record.
# The record of a space is in a frame with those of other spaces: of these, some stay open.
SPACES = 150
ONE_BY_ONE = f"""
spaces = [memory.AddressSpace() for i in range(2 * {SPACES})]
made = [None] * {SPACES}
garbage = [memory.frames.alloc() for i in range(100)]
fill()
drop(garbage)
def make(call):
    for i in range({SPACES}):
        spaces[2 * i].close()
        made[i] = call()
    return "made"
"""
ONE_BY_ONE_END = f"""
for i in range({SPACES}):
    if made[i]:
        made[i].close()
    spaces[2 * i].close()
    spaces[2 * i + 1].close()
spaces = made = None
"""


@pytest.mark.usefixtures("reset_at_the_end")
def test_a_view_is_mapped_after_a_collection(board: Machine) -> None:
    script = f"""
{FULL}
frames = [memory.frames.alloc() for i in range(600)]
garbage = [memory.frames.alloc() for i in range(100)]
fill()
drop(garbage)
def view():
    for f in frames:
        struct.pack_into("B", f, 0, 1)  # makes no object
    return "seen"
result = outcome(view)
{FULL_END}
for f in frames:  # a word on the stack may look like one of them
    f.close()
print(repr(result))
"""
    assert ask(board, script) == "seen"


@pytest.mark.usefixtures("reset_at_the_end")
@pytest.mark.parametrize("call", ["memory.frames.alloc", "lambda: _memory.Heap(4096)"])
def test_a_record_is_made_after_a_collection(board: Machine, call: str) -> None:
    script = f"""
{FULL}{ONE_BY_ONE}
result = outcome(lambda: make({call}))
{FULL_END}{ONE_BY_ONE_END}
print(repr(result))
"""
    assert ask(board, script) == "made"


def test_without_garbage_there_is_no_memory(board: Machine) -> None:
    errno, text = ask(
        board,
        f"""
{FULL}
frames = [memory.frames.alloc() for i in range(600)]
fill()
gc.collect()  # gives back areas of the collector's heap that are empty
fill()
def view():
    for f in frames:
        struct.pack_into("B", f, 0, 1)
result = outcome(view)
{FULL_END}
for f in frames:  # a word on the stack may look like one of them
    f.close()
print(result)
""",
    )
    assert errno == 12 and "no free frame" in text


@pytest.mark.usefixtures("reset_at_the_end")
def test_the_pager_of_an_unmapped_range_is_let_go(board: Machine) -> None:
    half, whole, left = ask_all(
        board,
        """
        def reserve(space, va):
            frames = memory.frames.alloc(3)
            def pager(va, access):
                return memory.frames.alloc(frames.count // 3)
            space.reserve(va, 2 * PAGE, "rw", pager=pager)
        space = memory.AddressSpace()
        before = owned("frames")
        def grown():
            gc.collect()
            return owned("frames") - before
        for i in range(8):
            reserve(space, VA + 4 * i * PAGE)
        for i in range(8):  # a part of a range needs its pager still
            space.unmap(VA + 4 * i * PAGE, PAGE)
        print(grown())
        for i in range(1, 8):
            space.unmap((VA + 4 * i * PAGE) + PAGE, PAGE)
        print(grown())
        with space:
            read(VA + PAGE)
        space.close()
        print(grown())
        """,
    )
    assert half == 24
    assert 3 <= whole <= 9  # a word on the stack may look like one of them
    assert left <= 6


@pytest.mark.usefixtures("reset_at_the_end")
def test_spaces_without_ranges_are_let_go(board: Machine) -> None:
    before, after = ask(
        board,
        """
        def use():
            space = memory.AddressSpace()
            space.reserve(VA, BLOCK, "rw", pager=lambda va, access: memory.frames.alloc())
            with space:
                write(VA)
            space.unmap(VA, BLOCK)
        gc.collect()
        before = owned("space tables")
        for i in range(20):
            use()
        gc.collect()
        print((before, owned("space tables")))
        """,
    )
    assert after <= before + 3  # the words on the stack that look like spaces


@pytest.mark.parametrize("pager", ["None", "lambda va, access: None"])
def test_a_space_whose_finaliser_is_called_while_it_is_active_is_closed(
    board: Machine, pager: str
) -> None:
    tables, active, text = ask(
        board,
        f"""
        before = owned("space tables")
        space = memory.AddressSpace()
        space.reserve(VA, PAGE, "rw", pager={pager})
        space.activate()
        space.__del__()
        print((owned("space tables") - before, _memory.active_space().name, repr(space)))
        """,
    )
    assert tables == 0
    assert active == "identity"
    assert "closed" in text


@pytest.mark.usefixtures("reset_at_the_end")
def test_a_space_that_is_dropped_while_it_is_active_is_closed_afterwards(board: Machine) -> None:
    during, after = ask(
        board,
        """
        before = owned("space tables")
        for i in range(20):
            space = memory.AddressSpace()
            space.activate()
        during = _memory.active_space().asid == space.asid
        space = None
        gc.collect()
        memory.identity.activate()
        gc.collect()
        print((during, owned("space tables") - before))
        """,
    )
    assert during
    assert after <= 2


# A file on a block device in Python: its finaliser writes, and that drops frames.
DEVICE = """
import os, vfs
class Device:
    def __init__(self):
        self.data = bytearray(64 * 512)
        self.call = None
    def readblocks(self, n, buf):
        self.copy(n, buf, False)
    def writeblocks(self, n, buf):
        self.copy(n, buf, True)
        if self.call:
            self.call()
    def copy(self, n, buf, write):
        i = 0  # without an object: the collector is locked
        while i < len(buf):
            if write:
                self.data[n * 512 + i] = buf[i]
            else:
                buf[i] = self.data[n * 512 + i]
            i += 1
    def ioctl(self, op, arg):
        return 64 if op == 4 else 512 if op == 5 else 0
device = Device()
vfs.VfsFat.mkfs(device)
vfs.mount(device, "/device")
def use(depth):
    if depth:
        return use(depth - 1)
    files = [open("/device/file%d" % i, "w") for i in range(4)]
    for f in files:
        f.write("x")
"""
DEVICE_END = """
vfs.umount("/device")
"""


def test_one_collection_finds_what_finalisers_drop(board: Machine) -> None:
    first, second = ask(
        board,
        f"""
{DEVICE}
before = owned("frames")
kept = [None] * 100 # a list that grows leaves its old items, which a word of the stack may keep
for i in range(100):
    kept[i] = memory.frames.alloc()
def drop():
    global kept
    kept = None
use(20)
device.call = drop
gc.collect()
first = owned("frames") - before
gc.collect()
print((first, owned("frames") - before))
{DEVICE_END}
""",
    )
    assert first == second <= 3


def test_a_finaliser_that_collects_damages_nothing(board: Machine) -> None:
    assert ask(
        board,
        f"""
{DEVICE}
objects = [[i, str(i)] for i in range(1000)]
device.call = gc.collect
use(20)
gc.collect()
device.call = None
more = [[-i] for i in range(2000)]
print(objects == [[i, str(i)] for i in range(1000)] and more[7] == [-7])
{DEVICE_END}
""",
    )
