# SPDX-License-Identifier: MIT
"""The frame allocator: every error, every edge that a rule names, one sentence a test."""

import ctypes
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
    NONE,
    PAGE,
    Frames,
    Refused,
    metadata_size,
    ranges,
)

MIB = 1 << 20
GIB = 1 << 30
PI4_8GIB = [(0, 0x3B400000), (0x40000000, 0xFC000000), (0x100000000, 0x200000000)]
VIRT_128MIB = [(GIB, GIB + 128 * MIB)]


def refused(code: int, call, *args, **kwargs) -> Refused:
    """Calls, expects a refusal with `code`, and returns it."""
    with pytest.raises(Refused) as caught:
        call(*args, **kwargs)
    assert caught.value.code == code, caught.value
    return caught.value


@pytest.fixture
def virt() -> Frames:
    return Frames(VIRT_128MIB)


def fill(frames: Frames) -> int:
    """Takes all that is left, in the largest runs; returns how many frames that was."""
    taken = 0
    while count := frames.alloc_some(NONE)[1]:
        taken += count
    return taken


# ---- setting up ----


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
def test_metadata_is_at_most_1_1_bits_a_frame_beside_the_managed_map(banks):
    frames = sum(end - start for start, end in banks) // PAGE
    blocks = -(-frames // BLOCK) + len(banks)
    managed_map = 64 * blocks
    assert (metadata_size(banks) - managed_map) * 8 <= 1.1 * frames
    assert metadata_size(banks) * 8 <= 2.1 * frames


# ---- single frames and placement ----


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


def test_pieces_are_found_in_any_group_of_blocks_and_past_blocks_that_lost_theirs():
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


def test_broken_blocks_are_used_before_whole_ones(virt):
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


# ---- counts and alignments ----


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


def test_an_unaligned_run_is_found_when_no_aligned_piece_is_left(virt):
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


def test_a_refused_2_mib_request_forgets_what_broken_blocks_had(virt):
    """One frame pinned in each block: the refusal is exact, and so is the one block freed."""
    pins = [virt.alloc(1, at=GIB + block * 2 * MIB + 7 * PAGE) for block in range(64)]
    refused(ENOMEM, virt.alloc, BLOCK, align=BLOCK)
    virt.free(pins[40])
    assert virt.alloc(BLOCK, align=BLOCK) == GIB + 80 * MIB
    assert virt.check() == 0


# ---- at an address, below a limit ----


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
    refused(EBUSY, virt.alloc, 10, at=GIB)
    refused(EBUSY, virt.alloc, 1, at=GIB + 5 * PAGE)
    refused(EBUSY, virt.alloc, 10, at=GIB + 11 * PAGE)
    assert virt.snapshot() == before


def test_at_an_address_that_is_no_memory_is_refused(virt):
    refused(EFAULT, virt.alloc, 1, at=0)
    refused(EFAULT, virt.alloc, 2, at=GIB + 128 * MIB - PAGE)
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


# ---- freeing ----


def test_freeing_a_frame_twice_is_refused(virt):
    pa = virt.alloc_any()
    virt.free(pa)
    why = refused(EALREADY, virt.free, pa)
    assert (why.kind, why.pa) == ("already free", pa)


def test_freeing_more_than_was_allocated_is_refused_whole(virt):
    pa = virt.alloc(3)
    before = virt.snapshot()
    why = refused(EINVAL, virt.free, pa, 4)
    assert (why.kind, why.pa) == ("wrong count", pa + 3 * PAGE)
    assert virt.snapshot() == before


def test_freeing_no_frames_is_refused(virt):
    assert refused(EINVAL, virt.free, virt.alloc_any(), 0).kind == "wrong count"


@pytest.mark.parametrize("count", [1, 2, 3, 512, 1 << 52, (1 << 64) - 1])
def test_freeing_what_was_never_managed_is_refused(virt, count):
    why = refused(EFAULT, virt.free, 0x1000, count)
    assert (why.kind, why.pa) == ("never managed", 0x1000)


def test_freeing_past_the_end_of_memory_names_the_first_frame_outside(virt):
    virt.alloc(32768)
    for count in (32769, 1 << 40, (1 << 64) - 1):
        why = refused(EFAULT, virt.free, GIB, count)
        assert (why.kind, why.pa) == ("never managed", GIB + 128 * MIB)
    virt.free(GIB, 32768)


def test_freeing_a_misaligned_address_is_refused(virt):
    pa = virt.alloc_any()
    why = refused(EINVAL, virt.free, pa + 8)
    assert (why.kind, why.pa) == ("misaligned", pa + 8)


def test_freeing_a_reserved_frame_names_its_region(virt):
    virt.reserve(GIB + 4 * PAGE, 100, "armstub")
    virt.reserve(0, PAGE, "outside")
    virt.alloc(4, at=GIB)
    why = refused(EBUSY, virt.free, GIB + 4 * PAGE)
    assert (why.kind, why.pa, why.name) == ("reserved", GIB + 4 * PAGE, "armstub")
    why = refused(EBUSY, virt.free, GIB, 8)
    assert (why.kind, why.pa, why.name) == ("reserved", GIB + 4 * PAGE, "armstub")
    assert refused(EBUSY, virt.free, 0).name == "outside"


def test_why_may_be_left_out(virt):
    lib, context = virt.lib, virt.context.address
    assert lib.frames_free(context, 5, 1, None) == EINVAL
    assert lib.frames_reserve(context, GIB, PAGE, b"a", None) == 0
    assert lib.frames_reserve(context, GIB, PAGE, b"b", None) == EBUSY


def test_neighbours_may_be_freed_together(virt):
    a, b = virt.alloc(5), virt.alloc(1, at=GIB + 13 * PAGE)
    virt.alloc(8, at=GIB + 5 * PAGE)
    virt.free(a, 14)
    assert b == GIB + 13 * PAGE
    assert virt.stats().used == 0
    assert virt.check() == 0


# ---- reserving ----


def test_a_reservation_covers_every_frame_it_touches(virt):
    virt.reserve(GIB + 4095, 2, "two")
    assert virt.state(GIB) == ("reserved", "two")
    assert virt.state(GIB + 2 * PAGE - 1) == ("reserved", "two")
    assert virt.state(GIB + 2 * PAGE) == ("free", None)
    stats = virt.stats()
    assert (stats.total, stats.free, stats.reserved) == (32768, 32766, 2)
    assert virt.check() == 0


def test_parts_of_a_reservation_outside_the_banks_are_recorded_but_not_counted():
    frames = Frames([(0, 4 * MIB), (32 * MIB, 36 * MIB)])
    frames.reserve(3 * MIB, 30 * MIB, "carve-out")
    assert frames.stats().reserved == 512
    assert frames.state(10 * MIB) == ("reserved", "carve-out")
    assert frames.runs() == [
        (0, 3 * MIB, "free", None),
        (3 * MIB, 4 * MIB, "reserved", "carve-out"),
        (32 * MIB, 33 * MIB, "reserved", "carve-out"),
        (33 * MIB, 36 * MIB, "free", None),
    ]
    assert frames.check() == 0


def test_reserving_what_is_in_use_is_refused_and_names_the_frame(virt):
    virt.alloc(1, at=GIB + 9 * PAGE)
    before = virt.snapshot()
    for rest in (False, True):
        why = refused(EBUSY, virt.reserve, GIB, 10 * PAGE, "new", rest)
        assert (why.kind, why.pa, why.name) == ("in use", GIB + 9 * PAGE, None)
    assert virt.snapshot() == before


def test_reserving_over_a_region_is_refused_and_names_it(virt):
    virt.reserve(GIB + 8 * PAGE, PAGE, "dtb")
    why = refused(EBUSY, virt.reserve, GIB, 16 * PAGE, "new")
    assert (why.kind, why.pa, why.name) == ("reserved", GIB + 8 * PAGE, "dtb")
    why = refused(EBUSY, virt.reserve, GIB + 8 * PAGE + 5, 1, "new")
    assert (why.kind, why.pa, why.name) == ("reserved", GIB + 8 * PAGE, "dtb")


def test_reserving_the_rest_leaves_other_regions_their_names(virt):
    virt.reserve(GIB + 8 * PAGE, 2 * PAGE, "dtb")
    virt.reserve(GIB, 16 * PAGE, "stub", rest=True)
    virt.reserve(GIB, 12 * PAGE, "again", rest=True)
    assert virt.runs()[:3] == [
        (GIB, GIB + 8 * PAGE, "reserved", "stub"),
        (GIB + 8 * PAGE, GIB + 10 * PAGE, "reserved", "dtb"),
        (GIB + 10 * PAGE, GIB + 16 * PAGE, "reserved", "stub"),
    ]
    assert virt.stats().reserved == 16
    assert virt.check() == 0


@pytest.mark.parametrize("rest", [False, True])
def test_reservations_that_make_no_sense_are_refused(virt, rest):
    refused(EINVAL, virt.reserve, GIB, 0, "empty", rest)
    refused(ERANGE, virt.reserve, 1 << 48, 1, "far", rest)
    refused(ERANGE, virt.reserve, GIB, (1 << 64) - 1, "long", rest)
    function = virt.lib.frames_reserve_rest if rest else virt.lib.frames_reserve
    assert function(virt.context.address, GIB, PAGE, None, None) == EINVAL
    assert virt.stats().reserved == 0


def test_touching_regions_of_one_name_take_one_place(virt):
    for page in (1, 5, 3, 0, 4, 2):
        virt.reserve(GIB + page * PAGE, PAGE, "stub")
        assert virt.check() == 0
    virt.reserve(GIB + 6 * PAGE, PAGE, "other")
    assert virt.runs()[:2] == [
        (GIB, GIB + 6 * PAGE, "reserved", "stub"),
        (GIB + 6 * PAGE, GIB + 7 * PAGE, "reserved", "other"),
    ]


def test_a_full_region_table_refuses_and_changes_nothing(virt):
    for i in range(32):
        virt.reserve(GIB + 2 * i * PAGE, PAGE, f"r{i}")
    before = virt.snapshot()
    refused(ENOMEM, virt.reserve, GIB + 100 * PAGE, PAGE, "one more")
    refused(ENOMEM, virt.reserve, GIB, 100 * PAGE, "one more", True)
    assert virt.snapshot() == before
    virt.reserve(GIB + 63 * PAGE, PAGE, "r31")
    assert virt.stats().reserved == 33
    assert virt.check() == 0


def test_a_region_separates_runs_and_is_never_handed_out(virt):
    virt.reserve(GIB + MIB, 64 * MIB, "vc")
    assert fill(virt) == 32768 - 64 * 256
    assert all(virt.state(GIB + MIB + i * PAGE)[0] == "reserved" for i in range(64 * 256))
    assert virt.check() == 0


# ---- the largest runs ----


def test_some_frames_are_the_largest_run_there_is():
    frames = Frames(PI4_8GIB)
    assert frames.alloc_some(NONE) == (0x100000000, 1 << 20)
    assert frames.alloc_some(NONE) == (0x40000000, 0xBC000)
    assert frames.alloc_some(NONE) == (0, 0x3B400)
    assert frames.alloc_some(NONE) == (NONE, 0)
    assert frames.alloc_some(0) == (NONE, 0)


def test_some_frames_start_at_2_mib_where_they_can(virt):
    virt.alloc(1)
    assert virt.alloc_some(BLOCK) == (GIB + 2 * MIB, BLOCK)
    virt.free(GIB + 2 * MIB, BLOCK)
    assert virt.alloc_some(NONE) == (GIB + PAGE, 32767)


def test_some_frames_of_broken_memory_are_what_is_left(virt):
    virt.alloc(32768)
    for start, length in ((10, 3), (509, 5), (700, 4)):
        virt.free(GIB + start * PAGE, length)
    assert virt.alloc_some(100) == (GIB + 509 * PAGE, 5)
    assert virt.alloc_some(4) == (GIB + 700 * PAGE, 4)
    assert virt.alloc_some(2) == (GIB + 10 * PAGE, 2)
    assert virt.alloc_some(2) == (GIB + 12 * PAGE, 1)
    assert virt.alloc_some(2) == (NONE, 0)


def test_the_search_for_the_largest_run_stops_at_enough(virt):
    assert virt.largest_run(1000) == 1000
    assert virt.largest_run(0) == 0


# ---- figures ----


def test_free_pieces_are_counted_by_their_largest_aligned_powers_of_two():
    frames = Frames([(GIB, GIB + 16 * MIB)])
    frames.alloc(4096)
    frames.free(GIB + 3 * PAGE, 6)  # 3, 4-7, 8
    frames.free(GIB + 64 * PAGE, 64 + 128 + 256)  # 64, 128, 256: three orders
    frames.free(GIB + 2 * MIB, BLOCK)  # its pair is in use
    frames.free(GIB + 4 * MIB, 2 * BLOCK)
    frames.free(GIB + 10 * MIB, 2 * BLOCK)  # two halves of different pairs
    assert list(frames.stats().free_by_order) == [2, 0, 1, 0, 0, 0, 1, 1, 1, 3, 1]
    assert frames.check() == 0


def test_the_state_of_an_address_is_that_of_its_frame(virt):
    virt.alloc(1, at=GIB + PAGE)
    assert virt.state(GIB + PAGE - 1) == ("free", None)
    assert virt.state(GIB + PAGE) == ("used", None)
    assert virt.state(GIB + 2 * PAGE - 1) == ("used", None)
    assert virt.state(NONE) == ("unmanaged", None)
    assert virt.lib.frames_state(virt.context.address, GIB, None) == 0


def test_runs_start_at_the_address_asked_for(virt):
    virt.alloc(4, at=GIB)
    assert virt.runs(GIB + PAGE + 5)[0] == (GIB + PAGE, GIB + 4 * PAGE, "used", None)
    assert virt.runs(GIB + 128 * MIB) == []


@pytest.mark.parametrize("order", range(1, 9))
@pytest.mark.parametrize("step", [1, -1, 5])
def test_a_piece_given_back_frame_by_frame_is_found(order, step):
    """Whichever frame comes last; in memory that has no other."""
    count = 1 << order
    frames = Frames([(GIB, GIB + 2 * MIB)])
    fill(frames)
    places = [i * step % count for i in range(count)]
    assert sorted(places) == list(range(count))
    for place in places:
        refused(ENOMEM, frames.alloc, count, align=count)
        frames.free(GIB + (256 + place) * PAGE)
        assert frames.check() == 0
    assert frames.alloc(count, align=count) == GIB + 256 * PAGE


# ---- large and holey ----


def test_8_gib_across_the_holes_of_a_pi_4():
    frames = Frames(PI4_8GIB)
    frames.reserve(0, 0x80000, "armstub")
    total = (0x3B400000 + 0xBC000000 + 0x100000000) // PAGE
    assert frames.stats().total == total
    assert frames.alloc_any() == 0x40000000
    assert frames.alloc(1 << 18, align=1 << 18) == 0x80000000
    assert frames.alloc(0x100000, align=0x100000) == 0x100000000
    assert frames.alloc(1, below=GIB) == 0x80000
    assert frames.check() == 0
    used = frames.stats().used
    assert fill(frames) == total - 0x80 - used
    refused(ENOMEM, frames.alloc_any)
    assert frames.stats().free == 0
    frames.free(0x80000, (0x3B400000 - 0x80000) // PAGE)
    frames.free(0x40000000, 0xBC000)
    frames.free(0x100000000, 1 << 20)
    stats = frames.stats()
    assert (stats.used, stats.largest_run, stats.free) == (0, 1 << 20, total - 0x80)
    assert frames.check() == 0


def test_8_gib_in_one_bank_is_one_run_before_and_after_scattered_use():
    frames = Frames([(GIB, 9 * GIB)])
    rng = random.Random(2)
    places = rng.sample(range(8 * GIB // PAGE), 3000)
    for place in places:
        frames.alloc(1, at=GIB + place * PAGE)
    assert frames.check() == 0
    for place in places:
        frames.free(GIB + place * PAGE)
    assert frames.check() == 0
    assert frames.alloc(8 * GIB // PAGE) == GIB


def test_the_largest_memory_there_can_be_is_managed():
    frames = Frames([(0, 16 * GIB)])
    assert frames.alloc(4 * GIB // PAGE, align=4 * GIB // PAGE) == 4 * GIB
    frames.alloc(12 * GIB // PAGE - 5 * GIB // PAGE)
    assert frames.check() == 0
    assert fill(frames) == 5 * GIB // PAGE


# ---- check ----


def damage(frames: Frames, offset: int, bit: int) -> None:
    byte = frames.metadata.data()[offset]
    frames.metadata.write(offset, bytes([byte ^ 1 << bit]))


def test_check_notices_every_flipped_bit_of_a_small_allocator():
    """But for the orders that a broken block is in: these may be too many, never too few."""
    frames = Frames([(GIB, GIB + 3 * MIB)])
    frames.reserve(GIB + MIB, 16 * PAGE, "stub")
    frames.alloc(300)
    frames.alloc(7)
    assert frames.check() == 0
    unnoticed = 0
    for offset in range(frames.metadata.size):
        for bit in range(8):
            damage(frames, offset, bit)
            unnoticed += frames.check() == 0
            damage(frames, offset, bit)
    assert unnoticed == 0
    assert frames.check() == 0


def test_check_notices_a_damaged_context():
    frames = Frames([(GIB, GIB + 3 * MIB)])
    frames.alloc(300)
    # low, cursor, cursor_pa, total, managed, used and peak_used follow 13 pointers (ten of them
    # to indexes), n_blocks, n_groups and dma_blocks.
    first = 13 * ctypes.sizeof(ctypes.c_void_p) + 3 * ctypes.sizeof(ctypes.c_size_t)
    for field in range(7):
        offset = first + field * 8
        original = frames.context.data()[offset : offset + 8]
        wrong = int.from_bytes(original, "little") ^ 0x4000
        frames.context.write(offset, wrong.to_bytes(8, "little"))
        assert frames.check() != 0, f"field {field}"
        frames.context.write(offset, original)
    assert frames.check() == 0
