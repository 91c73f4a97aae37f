# SPDX-License-Identifier: MIT
"""The frame allocator: largest runs, figures, large memories, the check of all invariants."""

import ctypes
import random

import pytest
from frames_lib import (
    BLOCK,
    ENOMEM,
    GIB,
    MIB,
    NONE,
    PAGE,
    PI4_8GIB,
    VIRT_128MIB,
    Frames,
    fill,
    refused,
)

# --- the largest runs ---


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


def test_some_frames_of_scattered_memory_are_what_is_left(virt):
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


# --- figures ---


def test_free_chunks_are_counted_by_their_largest_aligned_powers_of_two():
    frames = Frames([(GIB, GIB + 16 * MIB)])
    frames.alloc(4096)
    frames.free(GIB + 3 * PAGE, 6)  # 3, 4-7, 8
    frames.free(GIB + 64 * PAGE, 64 + 128 + 256)  # 64, 128, 256: three orders
    frames.free(GIB + 2 * MIB, BLOCK)  # its pair is in use
    frames.free(GIB + 4 * MIB, 2 * BLOCK)
    frames.free(GIB + 10 * MIB, 2 * BLOCK)  # two halves of different pairs
    assert list(frames.stats().free_by_order) == [2, 0, 1, 0, 0, 0, 1, 1, 1, 3, 1]
    assert frames.check() == 0


def test_counters_and_banks_are_told_without_a_walk(virt):
    virt.alloc(7)
    virt.reserve(GIB + MIB, 3 * PAGE, "stub")
    assert virt.counters() == (32768, 7, 32768 - 7 - 3)
    assert virt.banks() == VIRT_128MIB
    assert Frames(PI4_8GIB[::-1]).banks() == PI4_8GIB


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
def test_a_chunk_given_back_frame_by_frame_is_found(order, step):
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


# --- large and holey ---


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


# --- check ---


def damage(frames: Frames, offset: int, bit: int) -> None:
    byte = frames.metadata.data(offset, 1)[0]
    frames.metadata.write(offset, bytes([byte ^ 1 << bit]))


def test_check_notices_every_flipped_bit_of_a_small_allocator():
    """But for the floor of a block, the highest five bits of its state: it may be too low."""
    frames = Frames([(GIB, GIB + 3 * MIB)])
    frames.reserve(GIB + MIB, 16 * PAGE, "stub")
    frames.alloc(300)
    frames.alloc(7)
    assert frames.check() == 0
    unnoticed = 0
    states = frames.metadata.size - 2 * 4
    for offset in range(frames.metadata.size):
        for bit in range(3 if offset >= states and offset % 4 == 3 else 8):
            damage(frames, offset, bit)
            unnoticed += frames.check() == 0
            damage(frames, offset, bit)
    assert unnoticed == 0
    assert frames.check() == 0


def test_check_notices_a_damaged_context():
    frames = Frames([(GIB, GIB + 3 * MIB)])
    frames.alloc(300)
    # cursor_word, cursor, cursor_pa, total, managed, used, peak_used, whole and tracked follow 15
    # pointers (ten of them to indexes), n_blocks, n_groups and dma_blocks.
    first = 15 * ctypes.sizeof(ctypes.c_void_p) + 3 * ctypes.sizeof(ctypes.c_size_t)
    for field in range(9):
        offset = first + field * 8
        original = frames.context.data(offset, 8)
        wrong = int.from_bytes(original, "little") ^ 0x4000
        frames.context.write(offset, wrong.to_bytes(8, "little"))
        assert frames.check() != 0, f"field {field}"
        frames.context.write(offset, original)
    assert frames.check() == 0
