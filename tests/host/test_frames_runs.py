# SPDX-License-Identifier: MIT
"""The frame allocator where no block is free as a whole: what is noted of the longest runs."""

import random

import pytest
from frames_lib import BLOCK, ENOMEM, GIB, MIB, PAGE, Frames, Refused, refused

BLOCKS = 70  # more than two nodes of 32
BANKS = [(GIB, GIB + BLOCKS * 2 * MIB)]
FRAMES = BLOCKS * BLOCK


def with_free(runs: list[tuple[int, int]]) -> Frames:
    """All memory is in use but for these runs: their starts and lengths in frames."""
    frames = Frames(BANKS)
    frames.alloc(FRAMES)
    for start, count in runs:
        frames.free(GIB + start * PAGE, count)
    assert frames.check() == 0
    return frames


def one_in_each_block(start: int, count: int) -> list[tuple[int, int]]:
    return [(block * BLOCK + start, count) for block in range(BLOCKS - 1)]


@pytest.mark.parametrize("count", [3, 5, 41, 100, 300, 511, 512])
@pytest.mark.parametrize("place", [0, 33, 64, BLOCKS - 3])
def test_the_one_run_that_is_long_enough_is_found(count, place):
    runs = one_in_each_block(7, count - 1) if count < BLOCK - 8 else []
    runs = [run for run in runs if run[0] // BLOCK not in (place, place + 1)]
    start = place * BLOCK + 205
    frames = with_free([*runs, (start, count)])
    refused(ENOMEM, frames.alloc, count + 1)
    assert frames.alloc(count) == GIB + start * PAGE
    refused(ENOMEM, frames.alloc, count)
    assert frames.check() == 0


@pytest.mark.parametrize("order", range(1, 9))
def test_of_runs_that_are_long_enough_the_one_that_is_aligned_is_found(order):
    align = 1 << order
    count = align + 1
    runs = [(block * BLOCK + 1, count + align - 2) for block in range(0, BLOCKS - 4, 2)]
    runs.append(((BLOCKS - 3) * BLOCK, count))
    frames = with_free(runs)
    assert frames.alloc(count, align=align) == GIB + runs[-1][0] * PAGE
    assert frames.check() == 0
    refused(ENOMEM, frames.alloc, count, align=align)


@pytest.mark.parametrize("align", [2, 4, 16, 32, 64, 128, 512])
@pytest.mark.parametrize("short", [1, 0])
def test_a_run_at_an_alignment_larger_than_itself_is_found(align, short):
    """Beside runs that are long enough elsewhere, and aligned ones that are a frame too short."""
    for count in sorted({1, 2, align // 2 + 1, align - 1} & set(range(1, align))):
        runs = [(64 * BLOCK + align, count)] if align < BLOCK else [(64 * BLOCK, count)]
        for block in range(0, 60, 2):
            runs.append((block * BLOCK + 1, min(count, align - 1)))
            if count > 1 and short:
                runs.append(((block + 1) * BLOCK, count - 1))
        frames = with_free(runs)
        assert frames.alloc(count, align=align) == GIB + runs[0][0] * PAGE
        refused(ENOMEM, frames.alloc, count, align=align)
        assert frames.check() == 0


@pytest.mark.parametrize(("before", "whole", "behind"), [(0, 1, 1), (300, 0, 213), (70, 2, 511)])
def test_a_run_longer_than_a_block_is_found_by_its_ends(before, whole, behind):
    start = 41 * BLOCK - before
    count = before + whole * BLOCK + behind
    frames = with_free([*one_in_each_block(100, 300)[:39], (start, count)])
    refused(ENOMEM, frames.alloc, count + 1)
    assert frames.alloc(count) == GIB + start * PAGE


def test_a_run_over_two_blocks_grows_and_shrinks_at_both_ends():
    edge = 40 * BLOCK
    frames = with_free([(edge - 2, 4)])
    for step in range(3, 30):
        frames.free(GIB + (edge - step) * PAGE)
        frames.free(GIB + (edge + step - 1) * PAGE)
        assert frames.check() == 0
        refused(ENOMEM, frames.alloc, 2 * step + 1)
        frames.free(frames.alloc(2 * step), 2 * step)
    frames.alloc(1, at=GIB + (edge + 3) * PAGE)
    assert frames.check() == 0
    assert frames.alloc(32) == GIB + (edge - 29) * PAGE


def test_single_frames_may_use_up_the_longest_run():
    frames = with_free([(5 * BLOCK + 10, 60), (50 * BLOCK + 3, 45)])
    for _ in range(10):
        frames.alloc_any()
    assert frames.check() == 0
    refused(ENOMEM, frames.alloc, 51)
    frames.alloc_any()
    refused(ENOMEM, frames.alloc, 50)
    assert frames.alloc(49) == GIB + (5 * BLOCK + 21) * PAGE


def test_a_limit_within_a_run_that_goes_on_above_it():
    frames = with_free([(5 * BLOCK + 500, 40), (60 * BLOCK, 80)])
    limit = GIB + (6 * BLOCK + 20) * PAGE
    refused(ENOMEM, frames.alloc, 33, below=limit)
    assert frames.alloc(32, below=limit) == GIB + (5 * BLOCK + 500) * PAGE


@pytest.mark.parametrize("align", [1, 4])
def test_a_limit_within_a_whole_block_that_a_run_goes_on_into(align):
    edge = 40 * BLOCK
    frames = with_free([(edge - 300, 300 + BLOCK)])
    limit = GIB + (edge + 100) * PAGE
    refused(ENOMEM, frames.alloc, 404, align=align, below=limit)
    assert frames.alloc(350, align=align, below=limit) == GIB + (edge - 300) * PAGE
    assert frames.check() == 0


def test_a_block_that_is_taken_as_a_whole_leaves_the_notes_of_the_one_before():
    edge = 40 * BLOCK
    frames = with_free([(edge - 300, 300 + BLOCK)])
    for _ in range(2):
        assert frames.alloc(BLOCK, align=BLOCK) == GIB + edge * PAGE
        assert frames.check() == 0
        refused(ENOMEM, frames.alloc, 301)
        frames.free(GIB + edge * PAGE, BLOCK)
        assert frames.check() == 0
    frames.alloc(1, at=GIB + (edge + 100) * PAGE)
    assert frames.check() == 0
    assert frames.alloc(400) == GIB + (edge - 300) * PAGE


def test_a_limit_below_all_whole_blocks_where_nothing_is_noted():
    frames = Frames(BANKS)
    for block in range(10):
        frames.alloc(100, at=GIB + (block * BLOCK + 300) * PAGE)
        frames.alloc(100, at=GIB + (block * BLOCK + 100) * PAGE)
    assert frames.check() == 0
    limit = GIB + 10 * BLOCK * PAGE
    assert frames.alloc(212, below=limit) == GIB + 400 * PAGE
    refused(ENOMEM, frames.alloc, 213, below=limit)


def test_scattered_use_of_all_sizes_keeps_the_notes_exact():
    rng = random.Random(5)
    frames = with_free(one_in_each_block(100, 150))
    live: list[tuple[int, int]] = []
    for step in range(1500):
        if live and rng.random() < 0.45:
            pa, count = live.pop(rng.randrange(len(live)))
            frames.free(pa, count)
        else:
            count = rng.choice([1, 1, 2, 3, 4, 7, 16, 40, 130])
            align = rng.choice([1, 1 << (count.bit_length() - 1)])
            try:
                live.append((frames.alloc(count, align=align), count))
            except Refused:
                assert frames.largest_run() < 2 * count
        if step % 10 == 0:
            assert frames.check() == 0
    assert frames.check() == 0
