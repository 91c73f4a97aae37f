# SPDX-License-Identifier: MIT
"""Small chunks are taken where one came back lately; a wrong hint does no harm."""

import random

import pytest
from frames_lib import BLOCK, PAGE, Frames

GIB = 1 << 30
BANK = [(GIB, GIB + 64 * BLOCK * PAGE)]
WORD = 64  # frames of a word of the free map
ORDERS = range(1, 6)
HINTS = 20  # kept for each order


def chunks(frames: Frames, order: int, count: int) -> list[int]:
    return [frames.alloc(1 << order, align=1 << order) for _ in range(count)]


@pytest.mark.parametrize("order", ORDERS)
def test_a_chunk_that_came_back_is_taken_before_lower_ones(order: int) -> None:
    frames = Frames(BANK)
    size = 1 << order
    taken = chunks(frames, order, 4 * BLOCK // size)
    low, recent = taken[0], taken[2 * BLOCK // size]
    frames.free(low, size)
    frames.free(recent, size)
    assert chunks(frames, order, 2) == [recent, low]
    assert frames.check() == 0


@pytest.mark.parametrize("order", ORDERS)
def test_beyond_what_is_in_use_the_lowest_is_taken(order: int) -> None:
    frames = Frames(BANK)
    size = 1 << order
    taken = chunks(frames, order, 8 * BLOCK // size)
    for pa in taken[: 4 * BLOCK // size]:
        if pa % (BLOCK * PAGE):  # the first chunk of a block stays, or the block would be whole
            frames.free(pa, size)
    recent = chunks(frames, order, HINTS)  # what there are hints for
    frames.free(taken[-1], size)  # about four blocks are in use now, and this was in the eighth
    assert chunks(frames, order, 1)[0] < min(taken[4 * BLOCK // size :]) > max(recent)


def test_a_hint_whose_chunk_has_gone_is_passed_over() -> None:
    frames = Frames(BANK)
    taken = chunks(frames, 3, 4 * BLOCK // 8)
    low, first, second = taken[0], taken[BLOCK // 8], taken[2 * BLOCK // 8]
    for pa in (low, first, second):
        frames.free(pa, 8)
    assert frames.alloc(8, at=second) == second
    for pa in range(first, first + 8 * PAGE, PAGE):
        assert frames.alloc(at=pa) == pa
    assert chunks(frames, 3, 1) == [low]
    assert frames.check() == 0


def test_a_hint_stays_while_its_word_has_such_chunks() -> None:
    frames = Frames(BANK)
    taken = chunks(frames, 3, 4 * BLOCK // 8)
    low, first, second = taken[0], taken[BLOCK // 8], taken[BLOCK // 8 + 2]
    frames.free(low, 8)
    frames.free(first, 8)
    for pa in range(second, second + 8 * PAGE, PAGE):
        frames.free(pa)  # gives no hint
    assert chunks(frames, 3, 3) == [first, second, low]


def test_a_chunk_that_has_become_part_of_a_free_word_is_left_whole() -> None:
    frames = Frames(BANK)
    taken = chunks(frames, 2, 4 * BLOCK // 4)
    low, word = taken[0], taken[BLOCK // 4 : (BLOCK + WORD) // 4]
    frames.free(low, 4)
    for pa in word:
        frames.free(pa, 4)
    assert chunks(frames, 2, 1) == [low]
    assert frames.alloc(WORD, align=WORD) == word[0]
    assert frames.check() == 0


def test_a_chunk_that_has_become_part_of_a_free_block_leaves_its_books_right() -> None:
    frames = Frames(BANK)
    taken = chunks(frames, 5, 2 * BLOCK // 32)
    for pa in taken:
        frames.free(pa, 32)
    assert frames.stats().free_by_order[10] == 32
    assert len(set(chunks(frames, 5, 20))) == 20
    assert frames.check() == 0


def test_a_hint_is_no_way_into_the_dma_zone() -> None:
    frames = Frames([(GIB - 8 * BLOCK * PAGE, GIB), *BANK])
    inside = [frames.alloc(4, align=4, below=GIB) for _ in range(BLOCK)]
    outside = chunks(frames, 2, BLOCK)
    frames.free(inside[0], 4)
    assert inside[0] < GIB <= min(outside)
    assert min(chunks(frames, 2, 40)) >= GIB
    assert frames.check() == 0


def test_a_hint_is_not_for_requests_with_a_limit() -> None:
    frames = Frames(BANK)
    taken = chunks(frames, 1, BLOCK)
    frames.free(taken[0], 2)
    frames.free(taken[-1], 2)
    assert frames.alloc(2, align=2, below=taken[1]) == taken[0]
    assert frames.alloc(2, align=2, at=taken[-1]) == taken[-1]


def test_more_chunks_come_back_than_there_are_hints() -> None:
    frames = Frames(BANK)
    taken = chunks(frames, 4, 32 * BLOCK // 16)
    back = taken[:: WORD // 16][: HINTS + 20]
    for pa in back:
        frames.free(pa, 16)
    again = chunks(frames, 4, len(back))
    assert again[0] == back[-1] and sorted(again) == back
    assert frames.check() == 0


def test_chunks_of_all_sizes_come_and_go_without_overlap() -> None:
    frames = Frames(BANK)
    chance = random.Random(20)
    live: dict[int, int] = {}
    used: set[int] = set()
    for step in range(6000):
        if len(used) < 16 * BLOCK and chance.random() < 0.6:
            size = 1 << chance.randrange(7)
            pa = frames.alloc(size, align=size)
            own = set(range(pa // PAGE, pa // PAGE + size))
            assert pa % (size * PAGE) == 0 and not own & used
            used |= own
            live[pa] = size
        elif live:
            pa = chance.choice(list(live))
            size = live.pop(pa)
            frames.free(pa, size)
            used -= set(range(pa // PAGE, pa // PAGE + size))
        if step % 500 == 0:
            assert frames.check() == 0
    assert frames.stats().used == len(used)
    for pa, size in live.items():
        frames.free(pa, size)
    assert list(frames.stats().free_by_order) == [0] * 10 + [32]
