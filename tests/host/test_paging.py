# SPDX-License-Identifier: MIT
"""Translation tables: blocks, splits, refusals, all or nothing, and what hardware sees when."""

import fake_seam
import pytest
from fake_seam import (
    DEVICE,
    EEXIST,
    EINVAL,
    ENOENT,
    ENOMEM,
    EPERM,
    ERANGE,
    G1,
    M2,
    NO_SPLIT,
    NONE,
    PAGE,
    PAGES_ONLY,
    TLBI_MAX,
    UPPER,
    Op,
    R,
    Recorder,
    W,
    X,
)

FRESH = [Op.WRITE, Op.DSB_ISHST, Op.ISB]
INVALIDATED = [Op.DSB_ISHST, Op.TLBI_VAE1IS, Op.DSB_ISH, Op.ISB]
BREAK = [Op.WRITE, Op.DSB_ISHST, Op.TLBI_VAE1IS, Op.DSB_ISH, Op.WRITE, Op.DSB_ISHST, Op.ISB]


@pytest.fixture
def frames():
    return fake_seam.Frames(fake_seam.library())


@pytest.fixture
def lower(frames):
    return fake_seam.Paging(frames)


@pytest.fixture
def upper(frames):
    return fake_seam.Paging(frames, upper=True)


# --- mapping ---


def test_a_page_is_found_where_it_was_mapped_and_nowhere_else(lower):
    assert lower.map(0x1000, 0x8_0000, PAGE) == 0
    assert lower.translate(0x1ABC) == (0x8_0ABC, R | W)
    assert lower.translate(0x0FFF) == ENOENT
    assert lower.translate(0x2000) == ENOENT
    assert lower.tables == 4


@pytest.mark.parametrize(
    ("va", "pa", "size", "level"),
    [
        (G1, G1, G1, 1),
        (G1, M2, G1, 2),  # the physical address is only 2 MiB-aligned
        (M2, G1, G1 - M2, 2),
        (M2, PAGE, M2, 3),
        (PAGE, M2, M2, 3),
        (M2, M2, M2, 2),
        (M2, M2, M2 - PAGE, 3),
    ],
)
def test_blocks_are_as_large_as_both_alignments_allow(lower, va, pa, size, level):
    assert lower.map(va, pa, size) == 0
    assert lower.leaf_level(va) == level
    assert lower.runs() == [(va, size, pa, R | W)]
    assert lower.check() == 0


def test_a_range_with_ragged_ends_gets_pages_blocks_and_pages(lower):
    va = G1 - M2 - PAGE
    size = PAGE + M2 + G1 + M2 + PAGE
    assert lower.map(va, va, size) == 0
    levels = [lower.leaf_level(va + offset) for offset in (0, PAGE, M2 + PAGE, size - 1 - PAGE)]
    assert levels == [3, 2, 1, 2]
    assert lower.leaf_level(va + size - 1) == 3
    assert lower.runs() == [(va, size, va, R | W)]


def test_pages_only_means_pages(lower):
    assert lower.map(M2, M2, M2, R, PAGES_ONLY) == 0
    assert lower.leaf_level(M2) == 3
    assert lower.tables == 4


def test_the_last_page_of_the_upper_half_can_be_mapped(upper):
    top = NONE - PAGE + 1
    assert upper.map(top, 0x1000, PAGE) == 0
    assert upper.translate(NONE) == (0x1FFF, R | W)
    assert upper.runs() == [(top, PAGE, 0x1000, R | W)]
    assert upper.unmap(top, PAGE) == 0
    assert upper.tables == 1


def test_the_last_page_of_the_lower_half_can_be_mapped(lower):
    top = (1 << 48) - PAGE
    assert lower.map(top, 0x1000, PAGE) == 0
    assert lower.runs() == [(top, PAGE, 0x1000, R | W)]
    assert lower.check() == 0


def test_upper_half_mappings_are_global_and_lower_ones_are_not(upper, lower):
    upper.map(UPPER, 0, PAGE)
    lower.map(0, 0, PAGE)
    assert not upper.walk(UPPER)[-1][3] & 1 << 11
    assert lower.walk(0)[-1][3] & 1 << 11


def test_a_walk_shows_every_level_down_to_the_leaf(lower):
    lower.map(0x40_4000_5000, 0x7000, PAGE)
    walk = lower.walk(0x40_4000_5000)
    assert [(level, index) for level, _, index, _ in walk] == [(0, 0), (1, 257), (2, 0), (3, 5)]
    for (_, _, _, descriptor), (_, table, _, _) in zip(walk, walk[1:], strict=False):
        assert descriptor == table | 1 << 2 | 3, "with a count of one"
    assert len(lower.walk(0x80_0000_0000)) == 1
    assert lower.walk(UPPER) == []


def test_runs_end_where_address_or_attributes_break(lower):
    lower.map(0x1000, 0x1000, 3 * PAGE, R)
    lower.map(0x4000, 0x4000, PAGE, R | W)
    lower.map(0x5000, 0x9000, PAGE, R | W)
    lower.map(M2, M2, M2, R | W | DEVICE)
    assert lower.runs() == [
        (0x1000, 0x3000, 0x1000, R),
        (0x4000, 0x1000, 0x4000, R | W),
        (0x5000, 0x1000, 0x9000, R | W),
        (M2, M2, M2, R | W | DEVICE),
    ]
    assert lower.runs(0x2000, 0x5000) == [(0x2000, 0x2000, 0x2000, R), (0x4000, 0x1000, 0x4000, 3)]
    assert lower.runs(M2 + PAGE, 2 * M2) == [(M2 + PAGE, M2 - PAGE, M2 + PAGE, R | W | DEVICE)]
    assert lower.runs(0x6000, M2) == []


# --- refusals ---


@pytest.mark.parametrize(
    ("va", "pa", "size", "attrs", "result"),
    [
        (0x1001, 0, PAGE, R, EINVAL),
        (0x1000, 1, PAGE, R, EINVAL),
        (0x1000, 0, PAGE + 1, R, EINVAL),
        (0x1000, 0, 0, R, EINVAL),
        (0x1000, 0, PAGE, R | W | X, EINVAL),
        (0x1000, 0, PAGE, W, EINVAL),
        (0x1000, 0, PAGE, R | X | DEVICE, EINVAL),
        (1 << 48, 0, PAGE, R, ERANGE),
        ((1 << 48) - PAGE, 0, 2 * PAGE, R, ERANGE),
        (UPPER, 0, PAGE, R, ERANGE),
        (NONE - PAGE + 1, 0, 2 * PAGE, R, EINVAL),  # wraps
        (0x1000, 1 << 44, PAGE, R, ERANGE),
        (0x1000, (1 << 44) - PAGE, 2 * PAGE, R, ERANGE),
        (0x1000, 0, 1 << 47, R, ERANGE),
    ],
)
def test_impossible_mappings_are_refused_and_change_nothing(lower, va, pa, size, attrs, result):
    before = lower.frames.snapshot()
    assert lower.map(va, pa, size, attrs) == result
    assert (lower.why.va, lower.why.pa) in [(va, pa), (va, NONE)]
    assert lower.frames.snapshot() == before
    assert lower.tables == 1


def test_mapping_over_a_page_names_it_and_changes_nothing(lower):
    lower.map(0x5000, 0x9000, PAGE)
    before = lower.frames.snapshot()
    assert lower.map(0x1000, 0, 16 * PAGE) == EEXIST
    assert (lower.why.va, lower.why.pa) == (0x5000, 0x9000)
    assert lower.frames.snapshot() == before


def test_mapping_inside_a_block_names_what_is_there(lower):
    lower.map(M2, 4 * M2, M2)
    assert lower.map(M2 + 5 * PAGE, 0, PAGE) == EEXIST
    assert (lower.why.va, lower.why.pa) == (M2 + 5 * PAGE, 4 * M2 + 5 * PAGE)


@pytest.mark.parametrize("hole", [0, 3, 511, 512, 600])
def test_unmap_and_protect_name_the_first_hole_and_change_nothing(lower, hole):
    lower.map(0, 0, hole * PAGE, R | W, PAGES_ONLY) if hole else None
    lower.map((hole + 1) * PAGE, 0, PAGE)
    before = lower.frames.snapshot()
    for result in (lower.unmap(0, (hole + 2) * PAGE), lower.protect(0, (hole + 2) * PAGE, R)):
        assert result == ENOENT
        assert lower.why.va == hole * PAGE
    assert lower.frames.snapshot() == before


def test_device_memory_cannot_be_made_executable(lower):
    lower.map(0x1000, 0x1000, PAGE, R | X)
    lower.map(0x2000, 0x2000, PAGE, R | W | DEVICE)
    before = lower.frames.snapshot()
    assert lower.protect(0x1000, 2 * PAGE, R | X) == EINVAL
    assert lower.why.va == 0x2000
    assert lower.protect(0x1000, PAGE, R | W | X) == EINVAL
    assert lower.protect(0x1000, PAGE, R | DEVICE) == EINVAL
    assert lower.frames.snapshot() == before


def test_no_split_refuses_part_of_a_block_but_not_the_whole(lower):
    lower.map(M2, M2, M2)
    assert lower.unmap(M2, PAGE, NO_SPLIT) == EPERM
    assert lower.protect(M2 + PAGE, PAGE, R, NO_SPLIT) == EPERM
    assert lower.why.va == M2 + PAGE
    assert lower.protect(M2, M2, R, NO_SPLIT) == 0
    assert lower.unmap(M2, M2, NO_SPLIT) == 0


# --- changes ---


def test_unmapping_part_of_a_block_leaves_the_rest(lower):
    lower.map(0, 0, 2 * G1)
    assert lower.unmap(G1 + M2 + PAGE, PAGE) == 0
    assert lower.runs() == [
        (0, G1 + M2 + PAGE, 0, R | W),
        (G1 + M2 + 2 * PAGE, G1 - M2 - 2 * PAGE, G1 + M2 + 2 * PAGE, R | W),
    ]
    assert (
        lower.leaf_level(0) == 1 and lower.leaf_level(G1) == 2 and lower.leaf_level(G1 + M2) == 3
    )
    assert lower.check() == 0


def test_protecting_part_of_a_block_leaves_the_rest(lower):
    lower.map(G1, G1, G1)
    assert lower.protect(G1 + M2 - PAGE, 2 * PAGE, R) == 0
    assert lower.runs() == [
        (G1, M2 - PAGE, G1, R | W),
        (G1 + M2 - PAGE, 2 * PAGE, G1 + M2 - PAGE, R),
        (G1 + M2 + PAGE, G1 - M2 - PAGE, G1 + M2 + PAGE, R | W),
    ]
    assert lower.tables == 5


def test_a_block_that_has_the_protection_already_is_not_split(lower):
    lower.map(M2, M2, M2, R)
    before = lower.frames.snapshot()
    with Recorder(lower.library) as seen:
        assert lower.protect(M2, PAGE, R) == 0
    assert seen.ops() == []
    assert lower.frames.snapshot() == before


def test_tables_come_back_with_their_last_page(lower):
    lower.map(0x1000, 0, PAGE)
    lower.map(G1, 0, PAGE)
    assert lower.tables == 6
    lower.unmap(G1, PAGE)
    assert lower.tables == 4
    lower.unmap(0x1000, PAGE)
    assert lower.tables == 1 == lower.frames.in_use


@pytest.mark.parametrize("order", [1, -1])
def test_a_table_unmapped_page_by_page_comes_back(lower, order):
    lower.map(0, 0, M2, R, PAGES_ONLY)
    for i in list(range(512))[::order]:
        assert lower.tables == 4
        assert lower.unmap(i * PAGE, PAGE) == 0
        assert lower.check() == 0
    assert lower.tables == 1


def test_unmapping_much_gives_every_table_back_at_once(lower):
    lower.map(PAGE, 0, 64 * M2, R, PAGES_ONLY)
    assert lower.tables == 3 + 65
    assert lower.unmap(PAGE, 64 * M2) == 0
    assert lower.tables == 1 == lower.frames.in_use


def test_destroying_gives_every_table_back(frames):
    p = fake_seam.Paging(frames)
    p.map(0, 0, G1 + M2 + PAGE)
    p.map(1 << 40, 0, PAGE)
    p.destroy()
    assert frames.in_use == 0


def test_compacting_rejoins_what_was_split(lower):
    lower.map(0, 0, G1)
    lower.protect(M2, PAGE, R)
    assert lower.compact() == 0
    lower.protect(M2, PAGE, R | W)
    assert lower.tables == 4
    assert lower.compact() == 2
    assert lower.leaf_level(M2) == 1
    assert lower.runs() == [(0, G1, 0, R | W)]
    assert lower.frames.in_use == lower.tables == 2


def test_compacting_part_of_a_space_leaves_the_rest_alone(lower):
    lower.map(0, 0, 3 * M2, R, PAGES_ONLY)
    assert lower.compact(PAGE, 3 * M2 - PAGE) == 2
    assert [lower.leaf_level(i * M2) for i in range(3)] == [3, 2, 2]
    assert lower.compact(0, M2 - PAGE) == 0
    assert lower.compact(0, M2) == 1


@pytest.mark.parametrize("spoil", ["alignment", "attributes", "order", "hole"])
def test_what_is_not_one_block_is_not_joined(lower, spoil):
    lower.map(0, PAGE if spoil == "alignment" else M2, M2, R, PAGES_ONLY)
    if spoil == "attributes":
        lower.protect(511 * PAGE, PAGE, R | W)
    elif spoil != "alignment":
        lower.unmap(7 * PAGE, PAGE)
    if spoil == "order":
        lower.map(7 * PAGE, 0, PAGE, R)
    before = lower.frames.snapshot()
    assert lower.compact() == 0
    assert lower.frames.snapshot() == before


# --- the order that hardware sees ---


def test_a_fresh_mapping_needs_barriers_but_no_invalidation(lower):
    lower.map(0, 0, PAGE)
    with Recorder(lower.library) as seen:
        lower.map(0x1000, 0, PAGE)
    assert seen.ops() == [Op.WRITE, *FRESH], "the page, and its table's count"


def test_a_new_table_is_visible_before_it_is_linked(lower):
    with Recorder(lower.library) as seen:
        lower.map(M2, 0, 2 * M2, R, PAGES_ONLY)
    # One link of the whole new subtree, into the root, after its contents.
    assert seen.ops() == [Op.DSB_ISHST, *FRESH]
    with Recorder(lower.library) as seen:
        lower.map(4 * M2, 0, 2 * M2, R, PAGES_ONLY)
    assert seen.ops() == [*2 * [Op.DSB_ISHST, Op.WRITE], *FRESH], "the last is their count"


def test_unmapping_invalidates_before_it_returns(lower):
    lower.map(0, 0, 4 * PAGE)
    with Recorder(lower.library) as seen:
        lower.unmap(PAGE, 2 * PAGE)
    assert seen.ops() == [
        Op.WRITE,
        Op.WRITE,
        Op.WRITE,  # the count
        Op.DSB_ISHST,
        *2 * [Op.TLBI_VAE1IS],
        Op.DSB_ISH,
        Op.ISB,
    ]
    operands = [e.a for e in seen.events if e.op == Op.TLBI_VAE1IS]
    assert operands == [7 << 48 | 1, 7 << 48 | 2]


def test_an_emptied_table_is_freed_only_after_the_invalidation(lower):
    lower.map(0, 0, PAGE)
    with Recorder(lower.library) as seen:
        lower.unmap(0, PAGE)
    assert [e.op for e in seen.events] == [*4 * [Op.WRITE], *INVALIDATED, *3 * [Op.FREE]]


def test_a_permission_change_is_written_in_place_and_invalidated(lower):
    lower.map(0, 0, 4 * PAGE)
    with Recorder(lower.library) as seen:
        lower.protect(PAGE, PAGE, R)
    assert seen.ops() == [Op.WRITE, *INVALIDATED]
    assert seen.events[0].b & 1, "no break"


def test_a_permission_change_of_a_block_is_written_in_place(lower):
    lower.map(2 * M2, 2 * M2, M2)
    with Recorder(lower.library) as seen:
        assert lower.protect(2 * M2, M2, R) == 0
    assert seen.ops() == [Op.WRITE, *INVALIDATED]
    assert seen.events[0].b & 3 == 1, "a block still"
    assert next(e.a for e in seen.events if e.op == Op.TLBI_VAE1IS) == 7 << 48 | 2 * M2 >> 12


def test_a_split_breaks_before_it_makes(lower):
    lower.map(M2, M2, M2)
    with Recorder(lower.library) as seen:
        lower.protect(M2, PAGE, R)
    assert seen.ops() == [*BREAK, Op.WRITE, *INVALIDATED]
    writes = [e for e in seen.events if e.op == Op.WRITE]
    assert writes[0].b == 0 and writes[0].c & 3 == 1
    assert writes[1].b & 3 == 3 and writes[1].a == writes[0].a


def test_a_rejoin_breaks_before_it_makes_and_invalidates_all_512_pages(lower):
    lower.map(M2, M2, M2, R, PAGES_ONLY)
    with Recorder(lower.library) as seen:
        assert lower.compact() == 1
    expected = [Op.TLBI_ASIDE1IS if op == Op.TLBI_VAE1IS else op for op in BREAK]
    assert [e.op for e in seen.events] == [*expected, Op.FREE]
    assert next(e.a for e in seen.events if e.op == Op.TLBI_ASIDE1IS) == 7 << 48


@pytest.mark.parametrize("pages", [TLBI_MAX, TLBI_MAX + 1])
def test_more_than_a_batch_becomes_one_invalidation_of_the_asid(lower, pages):
    lower.map(0, 0, 512 * PAGE, R | W, PAGES_ONLY)
    for call in (
        lambda: lower.protect(PAGE, pages * PAGE, R),
        lambda: lower.unmap(PAGE, pages * PAGE),
    ):
        with Recorder(lower.library) as seen:
            assert call() == 0
        tlbi = [op for op in seen.ops() if op in (Op.TLBI_VAE1IS, Op.TLBI_ASIDE1IS)]
        assert tlbi == (pages * [Op.TLBI_VAE1IS] if pages <= TLBI_MAX else [Op.TLBI_ASIDE1IS])


def test_the_upper_half_is_invalidated_for_every_asid_with_a_masked_address(upper):
    upper.map(UPPER + PAGE, 0, 3 * PAGE)
    with Recorder(upper.library) as seen:
        upper.unmap(UPPER + PAGE, PAGE)
    assert [e.a for e in seen.events if e.op == Op.TLBI_VAAE1IS] == [0xFF0_0000_0001]
    upper.map(UPPER + M2, 0, M2, R, PAGES_ONLY)
    with Recorder(upper.library) as seen:
        upper.unmap(UPPER + M2, M2)
    assert seen.ops() == [*2 * [Op.WRITE], Op.DSB_ISHST, Op.TLBI_VMALLE1IS, Op.DSB_ISH, Op.ISB]


def test_tables_that_no_processor_walks_need_no_barriers(frames):
    p = fake_seam.Paging(frames, live=False)
    with Recorder(p.library) as seen:
        p.map(0, 0, M2)
        p.protect(PAGE, PAGE, R)
        p.compact()
        p.unmap(0, M2)
        p.destroy()
    assert set(seen.ops()) == {Op.WRITE}


def test_closing_invalidates_the_asid_before_tables_are_freed(lower):
    lower.map(0, 0, PAGE)
    with Recorder(lower.library) as seen:
        lower.destroy()
    barriers = [Op.DSB_ISHST, Op.TLBI_ASIDE1IS, Op.DSB_ISH, Op.ISB]
    assert [e.op for e in seen.events] == [*barriers, *4 * [Op.FREE]]
    assert seen.events[1].a == 7 << 48


# --- all or nothing ---

FAILING = {
    "map over two halves of a GiB": lambda p: p.map(3 * G1 - PAGE, 0, 2 * PAGE),
    "map pages": lambda p: p.map(5 * G1 + PAGE, 0, 4 * M2, R, PAGES_ONLY),
    "unmap inside a GiB block": lambda p: p.unmap(G1 + PAGE, 3 * M2),
    "unmap across two GiB blocks": lambda p: p.unmap(2 * G1 - PAGE, 2 * PAGE),
    "protect inside one 2 MiB of a GiB": lambda p: p.protect(G1 + PAGE, PAGE, R),
    "protect ragged on both sides": lambda p: p.protect(G1 + PAGE, G1 - PAGE + M2 + PAGE, R),
}


@pytest.mark.parametrize("name", FAILING)
def test_when_any_table_cannot_be_had_nothing_changes(frames, name):
    p = fake_seam.Paging(frames)
    assert p.map(G1, G1, G1) == p.map(2 * G1, 2 * G1, G1 - M2) == 0
    for allowed in range(10):
        before, tables = frames.snapshot(), p.tables
        frames.fail_after(allowed)
        with Recorder(p.library) as seen:
            result = FAILING[name](p)
        frames.fail_after(None)
        if result == 0:
            break
        assert result == ENOMEM
        assert seen.ops() == []
        assert frames.snapshot() == before and p.tables == tables
    assert 2 <= allowed < 10
    assert p.check() == 0 and frames.in_use == p.tables


def test_a_space_without_a_root_table_is_not_made(frames):
    frames.fail_after(0)
    with pytest.raises(MemoryError):
        fake_seam.Paging(frames)
    assert frames.in_use == 0


# --- damage ---


@pytest.mark.parametrize(
    ("level", "change"),
    [
        (3, lambda d: d & ~2),  # 01 does not exist at level 3
        (3, lambda d: d & ~(1 << 10)),  # access flag
        (3, lambda d: d & ~(1 << 11)),  # global in the lower half
        (3, lambda d: d & ~(1 << 7)),  # writable and executable
        (3, lambda d: d | 1 << 52),  # contiguous
        (3, lambda d: d | 1 << 45),  # beyond the address size
        (3, lambda d: d | 3 << 2),  # memory type 3
        (2, lambda d: d | 1 << 59),
        (2, lambda d: 0),  # a table lost
        (1, lambda d: d & ~2),  # a misaligned block where a table was
        (0, lambda d: 1),
    ],
)
def test_check_notices_a_damaged_descriptor(lower, level, change):
    lower.map(0x1000, 0x1000, PAGE, R | X)
    assert lower.check() == 0
    _, table, index, descriptor = lower.walk(0x1000)[level]
    lower.frames.write64(table + 8 * index, change(descriptor))
    assert lower.check() > 0


def test_check_notices_a_table_linked_twice_and_ends_in_a_loop(lower):
    lower.map(0, 0, PAGE)
    root, l1 = lower.walk(0)[0][1], lower.walk(0)[1][1]
    lower.frames.write64(root + 8, l1 | 3)
    assert lower.check() > 0
    lower.frames.write64(root + 8, root | 3)
    assert lower.check() > 0


def counts(paging, va):
    """(what the entry says, what the table has) of each table below the root on the way to va."""
    frames, found = paging.frames, []
    for _, _, _, descriptor in paging.walk(va)[:-1]:
        table = descriptor & 0xFFFF_FFFF_F000
        used = sum(frames.read64(table + 8 * i) != 0 for i in range(512))
        found.append(((descriptor & fake_seam.COUNT) >> 2, used))
    return found


def test_the_entry_of_a_table_counts_what_it_has(lower):
    lower.map(0, 0, 4 * PAGE)
    assert counts(lower, 0) == [(1, 1), (1, 1), (4, 4)]
    lower.map(M2, M2, M2)
    lower.map(7 * PAGE, 0, PAGE)
    lower.map(3 * G1, 0, PAGE)
    assert counts(lower, 0) == [(2, 2), (2, 2), (5, 5)]
    lower.unmap(PAGE, 2 * PAGE)
    assert counts(lower, 0) == [(2, 2), (2, 2), (3, 3)]
    lower.protect(M2, PAGE, R)
    assert counts(lower, M2) == [(2, 2), (2, 2), (512, 512)]
    lower.unmap(3 * G1, PAGE)
    lower.unmap(M2 + PAGE, M2 - PAGE)
    assert counts(lower, M2) == [(1, 1), (2, 2), (1, 1)]
    lower.unmap(M2, PAGE)
    assert counts(lower, 0) == [(1, 1), (1, 1), (3, 3)]
    lower.map(G1, G1, G1 + M2, R, PAGES_ONLY)
    assert counts(lower, G1) == [(3, 3), (512, 512), (512, 512)]
    lower.unmap(G1, G1 + PAGE)
    assert counts(lower, 2 * G1 + PAGE) == [(2, 2), (1, 1), (511, 511)]
    assert lower.check() == 0


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("wrong", [-1, 1])
def test_check_notices_a_wrong_count(lower, level, wrong):
    lower.map(0, 0, 2 * PAGE)
    lower.map(M2, M2, M2)
    lower.map(G1, G1, G1)
    lower.map(512 * G1, G1, G1)
    _, table, index, descriptor = lower.walk(0)[level]
    lower.frames.write64(table + 8 * index, descriptor + (wrong << 2))
    assert lower.check() == 1


def test_check_notices_an_empty_table(lower):
    lower.map(0, 0, PAGE)
    _, table, index, _ = lower.walk(0)[3]
    lower.frames.write64(table + 8 * index, 0)
    assert lower.check() == 1


@pytest.mark.parametrize("change", ["unmap", "compact"])
def test_translation_does_not_go_through_a_table_given_back(lower, change):
    """It remembers the level 2 table of the last GiB that it walked."""
    half = G1 // 2
    assert lower.translate(0) == ENOENT
    for start in (0, half):
        assert lower.map(G1 + start, 4 * G1 + start, half) == 0
    assert lower.translate(G1 + 0x1234) == (4 * G1 + 0x1234, R | W)
    if change == "compact":
        assert lower.compact() == 1
        assert lower.translate(G1 + half) == (4 * G1 + half, R | W)
    assert lower.unmap(G1, G1) == 0
    assert (lower.state.walk_cache.va, lower.state.walk_cache.linear) == (0, 0)
    assert lower.translate(G1 + 0x1234) == ENOENT
    assert lower.translate(1 << 48) == ERANGE
