# SPDX-License-Identifier: MIT
"""The collector's blocks, one property at a time."""

from __future__ import annotations

import pytest
from collector_lib import (
    AREAS,
    BLOCK,
    FINAL,
    GROUP,
    PLAIN,
    WORD,
    Collector,
    Damage,
    write,
)

WORDS = BLOCK // WORD


def link(heap: Collector, count: int, first: int = 0) -> int:
    """A chain of `count` objects, each of which refers to the one before; the last one."""
    last = first
    for _ in range(count):
        start = heap.alloc(1)
        assert start
        write(start, [0, 0, last, 0, 0, 0, 0, 0])
        last = start
    return last


def test_what_only_a_plain_block_refers_to_is_freed() -> None:
    heap = Collector([64])
    kept, lost = heap.alloc(1), heap.alloc(1)
    plain = heap.alloc(1, PLAIN)
    write(plain, [lost] * WORDS)
    write(kept, [plain] + [0] * 7)
    write(lost, [0] * WORDS)
    heap.collect([kept])
    assert heap.length(kept) == heap.length(plain) == 1 and heap.length(lost) == 0


def test_a_cycle_that_nothing_refers_to_is_freed() -> None:
    heap = Collector([64])
    first, second = heap.alloc(1), heap.alloc(2)
    write(first, [second] * WORDS)
    write(second, [first] * 2 * WORDS)
    heap.collect([first])
    assert heap.kinds()[0].startswith("HHt.")
    heap.collect()
    assert heap.kinds() == ["." * 64]


@pytest.mark.parametrize("stack", [2, 3, 8, 100])
def test_a_mark_stack_that_is_too_small_loses_nothing(stack: int) -> None:
    """Lists of lists of objects: 2 words do for none of it."""
    heap = Collector([3000, 500], stack)
    rows = []
    for _ in range(40):
        row = heap.alloc(5)
        items = [link(heap, 2) for _ in range(5 * WORDS)]
        write(row, items)
        rows.append(row)
    top = heap.alloc(5)
    write(top, rows)
    before = heap.kinds()
    junk = [heap.alloc(1) for _ in range(20)]
    assert all(junk)
    heap.collect([top])
    assert heap.kinds() == before


def test_a_long_chain_needs_two_words_of_the_mark_stack() -> None:
    heap = Collector([5000], 2)
    last = link(heap, 4000)
    heap.collect([last])
    assert heap.stats().chains == 4000
    heap.collect()
    assert heap.stats().chains == 0


def test_a_pointer_into_a_chain_keeps_it_on_the_stack_only() -> None:
    heap = Collector([300])
    long = heap.alloc(200, PLAIN)
    for inside in (long, long + 1, long + 64 * BLOCK, long + 200 * BLOCK - 1):
        heap.collect([], [inside])
        assert heap.length(long) == 200
    for outside in (long + 200 * BLOCK, long - 1):
        again = Collector([300])
        start = again.alloc(200, PLAIN)
        again.collect([start + BLOCK], [outside - long + start])
        assert again.length(start) == 0


def test_an_object_with_a_finaliser_is_kept_by_its_start_only() -> None:
    heap = Collector([64])
    start = heap.alloc(2, FINAL)
    assert heap.collect([], [start]) == []
    assert heap.collect([], [start + BLOCK]) == [start]


def test_a_finaliser_sees_its_object_and_may_free_another() -> None:
    heap = Collector([64])
    first, second = heap.alloc(1, FINAL), heap.alloc(1, FINAL)
    seen = []

    def finaliser(start: int) -> None:
        seen.append(heap.length(start))
        heap.free(second)

    assert heap.collect([], [], finaliser) == [first]
    assert seen == [1] and heap.finals() == []


def test_what_a_finaliser_keeps_stays_and_is_finalised_once() -> None:
    heap = Collector([64])
    later, object_, owned, lost = (heap.alloc(1, flags) for flags in (FINAL, FINAL, 0, 0))
    write(object_, [owned] + [0] * 7)
    write(later, [0] * WORDS)

    def finaliser(start: int) -> bool:
        heap.keep(start)
        return start == object_

    assert heap.collect([], [], finaliser) == [later, object_]
    assert [heap.length(start) for start in (later, object_, owned, lost)] == [1, 1, 1, 0]
    assert heap.finals() == [later]
    assert heap.collect() == [later]
    assert heap.stats().chains == 0 and heap.check()[0] == 0


def test_single_blocks_fill_every_hole() -> None:
    heap = Collector([100, 70])
    blocks = [heap.alloc(1) for _ in range(170)]
    assert all(blocks) and heap.alloc(1) == 0
    for start in blocks[::3]:
        heap.free(start)
    assert {heap.alloc(1) for _ in blocks[::3]} == set(blocks[::3])
    assert heap.alloc(1) == 0


def test_the_lowest_run_that_fits_is_taken() -> None:
    heap = Collector([1000])
    starts = [heap.alloc(n) for n in (10, 3, 100, 2, 70, 5, 64, 3, 200)]
    for start in starts[::2]:
        heap.free(start)
    assert heap.alloc(65) == starts[2]
    assert heap.alloc(66) == starts[4]
    assert heap.alloc(10) == starts[0]
    assert heap.alloc(35) == starts[2] + 65 * BLOCK


def test_a_search_goes_on_where_the_last_one_ended() -> None:
    """Half of the blocks are free, each between two that are not."""
    heap = Collector([4000])
    blocks = [heap.alloc(1) for _ in range(4000)]
    for start in blocks[::2]:
        heap.free(start)
    assert heap.alloc(2) == 0
    assert heap.areas[0].hint[1] == 4000, "a pair is not sought again"
    heap.free(blocks[1001])
    assert heap.areas[0].hint[1] == 1000 and heap.areas[0].hint[3] == 4000
    assert heap.alloc(3) == blocks[1000]


CHUNK = 64 * 64


def test_a_search_passes_chunks_that_are_full() -> None:
    """Whether a collection, a long chain, one that grows or a search left them so."""
    heap = Collector([4 * CHUNK + 100])
    area = heap.areas[0]
    first = heap.alloc(1)
    long = heap.alloc(2 * CHUNK)
    assert area.full[0] == 0b11 and heap.alloc(1) == long + 2 * CHUNK * BLOCK
    heap.collect([long])
    assert area.full[0] == 0b10 and heap.alloc(1) == first
    assert heap.resize(long, 3 * CHUNK - 1) and area.full[0] == 0b110
    heap.collect([first, long])
    assert area.full[0] == 0b111
    ones = [heap.alloc(1) for _ in range(CHUNK + 100)]
    assert all(ones) and heap.alloc(1) == 0 and area.full[0] == 0b1111
    heap.free(first)
    assert area.full[0] == 0b1110 and heap.check()[0] == 0
    assert heap.alloc(1) == first
    heap.free(ones[5])
    assert area.full[0] & 0b1000 == 0 and heap.alloc(1) == ones[5]
    heap.free(long)
    assert area.full[0] & 0b110 == 0 and heap.alloc(3 * CHUNK - 1) == long


def test_a_chunk_with_one_hole_is_not_passed() -> None:
    heap = Collector([CHUNK + 10])
    hole = heap.alloc(1)
    rest = heap.alloc(CHUNK - 1)
    heap.collect([rest])
    assert heap.alloc(2) == rest + (CHUNK - 1) * BLOCK and heap.check()[0] == 0
    assert heap.alloc(1) == hole


def test_single_blocks_stay_below_the_top_of_their_area() -> None:
    heap = Collector([150, 150])
    ones = [heap.alloc(1) for _ in range(300)]
    heap.collect(ones[:3])
    assert heap.alloc(1) == ones[3] and heap.check()[0] == 0
    heap.collect(ones[200:201])
    assert heap.areas[0].top == 0 and heap.check()[0] == 0
    heap.remove(0)
    assert heap.areas[0].pool <= heap.alloc(1) < heap.areas[0].pool + 150 * BLOCK


def test_areas_come_and_go() -> None:
    heap = Collector([64, 64, 64])
    keep = [heap.alloc(64) for _ in range(3)]
    assert heap.alloc(1) == 0
    heap.collect([keep[0], keep[2]])
    assert [area.top for area in heap.areas] == [64, 0, 64]
    heap.remove(1)
    assert heap.length(keep[0]) == heap.length(keep[2]) == 64 and heap.length(keep[1]) == 0
    assert heap.add(10)
    assert heap.alloc(10)


def test_so_many_areas_and_no_more() -> None:
    heap = Collector([2] * AREAS)
    assert not heap.add(2)
    assert all(heap.alloc(2) for _ in range(AREAS)) and heap.alloc(1) == 0


@pytest.mark.parametrize("blocks", [1, 2, 63, 64, 65, 127, 128, 1000])
def test_an_area_of_any_size_is_filled_and_emptied(blocks: int) -> None:
    heap = Collector([blocks])
    assert heap.alloc(blocks + 1) == 0
    start = heap.alloc(blocks)
    assert heap.kinds() == ["H" + "t" * (blocks - 1)]
    heap.collect([start])
    assert heap.length(start) == blocks and heap.areas[0].top == blocks
    heap.collect()
    assert heap.areas[0].top == 0 and heap.check()[0] == 0
    assert heap.alloc(blocks) == start


def test_what_is_no_start_of_a_chain_is_refused() -> None:
    heap = Collector([64])
    start = heap.alloc(3)
    for wrong in (0, 1, start + 1, start + BLOCK, start + 3 * BLOCK, start - BLOCK, 1 << 63):
        assert not heap.free(wrong) and heap.length(wrong) == 0 and heap.flags(wrong) == 0
        assert not heap.resize(wrong, 1)


def test_the_end_of_an_area_is_no_start_of_a_chain() -> None:
    """A table of whole cache lines: what would be the group behind it is the first block."""
    heap = Collector([4 * GROUP])
    start = heap.alloc(1)
    write(start, [(1 << 64) - 1] * WORDS)
    assert heap.length(start + 4 * GROUP * BLOCK) == 0


# --- damage ---


@pytest.mark.parametrize(
    ("word", "bit", "damage", "block"),
    [
        ("head", 40, Damage.HEAD, 40),
        ("used", 40, Damage.TAIL, 40),
        ("mark", 1, Damage.MARK, 1),
        ("grey", 2, Damage.MARK, 2),
        ("plain", 3, Damage.FLAGS, 3),
        ("final", 50, Damage.FLAGS, 50),
    ],
)
def test_a_bit_that_is_wrong_is_named(word: str, bit: int, damage: Damage, block: int) -> None:
    heap = Collector([100])
    heap.alloc(5)
    area = heap.areas[0]
    setattr(area.group[0], word, getattr(area.group[0], word) ^ 1 << bit)
    faults, first = heap.check()
    assert faults and (first.kind, first.address) == (damage, area.pool + block * BLOCK)
    assert heap.lib.collector_damage_text(damage) not in (b"?", b"no damage")


def test_wrong_numbers_are_named() -> None:
    for name, value, damage in (
        ("top", 2, Damage.END),
        ("finals", 1, Damage.COUNT),
        ("hint", None, Damage.HINT),
    ):
        heap = Collector([100])
        heap.alloc(5)
        area = heap.areas[0]
        if value is None:
            area.hint[2] = 50
        else:
            setattr(area, name, value)
        assert heap.check()[1].kind == damage
    heap = Collector([100])
    heap.areas[0].full[0] = 1
    assert heap.check()[1].kind == Damage.HINT
    heap = Collector([100])
    heap.areas[0].group[1].used = 0
    assert heap.check()[1].kind == Damage.END
    assert heap.lib.collector_damage_text(99) == b"?"


def test_a_check_ends_when_it_is_told_to() -> None:
    """Without saying what it did not count; and it asks often."""
    heap = Collector([100_000, 100_000])
    heap.alloc(1, FINAL)
    heap.areas[1].group[1].mark = 1
    asked = []
    assert heap.check(lambda: not asked.append(0))[0] == 0 and len(asked) == 1
    assert heap.check(lambda: bool(asked.append(0)))[0] == 1
    assert len(asked) > 2 * 100_000 // GROUP // 64


def test_any_damage_is_survived() -> None:
    """Looking at tables of noise ends, and stays within them (the sanitiser watches)."""
    heap = Collector([64, 100, 1000])
    for number, memory in enumerate(heap.memories):
        table = heap.areas[number].blocks // GROUP * 48
        memory.write(0, bytes((i * 37 + 11) % 251 for i in range(table)))
    assert heap.check()[0] > 10
    heap.stats()
    heap.kinds()


def test_runs_cover_an_area_and_tell_what_is_used() -> None:
    heap = Collector([300])
    chains = [heap.alloc(blocks) for blocks in (1, 70, 3, 128, 5)]
    heap.free(chains[2])
    heap.free(chains[0])
    assert heap.runs() == [
        (0, 1, True),
        (1, 70, False),
        (71, 3, True),
        (74, 128, False),
        (202, 5, False),
        (207, 93, True),
    ]
    picture = heap.kinds()[0]
    for block in (0, 1, 63, 64, 65, 72, 128, 206, 207, 299):
        for count in (1, 2, 63, 64, 65, 150, 300, 1 << 40):
            part = picture[block : block + count]
            assert heap.used(block, count) == len(part) - part.count("."), (block, count)


@pytest.mark.parametrize("word", ["used", "head"])
def test_runs_of_a_damaged_area_end(word: str) -> None:
    heap = Collector([300])
    assert heap.alloc(70) and heap.alloc(1)
    for number in range(5):
        setattr(heap.struct.area[0].group[number], word, 0x5555_5555_0000_FFFF)
        runs = heap.runs()
        assert sum(length for _, length, _ in runs) == 300
        assert [block for block, _, _ in runs] == sorted({block for block, _, _ in runs})


# --- words that are watched ---


def test_marking_tells_of_words_in_the_watched_range() -> None:
    heap = Collector([64, 64])
    low = max(area.pool for area in heap.areas) + (1 << 32)
    end = low + 4096
    told = heap.watch(low, end)
    live, plain, dead = heap.alloc(1), heap.alloc(1, PLAIN), heap.alloc(1)
    write(live, [low + 8, plain, low - 1, end, 0, 1, (1 << 64) - 1, live])
    write(plain, [low + 16] * WORDS)
    write(dead, [low + 24] * WORDS)
    assert heap.collect([live, low, low - 1], [end - 1, end, plain + 1]) == []
    assert sorted(told) == [low, low + 8, end - 1]
    assert heap.length(live) == 1 and heap.length(dead) == 0


@pytest.mark.parametrize("above", [True, False])
def test_a_watched_range_goes_with_the_areas(above: bool) -> None:
    heap = Collector([64])
    low = heap.areas[0].pool + (1 << 32) if above else 4096
    told = heap.watch(low, low + 64)
    assert heap.add(64)
    heap.remove(0)
    kept = heap.alloc(1)
    write(kept, [low + 63] + [0] * 7)
    heap.collect([kept])
    assert told == [low + 63]
    assert heap.length(kept) == 1
    heap.remove(0)
    heap.collect([low, 0, (1 << 64) - 1])
    assert told == [low + 63, low]


def test_an_empty_watched_range_is_told_nothing_of() -> None:
    heap = Collector([64])
    low = heap.areas[0].pool + (1 << 32)
    told = heap.watch(low, low + 64)
    bounds = heap.struct.low, heap.struct.span
    assert heap.watch(0, 0) == []
    heap.collect([low, 0])
    assert told == []
    assert heap.struct.low == heap.areas[0].pool and heap.struct.span == 64 * BLOCK
    heap.watch(low, low + 64)
    assert bounds == (heap.struct.low, heap.struct.span)
