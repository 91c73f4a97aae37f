# SPDX-License-Identifier: MIT
"""The collector's heap takes frames as Python needs them, up to all RAM, and gives them back."""

from __future__ import annotations

import layout
import pytest

from pimem.testing.board_session import Machine

MIB = 1 << 20

# Floats are the only objects made in the loop, so the one that does not fit any more is the first
# object of the area that is added: its block 0. Areas begin at multiples of 2 MiB of a window,
# with their tables of 48 bytes for 64 blocks. The first arena and the least area, which a
# collection has added already, come before them.
BLOCK_0 = (
    f"WINDOW = {layout.GC + 4 * MIB}"
    + """
import gc
def grow(n):
    keep = [None] * n
    gc.collect()
    for i in range(n):
        keep[i] = i + 0.5
    first = {}
    for i in range(n):
        at = id(keep[i]) & (1 << 64) - 1
        area = at >> 21
        if at >= WINDOW and at < first.get(area, (1 << 64, 0))[0]:
            first[area] = at, i
    for area, (at, i) in first.items():
        if at - (area << 21) < 1 << 18:
            return i, keep[i]
found, kept = grow(70000)
gc.collect()
"""
)
BLOCK_0_TEST = """\
import gc
wrong = []
for n in range(10):
    gc.collect()
    junk = [n * 1.25 + k for k in range(200)]
    if kept != found + 0.5:
        wrong.append((n, kept))
print(wrong)
"""


def test_the_first_collection_adds_the_least_area_until_memory_is_scarce(board: Machine) -> None:
    board.soft_reset()
    board.link.enter_raw_repl()
    fresh = int(board.exec("import memory\nprint(memory.frames.stats()['free'])"))
    with_area = board.free_frames()
    assert 16 <= fresh - with_area <= 512
    scarce = board.exec(
        """\
import gc, memory
all_but_few = memory.frames.stats()['free'] - 2000
runs = []
while all_but_few > 0:
    count = min(all_but_few, memory.frames.stats()['largest_run'])
    runs.append(memory.frames.alloc(count, zero=False))
    all_but_few -= count
gc.collect()
print(memory.report()['owners'].get('gc', 0))
for run in runs:
    run.close()
run = runs = None
"""
    )
    assert board.free_frames() == with_area, "it comes back with the memory"
    assert int(scarce) < 16 or board.name == "QEMU_VIRT"


def test_most_of_ram_as_one_object_comes_and_goes(board: Machine) -> None:
    before = board.free_frames()
    size = before * 4096 * 8 // 10
    inside = int(
        board.exec(
            f"import memory\nb = bytearray({size})\nb[0] = 1\nb[-1] = 2\n"
            "assert b[0] == 1 and b[-1] == 2 and b[len(b) // 2] == 0\n"
            "print(memory.frames.stats()['free'])",
            timeout=120,
        )
    )
    assert before - inside >= size // 4096
    board.exec("del b")
    assert board.free_frames() == before
    assert board.eval("memory.check()", "import memory") == []


def test_the_float_in_block_0_of_a_grown_area_survives_ten_collects(board: Machine) -> None:
    before = board.free_frames()
    board.exec(BLOCK_0)
    assert board.free_frames() < before, "the float keeps its area"
    assert board.exec(BLOCK_0_TEST) == "[]\n"


def test_an_area_with_one_live_block_goes_when_that_dies(board: Machine) -> None:
    before = board.free_frames()
    board.exec(BLOCK_0)
    assert board.free_frames() < before
    board.exec("kept = None")
    assert board.free_frames() == before


def test_growing_and_shrinking_many_times_loses_nothing(board: Machine) -> None:
    before = board.free_frames()
    counts = board.eval(
        "[cycle(n) for n in range(24)]",
        """\
import gc, memory
def cycle(n):
    lists = [bytearray((1 + (n * 7 + k) % 5) << 20) for k in range(4)]
    small = [[k] for k in range(2000)]
    lists = small = None
    gc.collect()
    return memory.frames.stats()['free']
""",
    )
    assert set(counts[1:]) == {counts[1]}
    assert board.free_frames() == before


@pytest.mark.parametrize("size", ["1 << 36", "1 << 40", "1 << 62", "(1 << 63) - 1"])
def test_what_can_never_fit_is_a_memory_error_that_takes_nothing(
    board: Machine, size: str
) -> None:
    before = board.free_frames()
    board.exec(
        f"try:\n    b = bytearray({size})\n    raise AssertionError\n"
        "except (MemoryError, OverflowError):\n    pass"
    )
    assert board.free_frames() == before


def test_a_second_object_that_does_not_fit_is_refused_and_the_first_stays(
    board: Machine,
) -> None:
    before = board.free_frames()
    board.exec(
        """\
import memory
first = bytearray(memory.frames.stats()['free'] * 4096 * 3 // 10)
first[-1] = 77
try:
    second = bytearray(memory.frames.stats()['free'] * 4096 + 4096)
    raise AssertionError
except MemoryError:
    pass
assert first[-1] == 77 and first[0] == 0
del first
""",
        timeout=120,
    )
    assert board.free_frames() == before


def test_the_heap_grows_while_a_space_of_the_user_is_active(board: Machine) -> None:
    before = board.free_frames()
    board.exec(
        """\
import gc, memory
def grow(depth):
    if depth: # words that it leaves are on a part of the stack that collections do not look at
        return grow(depth - 1)
    with memory.AddressSpace() as space:
        big = [bytearray(1 << 20) for _ in range(20)]
        for n, part in enumerate(big):
            part[n] = n
        gc.collect()
        assert all([part[n] == n for n, part in enumerate(big)])
    space.close()
grow(40)
"""
    )
    assert board.free_frames() == before


def test_objects_in_many_areas_stay_what_they_are(board: Machine) -> None:
    board.exec(
        """\
import gc
held = []
for n in range(12):
    held.append([bytearray(300000), {k: (n, k) for k in range(50)}, 'text %d' % n, n / 7])
    junk = bytearray(2 << 20)
    gc.collect()
for n in range(12):
    data, table, text, number = held[n]
    assert len(data) == 300000 and max(data) == 0
    assert table == {k: (n, k) for k in range(50)}
    assert text == 'text %d' % n and number == n / 7
    held[n] = None
    gc.collect()
"""
    )


def test_frames_reports_and_collector_agree(board: Machine) -> None:
    got = board.eval("memory.report()", "import memory\nb = bytearray(9 << 20)")
    assert got["owners"]["gc"] * 4096 >= 9 * MIB
    assert got["gc"]["total"] >= 9 * MIB
    assert 0 < got["gc"]["free"] <= got["gc"]["total"]


def test_the_limit_of_pythons_heap_holds_over_a_soft_reset(board: Machine) -> None:
    board.exec("import memory\nmemory.gc_limit(8 << 20)")
    try:
        board.soft_reset()
        got = board.eval(
            "[memory.gc_limit(), fits(4 << 20), fits(16 << 20)]",
            """\
import memory
def fits(size):
    try:
        bytearray(size)
        return True
    except MemoryError:
        return False
""",
        )
    finally:
        board.exec("import memory\nmemory.gc_limit(0)")
    assert got == [8 << 20, True, False]
    assert board.eval("len(bytearray(16 << 20))") == 16 << 20
