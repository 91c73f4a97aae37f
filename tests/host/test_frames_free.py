# SPDX-License-Identifier: MIT
"""The frame allocator, freeing and reserving: every error, one sentence a test."""

import pytest
from frames_lib import (
    EALREADY,
    EBUSY,
    EFAULT,
    EINVAL,
    ENOMEM,
    ERANGE,
    GIB,
    MIB,
    PAGE,
    Frames,
    fill,
    refused,
)

# --- freeing ---


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


# --- reserving ---


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
