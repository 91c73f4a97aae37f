# SPDX-License-Identifier: MIT
"""Addresses of views and heaps that are closed: they fault while something refers to them, and are
used again when nothing does. The window is made small: all but its start is reserved."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from machine_code import assemble, code
from on_board import ENOMEM, PAGE, PAGED, PAGED_END, ask

from pimem.testing.board_session import Machine

pytestmark = pytest.mark.usefixtures("fresh")

ROUNDS = int(os.environ.get("VIEW_ROUNDS", "20000"))
SLOTS = 16  # views of a page, with the page between them

# tiny() leaves room for so many views. churn() opens and closes so many and tells at which
# addresses, as distances from the window's start. What below() calls leaves its words in a part of
# the stack that no collection looks at later.
START = """
import array, uctypes
from uctypes import addressof
BASE, SIZE = _memory.layout["view"]

def tiny(slots):
    used = (2 * slots + 1) * PAGE
    memory.kernel._reserve(BASE + used, SIZE - used, "out of use")

def below(call, *args, n=40):
    return below(call, *args, n=n - 1) if n else call(*args)

def opened():
    f = memory.frames.alloc(zero=False)
    at = addressof(f) - BASE
    f.close()
    return at

def churn(count):
    return [opened() for _ in range(count)]

def faults(views):
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


def slots(count: int = SLOTS) -> set[int]:
    """Where views of a page are in the window."""
    return {PAGE * (1 + 2 * i) for i in range(count)}


def test_addresses_of_closed_views_are_used_again(board: Machine) -> None:
    found = ask(board, START + f"tiny({SLOTS})\nprint(churn(20 * {SLOTS}))")
    assert set(found) == slots()
    # As late as they can: a word on the stack may hold one that is looked for.
    assert all(len(set(found[i : i + SLOTS - 2])) == SLOTS - 2 for i in range(SLOTS))


def test_a_full_window_is_an_error_that_names_it_and_the_size(board: Machine) -> None:
    error, other, found = ask(
        board,
        START
        + f"""
def fill():
    for f in kept:
        addressof(f)
tiny({SLOTS})
kept = [memory.frames.alloc() for _ in range({SLOTS})]
below(fill)
another = memory.frames.alloc()
error = refused(addressof, another)
other = refused(memory.Heap, PAGE)
for f in kept:
    f.close()
found = churn(100), bytes(another)[:1]
another.close()
print((error, other, found))
""",
    )
    assert error[:2] == other[:2] == ("OSError", ENOMEM)
    text = "window 'view' has no gap of 0x0000000000001000 bytes: "
    assert error[2] == other[2] == text + "close what is in it, drop views of what is closed"
    assert set(found[0]) == slots() and found[1] == b"\0"


def test_views_of_dropped_frames_make_room(board: Machine) -> None:
    found = ask(
        board,
        START
        + f"""
def dropped():
    return addressof(memory.frames.alloc(zero=False)) - BASE
tiny({SLOTS})
print([dropped() for _ in range(20 * {SLOTS})])
""",
    )
    assert set(found) == slots()


# What refers to a closed view. The address is that of the first one of the window.
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
    "stack": "None",
}
HELD = """
def started(view):
    def generator():
        kept = view
        yield 0
        yield kept
    found = generator()
    next(found)
    return found

def hold():
    global holder
    f = memory.frames.alloc()
    holder = HOLDER
    f.close()

def deep(view, n):
    return deep(view, n - 1) if n else churn(100)

def with_stack():
    f = memory.frames.alloc()
    view = memoryview(f)
    f.close()
    return deep(view, 2000)

tiny(SLOTS)
if STACK:
    held = with_stack()
else:
    below(hold)
    held = churn(100)
    holder = None
freed = churn(100)
print((sorted(set(held)), sorted(set(freed)), memory.check()))
"""


@pytest.mark.parametrize("holder", HOLDERS)
def test_an_address_that_something_refers_to_is_not_used(board: Machine, holder: str) -> None:
    script = HELD.replace("HOLDER", HOLDERS[holder]).replace("SLOTS", str(SLOTS))
    held, freed, problems = ask(
        board, START + script.replace("STACK", str(holder == "stack")), timeout=60
    )
    assert set(held) == slots() - {PAGE}
    assert (set(freed), problems) == (slots(), [])


def test_a_stale_view_faults_as_long_as_there_is_one(board: Machine) -> None:
    all_fault, both_fault, found = ask(
        board,
        START
        + f"""
tiny({SLOTS})
def close(n):
    f = memory.frames.alloc()
    views.append(memoryview(f)[n:])
    f.close()
def drop():
    del views[2:]
views = []
for n in range(4):
    below(close, n)
faulted = True
for _ in range(30):
    churn(10)
    faulted = faulted and below(faults, views)
below(drop)
churn(40)
print((faulted, below(faults, views), sorted(set(churn(100)))))
""",
    )
    assert all_fault and both_fault
    assert set(found) == slots() - {PAGE, 3 * PAGE}


NUMBERS = {
    "int": "at",
    "bytes": "at.to_bytes(8, 'little') * 4",
    "bytearray": "bytearray(at.to_bytes(8, 'little') * 4)",
    "array": "array.array('Q', [at] * 4)",
    "text": "str(at)",
    "stale views of another": "memoryview(bytearray(at.to_bytes(8, 'little')))",
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
    return {NUMBERS[number]}
tiny({SLOTS})
kept = below(number)
print(sorted(set(churn(100))))
""",
    )
    assert set(found) == slots()


def test_addresses_of_heaps_are_held_and_used_again(board: Machine) -> None:
    addresses, faulted, after = ask(
        board,
        START
        + f"""
def close():
    with memory.Heap(PAGE) as heap:
        with heap.alloc(64) as block:
            views.append(memoryview(block)[8:16])
def base():
    with memory.Heap(PAGE) as heap:
        return heap.base - BASE
tiny({SLOTS})
views = []
below(close)
found = {{base() for _ in range(100)}}
faulted = below(faults, views)
views = None
print((sorted(found), faulted, sorted({{base() for _ in range(100)}})))
""",
    )
    assert set(addresses) == slots() - {PAGE} and faulted
    assert set(after) == slots()


def test_the_registers_of_a_pager_s_fault_hold_an_address(board: Machine) -> None:
    source = "mvn x2, x1; mov x1, #0; ldr x3, [x0]; mov x0, x2; ret"
    during, after = ask(
        board,
        START
        + PAGED
        + f"""
code = memory.frames.alloc()
memoryview(code)[: {len(assemble(source))}] = {code(source)}
CODE = VA + (1 << 30)
space.map(CODE, code, prot='rx')
tiny({SLOTS})
MASK = (1 << 64) - 1
def make():
    global frames, hidden
    frames = memory.frames.alloc()
    hidden = ~addressof(frames) & MASK
def pager(va, access):
    global during
    frames.close()
    during = churn(100)
    return memory.frames.alloc()
space.reserve(VA, PAGE, 'rw', pager)
space.activate()
below(make)
below(memory.call, CODE, VA, hidden)
after = churn(100)
print((sorted(set(during)), sorted(set(after))))
"""
        + PAGED_END
        + "code.close()\n",
    )
    # The first one is that of the machine code.
    assert set(during) == slots() - {PAGE, 3 * PAGE}
    assert set(after) == slots() - {PAGE}


def test_many_stale_views_share_what_they_hold(board: Machine) -> None:
    # More than the table of closed ranges has room for: neighbours become one.
    count = 700
    faulted, used, freed, problems = ask(
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
used = len(set(churn(8000)))
faulted = below(faults, views) and len(views)
below(drop)
print((faulted, used, len(set(churn(8000))), memory.check()))
""",
        timeout=120,
    )
    assert (faulted, problems) == (count, [])
    assert 4000 - 2 * count - 100 <= used <= 4000 - count
    assert 4000 - 100 <= freed < 4000


def test_a_locked_heap_is_not_collected_for_an_address(board: Machine) -> None:
    locked, after = ask(
        board,
        START
        + f"""
tiny({SLOTS})
for _ in range({SLOTS}):
    opened()
f = memory.frames.alloc()
micropython.heap_lock()
try:
    struct.pack_into("B", f, 0, 1)
    locked = 0
except OSError as e:
    locked = e.errno
except MemoryError:
    locked = {ENOMEM}
finally:
    micropython.heap_unlock()
struct.pack_into("B", f, 0, 1)
after = bytes(f)[0]
f.close()
print((locked, after))
""",
    )
    assert (locked, after) == (ENOMEM, 1)


def test_a_soft_reset_ends_all_of_it(board: Machine) -> None:
    script = START + f"tiny({SLOTS})\nkept = memory.frames.alloc()\nview = memoryview(kept)\n"
    assert ask(board, script + "kept.close()\nprint(opened())") == 3 * PAGE
    board.soft_reset()
    assert ask(board, START + "print(churn(3))") == [PAGE, 3 * PAGE, 5 * PAGE]


def test_views_come_and_go_without_end(board: Machine) -> None:
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
    gc.collect()
    return free()
below(stale)
before = below(dropped, 9000)
faulted = 0
for _ in range({ROUNDS} // 1000):
    after = below(dropped, 1000)
    faulted += below(faults, views)
print((before - after, faulted, memory.check()))
""",
        timeout=60 + ROUNDS // 1000,
    )
    assert (faulted, problems) == (ROUNDS // 1000, [])
    assert abs(lost) <= 8  # frames of objects that a word on the stack holds
