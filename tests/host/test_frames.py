# SPDX-License-Identifier: MIT
"""The frame allocator, allocating: every error and every edge, one sentence a test."""

import random

import pytest
from frames_lib import (
    BLOCK,
    EALREADY,
    EBUSY,
    EFAULT,
    EINVAL,
    ENOMEM,
    ERANGE,
    GIB,
    MIB,
    PAGE,
    PI4_8GIB,
    VIRT_128MIB,
    Frames,
    fill,
    metadata_size,
    ranges,
    refused,
)

# --- setting up ---


def test_all_whole_frames_of_the_banks_start_free(virt):
    stats = virt.stats()
    assert (stats.total, stats.free, stats.used, stats.reserved) == (32768, 32768, 0, 0)
    assert (stats.peak_used, stats.largest_run) == (0, 32768)
    assert list(stats.free_by_order) == [0] * 10 + [32]
    assert virt.runs() == [(GIB, GIB + 128 * MIB, "free", None)]
    assert virt.check() == 0


def test_partial_frames_at_the_ends_of_a_bank_are_dropped():
    frames = Frames([(GIB + 1, GIB + 5 * PAGE + 4095)])
    assert frames.runs() == [(GIB + PAGE, GIB + 5 * PAGE, "free", None)]
    assert frames.state(GIB)[0] == "unmanaged"
    assert frames.check() == 0


def test_banks_come_in_any_order_and_are_merged_where_they_overlap_or_touch():
    frames = Frames(
        [(9 * MIB, 12 * MIB), (0, MIB), (5 * MIB, 5 * MIB), (10 * MIB, 11 * MIB), (MIB, 3 * MIB)]
    )
    assert frames.runs() == [(0, 3 * MIB, "free", None), (9 * MIB, 12 * MIB, "free", None)]
    assert frames.check() == 0


def test_a_frame_cut_in_two_by_touching_banks_is_whole():
    frames = Frames([(0, 0x1800), (0x1800, 0x3000)])
    assert frames.stats().total == 3


def test_a_hole_of_part_of_a_block_is_never_handed_out():
    frames = Frames([(0, 16 * PAGE), (20 * PAGE, 40 * PAGE)])
    refused(ENOMEM, frames.alloc, 21)
    assert frames.alloc(20) == 20 * PAGE
    assert frames.alloc(16) == 0
    assert frames.check() == 0


def test_a_run_never_spans_a_hole_between_extents():
    frames = Frames([(0, 4 * MIB), (32 * MIB, 36 * MIB)])
    assert frames.stats().largest_run == 1024
    refused(ENOMEM, frames.alloc, 1025)
    assert sorted([frames.alloc(1024), frames.alloc(1024)]) == [0, 32 * MIB]


def test_a_run_may_span_the_dma_limit():
    frames = Frames([(GIB - 4 * MIB, GIB + 4 * MIB)])
    assert frames.alloc(2048) == GIB - 4 * MIB
    assert frames.check() == 0


@pytest.mark.parametrize(
    ("banks", "code"),
    [
        ([], EINVAL),
        ([(0, 0)], EINVAL),
        ([(PAGE, 0)], EINVAL),
        ([(1, PAGE + 4095)], EINVAL),
        ([(0, (1 << 48) + PAGE)], ERANGE),
        ([(0, 17 * GIB)], ERANGE),
        ([(2 * i * MIB, 2 * i * MIB + PAGE) for i in range(17)], ENOMEM),
    ],
)
def test_banks_that_cannot_be_managed_are_refused(banks, code):
    assert metadata_size(banks) == 0
    refused(code, Frames, banks)


def test_sixteen_banks_are_managed_whatever_their_order():
    banks = [(2 * i * 16 * MIB, 2 * i * 16 * MIB + MIB) for i in range(16)]
    random.Random(5).shuffle(banks)
    frames = Frames(banks)
    assert frames.stats().total == 16 * 256
    assert [run[:2] for run in frames.runs()] == sorted(banks)
    assert fill(frames) == 16 * 256


def test_metadata_that_is_misaligned_or_short_is_refused():
    frames = Frames(VIRT_128MIB)
    size = metadata_size(VIRT_128MIB)
    banks, address = ranges(VIRT_128MIB), frames.metadata.address
    init = frames.lib.frames_init
    assert init(frames.context.address, banks, 1, address + 4, size) == EINVAL
    assert init(frames.context.address, banks, 1, address, size - 1) == ENOMEM
    assert init(frames.context.address, banks, 1, None, size) == ENOMEM
    assert init(frames.context.address, banks, 1, address, size) == 0


@pytest.mark.parametrize("banks", [[(GIB, 2 * GIB)], [(GIB, 9 * GIB)], [(0, GIB)], PI4_8GIB])
def test_metadata_is_at_most_1_35_bits_a_frame_beside_the_managed_map(banks):
    frames = sum(end - start for start, end in banks) // PAGE
    blocks = -(-frames // BLOCK) + len(banks)
    managed_map = 64 * blocks
    assert (metadata_size(banks) - managed_map) * 8 <= 1.35 * frames
    assert metadata_size(banks) * 8 <= 2.35 * frames


# --- single frames and placement ---


def test_frames_are_zone_by_zone_lowest_first():
    frames = Frames([(GIB - 2 * PAGE, GIB + 2 * PAGE)])
    assert [frames.alloc_any() for _ in range(4)] == [
        GIB,
        GIB + PAGE,
        GIB - 2 * PAGE,
        GIB - PAGE,
    ]
    refused(ENOMEM, frames.alloc_any)
    assert frames.check() == 0


def test_the_dma_zone_is_kept_while_there_is_memory_above_it():
    frames = Frames([(0, 4 * MIB), (GIB, GIB + 4 * MIB)])
    above = [frames.alloc_any() for _ in range(1024)]
    assert min(above) == GIB
    assert frames.alloc_any() == 0
    frames.free(GIB + 2 * MIB)
    assert frames.alloc_any() == GIB + 2 * MIB


def test_a_whole_block_is_taken_out_of_the_dma_zone_when_it_is_the_last():
    frames = Frames([(0, 4 * MIB), (GIB, GIB + 2 * MIB)])
    assert frames.alloc(BLOCK, align=BLOCK) == GIB
    assert [frames.alloc(BLOCK, align=BLOCK) for _ in range(2)] == [0, 2 * MIB]
    refused(ENOMEM, frames.alloc, BLOCK, align=BLOCK)
    assert frames.check() == 0


def test_chunks_are_found_in_any_group_of_blocks_and_past_blocks_that_lost_theirs():
    frames = Frames([(GIB, GIB + 400 * MIB)])  # 200 blocks: four groups
    blocks = [frames.alloc(BLOCK, align=BLOCK) for _ in range(200)]
    low, high, last = blocks[3] + 64 * PAGE, blocks[100] + 16 * PAGE, blocks[199] + 496 * PAGE
    for start, count in ((low, 8), (high, 8), (last, 16)):
        frames.free(start, count)
    assert frames.alloc(4, align=4) == low
    assert frames.alloc(8, align=8) == high
    assert frames.alloc(8, align=8) == last
    assert frames.alloc(4, align=4) == low + 4 * PAGE
    assert frames.alloc(4, align=4) == last + 8 * PAGE
    refused(ENOMEM, frames.alloc, 8, align=8)
    assert frames.alloc(2, align=2) == last + 12 * PAGE
    assert frames.check() == 0


@pytest.mark.parametrize("free", [0, 1, 63, 64, 511])
def test_a_block_of_which_one_frame_is_free_cannot_be_freed_as_a_whole(virt, free):
    block = virt.alloc(BLOCK, align=BLOCK)
    virt.free(block + free * PAGE)
    refused(EINVAL if free else EALREADY, virt.free, block, BLOCK)
    assert virt.stats().free == virt.stats().total - BLOCK + 1
    assert virt.alloc(1, at=block + free * PAGE) == block + free * PAGE
    virt.free(block, BLOCK)
    assert virt.check() == 0


def test_partly_free_blocks_are_used_before_whole_ones(virt):
    first = virt.alloc_any()
    virt.alloc(BLOCK, align=BLOCK)
    assert virt.alloc_any() == first + PAGE
    assert virt.alloc(256, align=256) == first + MIB


def test_memory_compacts_itself_under_churn():
    frames = Frames([(GIB, GIB + 32 * MIB)])
    rng = random.Random(1)
    live = [frames.alloc_any() for _ in range(16 * BLOCK)]
    rng.shuffle(live)
    while len(live) > 8 * BLOCK:
        frames.free(live.pop())
    for _ in range(20000):
        if rng.random() < 0.5 and live:
            index = rng.randrange(len(live))
            live[index], live[-1] = live[-1], live[index]
            frames.free(live.pop())
        elif len(live) < 8 * BLOCK:
            live.append(frames.alloc_any())
    for pa in live[len(live) // 16 :]:
        frames.free(pa)
    again = [frames.alloc_any() for _ in range(len(live) - len(live) // 16)]
    assert max(again) < GIB + 24 * MIB
    assert frames.check() == 0


def test_peak_use_is_remembered(virt):
    virt.free(virt.alloc(100), 100)
    virt.alloc(7)
    assert (virt.stats().peak_used, virt.stats().used) == (100, 7)


# --- counts and alignments ---


@pytest.mark.parametrize("order", range(16))
def test_every_power_of_two_comes_aligned_to_itself(order):
    frames = Frames([(GIB, GIB + 256 * MIB)])
    frames.alloc_any()
    pa = frames.alloc(1 << order, align=1 << order)
    assert pa % (PAGE << order) == 0
    frames.free(pa, 1 << order)
    assert frames.check() == 0


@pytest.mark.parametrize("count", [3, 5, 63, 65, 100, 257, 511, 513, 1000, 1025, 5000])
def test_any_count_comes_back_whole(virt, count):
    virt.alloc_any()
    pa = virt.alloc(count)
    virt.free(pa, count)
    virt.free(GIB)
    assert virt.stats().largest_run == 32768
    assert virt.check() == 0


def test_alignment_is_that_of_the_physical_address_beyond_a_block():
    frames = Frames([(GIB + 2 * MIB, GIB + 64 * MIB)])
    assert frames.alloc(1, align=4096) == GIB + 16 * MIB
    assert frames.alloc(1024, align=1024) == GIB + 4 * MIB
    assert frames.alloc(2048, align=2048) == GIB + 8 * MIB
    refused(ENOMEM, frames.alloc, 1, align=1 << 63)


def test_one_frame_may_be_aligned_more_than_its_block_allows_elsewhere(virt):
    virt.alloc(1)
    assert virt.alloc(1, align=16) == GIB + 16 * PAGE
    assert virt.alloc(3, align=2) == GIB + 2 * PAGE + 2 * PAGE
    assert virt.check() == 0


def test_an_unaligned_run_is_found_when_no_aligned_chunk_is_left(virt):
    everything = virt.alloc(32768)
    virt.free(everything + 3 * PAGE, 6)
    refused(ENOMEM, virt.alloc, 4, align=8)
    refused(ENOMEM, virt.alloc, 7)
    assert virt.alloc(6) == everything + 3 * PAGE


def test_an_unaligned_run_is_found_across_blocks(virt):
    everything = virt.alloc(32768)
    virt.free(everything + 500 * PAGE, 24)
    assert virt.stats().largest_run == 24
    assert virt.alloc(24) == everything + 500 * PAGE


def test_a_run_of_all_lengths_is_found_at_all_places_in_a_word():
    frames = Frames([(GIB, GIB + 2 * MIB)])
    frames.alloc(BLOCK)
    for length in [*range(1, 20), 31, 33, 62, 63, 64, 65, 127, 129]:
        for start in [*range(60, 68), 0, 1, 511 - length, 512 - length]:
            frames.free(GIB + start * PAGE, length)
            assert frames.largest_run() == length
            refused(ENOMEM, frames.alloc, length + 1)
            assert frames.alloc(length) == GIB + start * PAGE
    assert frames.check() == 0


def test_no_frames_is_no_request(virt):
    refused(EINVAL, virt.alloc, 0)
    refused(EINVAL, virt.alloc_any, 0)


@pytest.mark.parametrize("align", [0, 3, 6, 513])
def test_an_alignment_that_is_no_power_of_two_is_refused(virt, align):
    refused(EINVAL, virt.alloc, 1, align=align)


@pytest.mark.parametrize("count", [32769, 1 << 40, (1 << 64) - 1])
def test_more_than_there_is_is_refused(virt, count):
    before = virt.snapshot()
    refused(ENOMEM, virt.alloc, count)
    refused(ENOMEM, virt.alloc_any, count)
    assert virt.snapshot() == before


def test_a_refused_2_mib_request_forgets_what_partly_free_blocks_had(virt):
    """One frame pinned in each block: the refusal is exact, and so is the one block freed."""
    pins = [virt.alloc(1, at=GIB + block * 2 * MIB + 7 * PAGE) for block in range(64)]
    refused(ENOMEM, virt.alloc, BLOCK, align=BLOCK)
    virt.free(pins[40])
    assert virt.alloc(BLOCK, align=BLOCK) == GIB + 80 * MIB
    assert virt.check() == 0


# --- at an address, below a limit ---


def test_frames_come_at_the_address_asked_for(virt):
    assert virt.alloc(3, at=GIB + 510 * PAGE) == GIB + 510 * PAGE
    assert virt.state(GIB + 512 * PAGE)[0] == "used"
    assert virt.check() == 0


def test_at_an_address_that_is_no_frame_is_refused(virt):
    refused(EINVAL, virt.alloc, 1, at=GIB + 1)
    refused(EINVAL, virt.alloc, 1, at=GIB + PAGE, align=2)


def test_at_an_address_in_use_is_refused_and_changes_nothing(virt):
    virt.alloc(1, at=GIB + 5 * PAGE)
    virt.reserve(GIB + 20 * PAGE, PAGE, "stub")
    before = virt.snapshot()
    for at, count in ((GIB, 10), (GIB + 5 * PAGE, 1)):
        error = refused(EBUSY, virt.alloc, count, at=at)
        assert (error.kind, error.pa) == ("in use", GIB + 5 * PAGE)
    error = refused(EBUSY, virt.alloc, 10, at=GIB + 11 * PAGE)
    assert (error.kind, error.pa, error.name) == ("reserved", GIB + 20 * PAGE, "stub")
    assert virt.snapshot() == before


def test_at_an_address_that_is_no_memory_is_refused(virt):
    refused(EFAULT, virt.alloc, 1, at=0)
    error = refused(EFAULT, virt.alloc, 2, at=GIB + 128 * MIB - PAGE)
    assert (error.kind, error.pa) == ("never managed", GIB + 128 * MIB)
    refused(EFAULT, virt.alloc, 1 << 52, at=GIB)
    virt.reserve(0, PAGE, "stub")
    refused(EBUSY, virt.alloc, 1, at=0)


def test_at_and_below_must_agree(virt):
    refused(ERANGE, virt.alloc, 2, at=GIB + PAGE, below=GIB + 2 * PAGE)
    refused(ERANGE, virt.alloc, 1, at=GIB + PAGE, below=GIB)
    assert virt.alloc(2, at=GIB + PAGE, below=GIB + 3 * PAGE) == GIB + PAGE


def test_below_a_limit_means_all_of_it(virt):
    limit = GIB + 2 * MIB + 4 * PAGE
    refused(ENOMEM, virt.alloc, BLOCK + 5, below=limit)
    assert virt.alloc(BLOCK + 4, below=limit + 4095) == GIB
    refused(ENOMEM, virt.alloc, 1, below=limit)
    virt.free(GIB + 2 * MIB + 3 * PAGE)
    refused(ENOMEM, virt.alloc, 1, below=limit - 1)
    assert virt.alloc(1, below=limit) == limit - PAGE


@pytest.mark.parametrize("below", [0, 1, PAGE, GIB, GIB + 1, GIB + 4095])
def test_below_what_there_is_is_refused(virt, below):
    refused(ENOMEM, virt.alloc, 1, below=below)


def test_below_a_limit_above_the_dma_zone_still_spares_it():
    frames = Frames([(0, 4 * MIB), (GIB, GIB + 8 * MIB)])
    limit = GIB + 2 * MIB
    assert frames.alloc(BLOCK, below=limit) == GIB
    assert frames.alloc(1, below=limit) == 0
    assert frames.alloc(BLOCK, align=BLOCK, below=limit) == 2 * MIB
    refused(ENOMEM, frames.alloc, BLOCK, below=limit)


def test_below_a_limit_in_a_hole():
    frames = Frames(PI4_8GIB)
    assert frames.alloc(1, below=0x3C000000) == 0
    assert frames.alloc(0x3B3FF, below=0x40000000) == PAGE
    refused(ENOMEM, frames.alloc, 1, below=0x40000000)
