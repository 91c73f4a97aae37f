# SPDX-License-Identifier: MIT
"""Addresses of views and heaps that are closed: they fault while something refers to them, and are
used again when nothing does. The window is made small: all but its start is reserved.

A word that a call has left on the stack holds an address as well. So most addresses are asked for,
never a certain one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Set

import pytest
from machine_code import assemble, code
from on_board import ENOMEM, PAGE, PAGED, PAGED_END, ask

from pimem.testing.board_session import Machine

pytestmark = pytest.mark.usefixtures("fresh")

ROUNDS = int(os.environ.get("VIEW_ROUNDS", "20000"))
SLOTS = 64  # views of a page, with the page between them
MOST = 56
HELD = 8

# tiny() leaves room for so many views. used() opens and closes more and tells at which addresses,
# as distances from the window's start. What below() calls leaves its words on a part of the stack
# that collections do not look at.
START = f"""
import array, uctypes
from uctypes import addressof
BASE, SIZE = _memory.layout["view"]

def tiny(slots={SLOTS}):
    used = (2 * slots + 1) * PAGE
    memory.kernel._reserve(BASE + used, SIZE - used, "out of use")

def below(call, *args, n=40):
    return below(call, *args, n=n - 1) if n else call(*args)

def opened():
    f = memory.frames.alloc(zero=False)
    at = addressof(f) - BASE
    f.close()
    return at

def used(count={4 * SLOTS}):
    return [opened() for _ in range(count)]

def all_fault(views):
    for view in views:
        try:
            return view[0] < 0
        except memory.Fault as e:
            if not BASE <= e.address < BASE + SIZE:
                raise
    return True
"""


@pytest.fixture
def fresh(board: Machine, nothing_left: None) -> Iterator[None]:
    """A view window as after boot, before and after."""
    board.soft_reset()
    yield
    board.soft_reset()


def slots(first: int = 0, count: int = SLOTS) -> set[int]:
    """Where views of a page are in the window."""
    return {PAGE * (1 + 2 * i) for i in range(first, first + count)}


def assert_most(addresses: list[int], without: Set[int] = frozenset()) -> None:
    """Most addresses of the window are there, and none of `without`."""
    found = set(addresses)
    assert found <= slots() - without
    assert len(found) >= MOST - len(without)


def test_addresses_of_closed_views_are_used_again(board: Machine) -> None:
    found = ask(board, START + "tiny()\nprint(used())")
    assert_most(found)
    # Each as late as it can be.
    assert all(len(set(found[i : i + MOST])) == MOST for i in range(len(found) - MOST))


def test_a_full_window_is_an_error_that_names_it_and_the_size(board: Machine) -> None:
    error, other, found = ask(
        board,
        START
        + f"""
def fill():
    for f in kept:
        addressof(f)
def close():
    for f in kept:
        f.close()
tiny()
kept = [memory.frames.alloc() for _ in range({SLOTS})]
below(fill)
another = memory.frames.alloc()
error = refused(addressof, another)
other = refused(memory.Heap, PAGE)
below(close)
found = used(), bytes(another)[:1]
another.close()
print((error, other, found))
""",
    )
    assert error[:2] == other[:2] == ("OSError", ENOMEM)
    text = "window 'view' has no gap of 0x0000000000001000 bytes: "
    assert error[2] == other[2] == text + "close what is in it, drop views of what is closed"
    assert_most(found[0])
    assert found[1] == b"\0"


def test_views_of_dropped_frames_make_room(board: Machine) -> None:
    found = ask(
        board,
        START
        + """
def opened():
    return addressof(memory.frames.alloc(zero=False)) - BASE
tiny()
print(used())
""",
    )
    assert_most(found)


# What refers to closed views, those at the first addresses of the window.
HOLDERS = {
    "memoryview": "memoryview(f)",
    "slice": "memoryview(f)[4000:4090]",
    "empty slice": "memoryview(f)[4096:]",
    "slice of a slice": "memoryview(f)[1000:][1000:][::1]",
    "cast": "uctypes.bytearray_at(addressof(f) + 4000, 8)",
    "its end": "uctypes.bytearray_at(addressof(f) + 4096, 0)",
    "structure": "uctypes.struct(addressof(f) + 64, {'x': uctypes.UINT64})",
    "iterator": "iter(memoryview(f))",
    "closure": "(lambda view: lambda: view)(memoryview(f))",
    "generator": "started(memoryview(f))",
    "array of objects": "array.array('O', [memoryview(f)])",
}
HOLD = """
def started(view):
    def generator():
        kept = view
        yield 0
        yield kept
    found = generator()
    next(found)
    return found

def hold(i):
    f = memory.frames.alloc()
    holders[i] = HOLDER
    f.close()

def drop(): # in place: a shorter copy would leave the longer one behind
    for i in range(HELD):
        holders[i] = None

holders = [None] * HELD
for i in range(HELD):
    below(hold, i)
tiny()
held = used()
below(drop)
freed = used()
print((held, freed, memory.check()))
"""


@pytest.mark.parametrize("holder", HOLDERS)
def test_an_address_that_something_refers_to_is_not_used(board: Machine, holder: str) -> None:
    script = HOLD.replace("HOLDER", HOLDERS[holder]).replace("HELD", str(HELD))
    held, freed, problems = ask(board, START + script)
    assert_most(held, without=slots(count=HELD))
    assert_most(freed)
    assert len(slots(count=HELD) & set(freed)) >= HELD // 2
    assert problems == []


def test_the_stack_holds_an_address_however_deep(board: Machine) -> None:
    held = ask(
        board,
        START
        + """
def deep(view, n):
    return deep(view, n - 1) if n else used()

def on_the_stack():
    f = memory.frames.alloc()
    view = memoryview(f)
    f.close()
    return deep(view, 2000)

tiny()
print(on_the_stack())
""",
    )
    assert_most(held, without=slots(count=1))


def test_a_stale_view_faults_as_long_as_there_is_one(board: Machine) -> None:
    faulted, still, found = ask(
        board,
        START
        + f"""
def close(n):
    f = memory.frames.alloc()
    views.append(memoryview(f)[n:])
    f.close()
def drop():
    del views[{HELD}:]
tiny()
views = []
for n in range({2 * HELD}):
    below(close, n)
faulted = True
for _ in range(30):
    used(10)
    faulted = faulted and below(all_fault, views)
below(drop)
found = used()
print((faulted, below(all_fault, views), found))
""",
    )
    assert faulted and still
    assert_most(found, without=slots(count=HELD))
    assert len(slots(HELD, HELD) & set(found)) >= HELD // 2


NUMBERS = {
    "int": "at",
    "bytes": "at.to_bytes(8, 'little') * 4",
    "bytearray": "bytearray(at.to_bytes(8, 'little') * 4)",
    "array": "array.array('Q', [at] * 4)",
    "text": "str(at)",
    "view of bytes": "memoryview(at.to_bytes(8, 'little') * 4)[8:]",
}


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_does_not_hold_an_address(board: Machine, number: str) -> None:
    found = ask(
        board,
        START
        + f"""
def number():
    f = memory.frames.alloc()
    at = addressof(f)
    f.close()
    kept.append({NUMBERS[number]})
kept = []
for _ in range({HELD}):
    below(number)
tiny()
print(used())
""",
    )
    assert_most(found)
    assert len(slots(count=HELD) & set(found)) >= HELD // 2


def test_addresses_of_heaps_are_held_and_used_again(board: Machine) -> None:
    held, faulted, freed = ask(
        board,
        START
        + f"""
def close():
    with memory.Heap(PAGE) as heap:
        with heap.alloc(64) as block:
            views.append(memoryview(block)[8:16])
def opened():
    with memory.Heap(PAGE) as heap:
        return heap.base - BASE
views = []
for _ in range({HELD}):
    below(close)
tiny()
held = used()
faulted = below(all_fault, views)
def drop():
    for i in range(len(views)):
        views[i] = None
    views.clear()
below(drop)
freed = set()
for n in range(5):
    freed.update(below(used, n=10 * n))
print((held, faulted, list(freed)))
""",
    )
    assert_most(held, without=slots(count=HELD))
    assert_most(freed)
    assert len(slots(count=HELD) & set(freed)) >= HELD // 2
    assert faulted


def test_the_registers_of_a_pager_s_fault_hold_an_address(board: Machine) -> None:
    source = "mvn x2, x1; mov x1, #0; ldr x3, [x0]; mov x0, x2; ret"
    during = ask(
        board,
        START
        + PAGED
        + f"""
code = memory.frames.alloc()
memoryview(code)[: {len(assemble(source))}] = {code(source)}
CODE = VA + (1 << 30)
space.map(CODE, code, prot='rx')
tiny()
MASK = (1 << 64) - 1
def make():
    global frames, hidden
    frames = memory.frames.alloc()
    hidden = ~addressof(frames) & MASK
def pager(va, access):
    global during
    frames.close()
    during = used()
    return memory.frames.alloc()
space.reserve(VA, PAGE, 'rw', pager)
space.activate()
below(make)
below(memory.call, CODE, VA, hidden)
print(during)
"""
        + PAGED_END
        + "code.close()\n",
    )
    assert_most(during, without=slots(count=2))  # the first one is that of the machine code


def test_many_stale_views_share_what_they_hold(board: Machine) -> None:
    # More than the table of closed ranges has room for: neighbours become one.
    count = 700
    faulted, held, freed, problems = ask(
        board,
        START
        + f"""
tiny(4000)
views = []
def stale():
    for _ in range({count}):
        f = memory.frames.alloc(zero=False)
        views.append(memoryview(f))
        f.close()
        opened()
def drop():
    del views[1:]
below(stale)
held = len(set(used(8000)))
faulted = below(all_fault, views) and len(views)
below(drop)
print((faulted, held, len(set(used(8000))), memory.check()))
""",
        timeout=120,
    )
    assert (faulted, problems) == (count, [])
    assert 4000 - 2 * count - 100 <= held <= 4000 - count
    assert 4000 - 100 <= freed < 4000


def test_a_locked_heap_is_not_collected_for_an_address(board: Machine) -> None:
    locked, after = ask(
        board,
        START
        + f"""
def put():
    struct.pack_into("B", f, 0, 1)
tiny({MOST})
for _ in range({MOST}):
    opened()
f = memory.frames.alloc()
locked = 0
micropython.heap_lock()
try:
    put()
except OSError:
    locked = {ENOMEM}
except MemoryError:
    locked = {ENOMEM}
micropython.heap_unlock()
put()
after = bytes(f)[0]
f.close()
print((locked, after))
""",
    )
    assert (locked, after) == (ENOMEM, 1)


def test_a_soft_reset_ends_all_of_it(board: Machine) -> None:
    script = START + "tiny()\nkept = memory.frames.alloc()\nview = memoryview(kept)\n"
    assert ask(board, script + "kept.close()\nprint(opened())") == 3 * PAGE
    board.soft_reset()
    assert ask(board, START + "print(used(3))") == [PAGE, 3 * PAGE, 5 * PAGE]


def test_views_come_and_go_without_end(board: Machine) -> None:
    # 64 MiB of addresses.
    lost, faulted, problems = ask(
        board,
        START
        + f"""
tiny(8192)
views = []
def stale():
    f = memory.frames.alloc()
    views.append(memoryview(f))
    f.close()
def dropped(count):
    for _ in range(count):
        memoryview(memory.frames.alloc(zero=False))[0]
    # Before the collection, which would close another view at the same address.
    faults = all_fault(views)
    gc.collect()
    return faults, free()
below(stale)
_, before = below(dropped, 9000)
faulted = 0
for _ in range({ROUNDS} // 1000):
    faults, after = below(dropped, 1000)
    faulted += faults
print((before - after, faulted, memory.check()))
""",
        timeout=60 + ROUNDS // 1000,
    )
    assert (faulted, problems) == (ROUNDS // 1000, [])
    assert abs(lost) <= 8  # frames of objects that a word on the stack holds
