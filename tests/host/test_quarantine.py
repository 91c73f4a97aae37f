# SPDX-License-Identifier: MIT
"""Addresses in quarantine: the table by itself, and windows against a plain model of pages."""

import ctypes
import random
from dataclasses import dataclass

import host_library
import pytest
from fake_seam import ENOMEM, NONE, PAGE, UPPER, R, W
from hypothesis import given, settings
from hypothesis import strategies as st
from spaces import FORCE, LOCKED, QUARANTINE, QuarantineStruct, Spaces

TABLE = 128
START = UPPER + 0x200_0000_0000
Range = tuple[int, int]


class Table:
    """A quarantine_t by itself."""

    def __init__(self) -> None:
        self.lib = Spaces(4).library
        self.state = QuarantineStruct()
        self.q = ctypes.addressof(self.state)

    def add(self, start: int, end: int) -> None:
        self.lib.quarantine_add(self.q, start, end)
        assert self.lib.quarantine_is_sound(self.q)

    def trace(self, words: list[int]) -> None:
        self.lib.quarantine_begin(self.q)
        for word in words:
            self.lib.quarantine_see(self.q, word)
        self.lib.quarantine_end(self.q)
        assert self.lib.quarantine_is_sound(self.q)

    def covers(self, start: int, end: int) -> bool:
        return any(low <= start and end <= high for low, high in self.state.ranges)

    def end_in(self, start: int, end: int) -> int:
        return self.lib.quarantine_end_in(self.q, start, end)


@pytest.fixture
def table() -> Table:
    return Table()


def pages(first: int, count: int = 1) -> Range:
    return START + first * PAGE, START + (first + count) * PAGE


def test_a_range_is_kept_while_a_word_points_to_it_or_right_behind_it(table):
    start, end = pages(10, 3)
    for word in (start, start + 8, end - 1, end):
        table.add(start, end)
        table.trace([start - 1, word, end + 1])
        assert table.state.ranges == [(start, end)]
        table.trace([0, start - 1, end + 1, (1 << 64) - 1])
        assert table.state.ranges == []


def test_what_comes_during_a_trace_is_not_judged_by_it(table):
    first, second = pages(1), pages(3)
    table.add(*first)
    table.lib.quarantine_begin(table.q)
    table.add(*second)
    table.lib.quarantine_end(table.q)
    assert table.state.ranges == [second]
    table.trace([])
    assert table.state.ranges == []


def test_ranges_are_found_by_any_part(table):
    for first in (5, 9, 2):
        table.add(*pages(first, 2))
    assert table.state.ranges == [pages(2, 2), pages(5, 2), pages(9, 2)]
    assert table.end_in(*pages(0, 2)) == NONE
    assert table.end_in(*pages(0, 3)) == pages(2, 2)[1]
    assert table.end_in(*pages(3)) == pages(2, 2)[1]
    assert table.end_in(*pages(4)) == NONE
    assert table.end_in(*pages(4, 9)) == pages(5, 2)[1]
    assert table.end_in(*pages(11, 9)) == NONE


def test_the_hull_has_every_word_that_matters(table):
    hull = table.lib.quarantine_hull(table.q)
    assert hull.start >= hull.end
    table.add(*pages(7))
    table.add(*pages(1))
    hull = table.lib.quarantine_hull(table.q)
    assert (hull.start, hull.end) == (pages(1)[0], pages(7)[1] + 1)


def test_ranges_that_meet_become_one(table):
    for first in (1, 3, 2):
        table.add(*pages(first))
    assert table.state.ranges == [pages(1, 3)]
    table.add(*pages(0, 9))
    table.add(*pages(4))
    assert table.state.ranges == [pages(0, 9)]


@pytest.mark.parametrize("order", ["up", "down", "mixed"])
def test_a_full_table_joins_what_is_close(table, order):
    ranges = [pages(2 * i) for i in range(9000)]
    added = ranges[:: -1 if order == "down" else 1]
    if order == "mixed":
        random.Random(1).shuffle(added)
    for each in added:
        table.add(*each)
    assert TABLE // 8 < len(table.state.ranges) < TABLE
    assert all(table.covers(*each) for each in ranges)
    held = [ranges[i] for i in (0, 17, 4400, 8999)]
    table.trace([start for start, _ in held])
    assert all(table.covers(*each) for each in held)
    kept = sum(end - start for start, end in table.state.ranges)
    assert kept <= len(held) * (ranges[-1][1] - START) // 32
    table.trace([])
    assert table.state.ranges == []


def test_a_pointer_holds_all_of_a_range_that_was_joined(table):
    for i in range(TABLE):
        table.add(*pages(2 * i))
    assert len(table.state.ranges) < TABLE
    for word in (pages(0)[0], pages(2 * TABLE - 2)[1]):
        table.trace([word, pages(TABLE)[0]])
    assert table.covers(*pages(TABLE))


def test_what_is_joined_during_a_trace_is_not_judged_by_it(table):
    for i in range(TABLE // 2):
        table.add(*pages(4 * i))
    table.lib.quarantine_begin(table.q)
    for i in range(TABLE // 2):
        table.add(*pages(4 * i + 2))
    table.lib.quarantine_end(table.q)
    assert len(table.state.ranges) <= TABLE // 2  # some were joined
    assert all(table.covers(*pages(4 * i + 2)) for i in range(TABLE // 2))


def test_ranges_far_apart_become_one_as_well(table):
    for i in range(3 * TABLE):
        table.add(*pages(i << 24))
    assert len(table.state.ranges) < TABLE
    assert all(table.covers(*pages(i << 24)) for i in range(3 * TABLE))


@pytest.mark.parametrize("damage", ["order", "backwards", "count"])
def test_a_damaged_table_is_found(damage):
    spaces = Spaces(40)
    kernel = spaces.open("kernel", upper=True)
    assert spaces.window(START, START + 64 * PAGE, QUARANTINE, "views") > 0
    for first in (0, 2):
        kernel.map(START + first * PAGE, 0x5000_0000, PAGE, R | W, LOCKED)
        kernel.unmap(START + first * PAGE, PAGE, FORCE)
    state = spaces.quarantine
    assert spaces.check() == 0 and state.ranges == [pages(0), pages(2)]
    if damage == "order":
        state.range[1].start = state.range[0].end
    elif damage == "backwards":
        state.range[0].start = state.range[0].end
    else:
        state.count = 1 << 40
    assert spaces.check() == 1
    assert spaces.damage.what == b"a wrong table of addresses in quarantine"


# --- windows ---

PAGES = 48


@dataclass
class Stale:
    """A closed view."""

    pages: int
    fresh: bool = True  # closed after the last trace


class Program:
    """Views of a window come and go; the model knows the state of each page."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.spaces = Spaces(60)
        self.kernel = self.spaces.open("kernel", upper=True)
        self.window = self.spaces.window(START, START + PAGES * PAGE, QUARANTINE, "views")
        self.live: dict[int, int] = {}  # first page -> pages
        self.stale: dict[int, Stale] = {}

    def taken(self) -> set[int]:
        ranges = [*self.live.items(), *((at, each.pages) for at, each in self.stale.items())]
        return {page for first, count in ranges for page in range(first, first + count)}

    def fits(self, count: int, align: int) -> bool:
        taken = self.taken()
        base = START // PAGE
        return any(
            (base + first) % align == 0 and taken.isdisjoint(range(first - 1, first + count + 1))
            for first in range(1, PAGES - count)
        )

    def open(self) -> None:
        count = self.chance.choice([1, 1, 1, 2, 3, 7])
        align = self.chance.choice([1, 1, 4])
        va = self.spaces.place(self.window, count * PAGE, align * PAGE, PAGE)
        assert (va > 0) == self.fits(count, align)
        if va == ENOMEM:
            return
        first = (va - START) // PAGE
        assert va % (align * PAGE) == 0 and first >= 1 and first + count < PAGES
        assert self.taken().isdisjoint(range(first - 1, first + count + 1))
        refused = self.chance.random() < 0.2
        self.spaces.frames.fail_after(0 if refused else None)
        result = self.kernel.map(va, 0x5000_0000, count * PAGE, R | W, LOCKED)
        self.spaces.frames.fail_after(None)
        assert result == 0 or (refused and result == ENOMEM)
        if result == 0:
            self.live[first] = count

    def close(self) -> None:
        if self.live:
            first = self.chance.choice(list(self.live))
            count = self.live.pop(first)
            assert self.kernel.unmap(START + first * PAGE, count * PAGE, FORCE) == 0
            self.stale[first] = Stale(count)

    def trace(self) -> None:
        """Some closed views are pointed to, at any byte; other words point between them."""
        held = {first for first in self.stale if self.chance.random() < 0.4}
        words = [START + first * PAGE - self.chance.choice([1, 8]) for first in self.stale]
        for first in held:
            size = self.stale[first].pages * PAGE
            offset = self.chance.choice([0, size, self.chance.randrange(size)])
            words.append(START + first * PAGE + offset)
        self.chance.shuffle(words)
        self.spaces.trace(words)
        self.stale = {first: each for first, each in self.stale.items() if first in held}

    def compare(self) -> None:
        ranges = [pages(first, each.pages) for first, each in sorted(self.stale.items())]
        assert self.spaces.quarantine.ranges == ranges
        assert self.spaces.check() == 0


@settings(deadline=None, max_examples=host_library.examples(60))
@given(st.integers(0, 1 << 32))
def test_a_window_gives_out_what_is_neither_mapped_nor_pointed_to(seed: int) -> None:
    program = Program(seed)
    steps = [program.open] * 5 + [program.close] * 3 + [program.trace]
    for _ in range(80):
        program.chance.choice(steps)()
        program.compare()
    while program.live:
        program.close()
    program.spaces.trace()
    assert program.spaces.place(program.window, PAGES * PAGE) == START
