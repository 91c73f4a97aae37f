# SPDX-License-Identifier: MIT
"""The thread's stack: deep recursion, its end, and the pages that come and go."""

from __future__ import annotations

import os

import pytest
from on_board import ask, run

from pimem.testing.board_session import Machine

ROUNDS = int(os.environ.get("STACK_ROUNDS", "20"))
TIMEOUT = 60 + 2 * ROUNDS

DEEP = """
import gc, json, memory
def down(n):
    return 0 if n == 0 else 1 + down(n - 1)
def nested(make, n):
    x = make(())
    for _ in range(n):
        x = make(x)
    return x
def a_list(x):
    return [x]
def a_tuple(x):
    return (x,)
def a_dict(x):
    return {1: x}
def a_set(x):
    return frozenset((x,))
def endless(n=0):
    return endless(n + 1) + 1
def depth(n=0):
    try:
        return depth(n + 1)
    except RuntimeError:
        return n
"""

AND_BACK = f"""
def left():
    gc.collect()
    return free(), owned('stack')
for _ in range(3):
    down(10_000)
before = left()
for _ in range({ROUNDS}):
    assert down(10_000) == 10_000
deep = owned('stack')
print((before, left(), deep, memory.check()))
"""


def test_ten_thousand_calls_and_back_keep_no_frame(board: Machine) -> None:
    before, after, deep, problems = ask(board, DEEP + AND_BACK, timeout=TIMEOUT)
    assert (after, problems) == (before, [])
    assert before[1] <= 32 and deep > 500


@pytest.mark.parametrize(
    ("make", "count", "expression", "expected"),
    [
        ("a_list", 5000, "len(repr(x))", 10_004),
        ("a_list", 5000, "len(json.dumps(x))", 10_004),
        ("a_list", 5000, "x == y", True),
        ("a_list", 5000, "x <= y", True),
        ("a_tuple", 5000, "x == y", True),
        ("a_tuple", 5000, "hash(x) == hash(y)", True),
        ("a_dict", 5000, "x == y", True),
        ("a_set", 1000, "x == y", True),  # each is hashed when the next one is made
    ],
)
def test_thousands_in_each_other(
    board: Machine, make: str, count: int, expression: str, expected: object
) -> None:
    script = f"x, y = nested({make}, {count}), nested({make}, {count})\nprint({expression})"
    assert ask(board, DEEP + script) == expected


ENDS = """
count = 0
for _ in range(100):
    try:
        endless()
    except RuntimeError as e:
        count += str(e) == 'maximum recursion depth exceeded'
print((count, memory.check()))
"""


def test_the_end_is_a_runtime_error_each_time(board: Machine) -> None:
    assert ask(board, DEEP + ENDS, timeout=300) == (100, [])


TRACEBACK = """
import time
def fails(n):
    return 1 / n and fails(n - 1)
def taken(n, times):
    start = time.ticks_us()
    for _ in range(times):
        try:
            fails(n)
        except ZeroDivisionError:
            pass
    return time.ticks_us() - start
taken(10_000, 1)
pairs = [(taken(1_000, 10), taken(10_000, 1)) for _ in range(8)]  # the host may be slow meanwhile
print(tuple(map(min, zip(*pairs))))
"""


def test_the_traceback_of_a_deep_recursion_takes_linear_time(board: Machine) -> None:
    """Ten times the one of a tenth of the depth; quadratic would be a hundred times."""
    ten_shallow, deep = ask(board, DEEP + TRACEBACK, timeout=300)
    assert deep < 4 * ten_shallow


KEPT = """
def keeps(n):
    mine = [n, str(n)]
    if n == 0:
        gc.collect()
        junk = [str(i) for i in range(20_000)]
        return 0
    below = keeps(n - 1)
    return below + (mine == [n, str(n)])
print(keeps(10_000))
"""


def test_a_collection_in_deep_recursion_keeps_every_object(board: Machine) -> None:
    assert ask(board, DEEP + KEPT, timeout=300) == 10_000


GIVEN_BACK = """
down(10_000)
before = owned('stack')
gc.collect()
print((before, owned('stack'), memory.check()))
"""


def test_a_collection_gives_unused_pages_back(board: Machine) -> None:
    before, after, problems = ask(board, DEEP + GIVEN_BACK)
    assert before > 500 and after <= 32 and problems == []


WITHOUT_FRAMES = """
gc.collect()
taken = []
for count in (1024, 64, 8, 1):
    try:
        while True:
            taken.append(memory.frames.alloc(count, zero=False))
    except (OSError, MemoryError):
        pass
low = depth()
for frames in taken:
    frames.close()
taken = None
gc.collect()
print((low, depth(), memory.check()))
"""


def test_without_frames_the_end_comes_early(board: Machine) -> None:
    low, high, problems = ask(board, DEEP + WITHOUT_FRAMES, timeout=300)
    assert 50 <= low < 2000 and high > 10_000 and problems == []


STRAY = """
bottom = max(m.end for m in memory.kernel.mappings() if m.name == 'thread stack') - (8 << 20)
print([fields(read, bottom + offset) == [bottom + offset, 'read', 'translation fault', 3, 1]
       for offset in (0, 4096, 1 << 20, 4 << 20)], owned('stack') <= 32)
"""


def test_a_stray_pointer_into_the_window_is_a_fault(board: Machine) -> None:
    assert run(board, "gc.collect()" + STRAY) == f"{[True] * 4} True\n"


REFUSED = """
bottom = max(m.end for m in memory.kernel.mappings() if m.name == 'thread stack') - (8 << 20)
with memory.frames.alloc() as f:
    print([refused(*call)[:2] for call in (
        (memory.kernel.map, bottom, f), (memory.kernel.unmap, bottom, 4096),
        (memory.kernel.protect, bottom, 4096, 'r'))])
"""


def test_the_window_is_locked(board: Machine) -> None:
    assert ask(board, REFUSED) == [("OSError", 1)] * 3
