# SPDX-License-Identifier: MIT
"""Address spaces: the rules of the kernel half, W^X, ownership, and the switch of TTBR1."""

import pytest
from fake_seam import (
    DEVICE,
    EBUSY,
    EEXIST,
    EFAULT,
    EINVAL,
    ENOMEM,
    EPERM,
    ERANGE,
    G1,
    M2,
    NONCACHED,
    NONE,
    PAGE,
    UPPER,
    Op,
    R,
    Recorder,
    U,
    W,
    X,
)
from spaces import (
    BLOCKS,
    BOOT,
    DATA,
    FORCE,
    LOCKED,
    MMIO,
    OPEN,
    PAGES,
    QUARANTINE,
    RAM,
    TEXT,
    Spaces,
    Why,
    owner_record,
)

FRAME = 0x5000_0000  # RAM that no test allocates
WINDOW = UPPER + 0x100_0000_0000


@pytest.fixture
def spaces():
    spaces = Spaces()
    yield spaces
    assert spaces.check() == 0


@pytest.fixture
def space(spaces):
    return spaces.open("first")


@pytest.fixture
def kernel(spaces):
    """A kernel half as boot makes it, with one open and one private window."""
    kernel = spaces.open("kernel", upper=True)
    assert kernel.map(UPPER + TEXT[0], TEXT[0], TEXT[1] - TEXT[0], R | X, BOOT, "text") == 0
    linear = UPPER + 0x5000_0000
    assert kernel.map(linear, 0x5000_0000, 0x3000_0000, R | W, BOOT, "linear map") == 0
    assert spaces.window(WINDOW, WINDOW + G1, OPEN, "free") > 0
    assert spaces.window(WINDOW + G1, WINDOW + 2 * G1, 0, "gc") > 0
    return kernel


# --- arguments ---


@pytest.mark.parametrize(
    ("va", "pa", "size", "attrs", "result", "why"),
    [
        (1, FRAME, PAGE, R, EINVAL, Why.MISALIGNED),
        (0, FRAME + 8, PAGE, R, EINVAL, Why.MISALIGNED),
        (0, FRAME, 100, R, EINVAL, Why.MISALIGNED),
        (0, FRAME, 0, R, EINVAL, Why.BAD_SIZE),
        (UPPER, FRAME, NONE - PAGE + 1, R, EINVAL, Why.BAD_SIZE),
        (UPPER, FRAME, PAGE, R, ERANGE, Why.OUT_OF_HALF),
        ((1 << 48) - PAGE, FRAME, 2 * PAGE, R, ERANGE, Why.OUT_OF_HALF),
        (0, FRAME, PAGE, R | W | X, EINVAL, Why.BAD_ATTRS),
        (0, FRAME, PAGE, W, EINVAL, Why.BAD_ATTRS),
        (0, 1 << 40, PAGE, R | DEVICE, ERANGE, Why.OUT_OF_PA),
        (0, MMIO, PAGE, R, ERANGE, Why.NOT_RAM),
        (0, RAM[1] - PAGE, 2 * PAGE, R, ERANGE, Why.NOT_RAM),
        (0, FRAME, PAGE, R | W | DEVICE, EPERM, Why.NOT_MMIO),
        (0, RAM[0] - PAGE, 2 * PAGE, R | DEVICE, EPERM, Why.NOT_MMIO),
        (0, FRAME, PAGE, R | W | NONCACHED, EPERM, Why.NOT_DMA),
    ],
)
def test_what_can_never_be_is_refused_by_its_reason(
    spaces, space, va, pa, size, attrs, result, why
):
    before = spaces.frames.in_use
    assert space.map(va, pa, size, attrs) == result
    assert spaces.why == why
    assert spaces.frames.in_use == before and space.layout() == []


def test_the_page_at_fault_is_named(spaces, space):
    space.map(0x5000, FRAME, PAGE, name="mine")
    assert space.map(0x4000, FRAME, 4 * PAGE) == EEXIST
    assert (spaces.why, spaces.error.va, spaces.error.name) == (Why.MAPPED, 0x5000, b"mine")
    assert space.map(0, RAM[1] - PAGE, 2 * PAGE) == ERANGE
    assert (spaces.error.va, spaces.error.pa) == (PAGE, RAM[1])
    assert space.unmap(0x5000, 2 * PAGE) == EFAULT
    assert (spaces.why, spaces.error.va) == (Why.UNMAPPED, 0x6000)


def test_ram_in_several_banks_is_one_for_a_mapping_that_crosses(spaces, space):
    assert spaces.library.spaces_add_ram(spaces.s, RAM[1], RAM[1] + G1) == 0
    assert space.map(0, RAM[1] - M2, 2 * M2) == 0


# --- regions ---


def test_neighbours_that_continue_each_other_are_one_region(spaces, space):
    for i in (2, 0, 3, 1):
        assert space.map(i * PAGE, FRAME + i * PAGE) == 0
    assert space.layout() == [(0, 4 * PAGE, FRAME, R | W)]
    assert space.map(4 * PAGE, FRAME + 5 * PAGE) == 0
    assert space.map(5 * PAGE, FRAME + 6 * PAGE, attrs=R) == 0
    assert len(space.layout()) == 3


def test_unmapping_the_middle_leaves_two_regions(spaces, space):
    space.map(0, FRAME, 8 * PAGE)
    assert space.unmap(2 * PAGE, 3 * PAGE) == 0
    assert space.layout() == [
        (0, 2 * PAGE, FRAME, R | W),
        (5 * PAGE, 3 * PAGE, FRAME + 5 * PAGE, R | W),
    ]


def test_protecting_there_and_back_is_one_region_again(spaces, space):
    space.map(0, FRAME, 8 * PAGE)
    assert space.protect(2 * PAGE, 3 * PAGE, R) == 0
    assert [size // PAGE for _, size, _, _ in space.layout()] == [2, 3, 3]
    assert space.protect(PAGE, 5 * PAGE, R | W) == 0
    assert space.layout() == [(0, 8 * PAGE, FRAME, R | W)]


def test_a_reserved_range_cannot_be_mapped(spaces, space):
    assert space.reserve(M2, M2, LOCKED, "guard") == 0
    assert space.map(2 * M2 - PAGE, FRAME, 2 * PAGE) == EPERM
    assert (spaces.why, spaces.error.name) == (Why.LOCKED, b"guard")
    assert space.unmap(M2, M2) == space.unmap(M2 + PAGE, PAGE) == EPERM
    assert space.unmap(M2 + PAGE, M2, FORCE) == EFAULT and spaces.error.va == 2 * M2
    assert space.unmap(M2, M2, FORCE) == 0
    assert space.layout() == []


def test_an_open_reservation_is_given_up_by_unmap_in_parts_or_whole(spaces, space):
    assert space.reserve(0, M2, 0, "later") == 0
    assert space.map(PAGE, FRAME) == EEXIST
    assert space.unmap(0, M2 + PAGE) == EFAULT and spaces.error.va == M2
    assert space.unmap(PAGE, PAGE) == 0
    assert space.map(PAGE, FRAME) == 0
    assert space.unmap(0, M2) == EFAULT and spaces.error.va == PAGE
    assert space.unmap(0) == space.unmap(2 * PAGE, M2 - 2 * PAGE) == 0


# --- the kernel half ---


@pytest.mark.parametrize("action", ["map", "unmap", "protect", "map beside"])
def test_what_boot_mapped_is_locked_by_its_name(spaces, kernel, action):
    va = UPPER + TEXT[0] + PAGE
    call = {
        "map": lambda: kernel.map(va, FRAME),
        "unmap": lambda: kernel.unmap(va),
        "protect": lambda: kernel.protect(va, PAGE, R),
        "map beside": lambda: kernel.map(UPPER + TEXT[0] - PAGE, FRAME, 2 * PAGE),
    }[action]
    assert call() == EPERM
    assert (spaces.why, spaces.error.name) == (Why.LOCKED, b"text")


@pytest.mark.parametrize("prot", [R | U, R | W | U, R | X | U])
def test_no_call_opens_the_kernel_half_to_el0(spaces, kernel, prot):
    before = kernel.layout()
    for flags in (0, BOOT, LOCKED):
        assert (kernel.map(WINDOW, FRAME, PAGE, prot, flags), spaces.why) == (EPERM, Why.USER)
        assert spaces.error.va == WINDOW
    assert kernel.layout() == before
    assert kernel.map(WINDOW, FRAME, PAGE, R) == 0
    for flags in (0, FORCE):
        assert (kernel.protect(WINDOW, PAGE, prot, flags), spaces.why) == (EPERM, Why.USER)
    assert kernel.translate(WINDOW) == (FRAME, R)
    assert spaces.check() == 0


def test_the_kernel_half_is_mapped_in_open_windows_only(spaces, kernel):
    assert kernel.map(WINDOW - PAGE, FRAME) == EPERM
    assert (spaces.why, spaces.error.name) == (Why.NO_WINDOW, None)
    assert kernel.map(WINDOW + G1, FRAME) == EPERM
    assert (spaces.why, spaces.error.name) == (Why.NO_WINDOW, b"gc")
    assert kernel.map(WINDOW + G1 - PAGE, FRAME, 2 * PAGE) == EPERM
    assert kernel.map(WINDOW, FRAME, M2) == 0
    assert kernel.protect(WINDOW + PAGE, PAGE, R) == 0
    assert kernel.unmap(WINDOW, M2) == 0


def test_the_owner_of_a_private_window_maps_locked_and_changes_by_force(spaces, kernel):
    assert kernel.map(WINDOW + G1, FRAME, PAGE, R | W, LOCKED, "gc area") == 0
    assert kernel.unmap(WINDOW + G1) == EPERM
    assert spaces.error.name == b"gc area"
    assert kernel.unmap(WINDOW + G1, PAGE, FORCE) == 0


def test_kernel_windows_get_pages_unless_their_owner_wants_blocks(spaces, kernel):
    kernel.map(WINDOW, FRAME, M2)
    with_pages = kernel.state.paging.tables
    kernel.unmap(WINDOW, M2)
    kernel.map(WINDOW + G1, FRAME, M2, R | W, LOCKED | BLOCKS, "gc area")
    assert kernel.state.paging.tables == with_pages - 1
    assert kernel.unmap(WINDOW + G1, PAGE, FORCE) == EPERM
    assert spaces.why == Why.SPLIT
    assert kernel.unmap(WINDOW + G1, M2, FORCE) == 0


def test_there_is_one_kernel_half_and_it_is_never_closed_or_activated(spaces, kernel):
    with pytest.raises(MemoryError):
        spaces.open("other", upper=True)
    assert spaces.why == Why.KERNEL_OPEN
    assert kernel.close() == EPERM and spaces.why == Why.KERNEL
    assert kernel.activate() == EPERM


# --- W^X and read-only ranges ---


def test_kernel_data_is_executable_in_no_space(spaces, space):
    """The mapping through which the kernel writes it is boot's, which is not judged."""
    for flags in (0, BOOT, BOOT | LOCKED):
        assert space.map(0, DATA[0] - PAGE, 3 * PAGE, R | X, flags) == EPERM
        assert (spaces.why, spaces.error.name) == (Why.NEVER_CODE, b"data")
        assert (spaces.error.va, spaces.error.pa) == (PAGE, DATA[0])
    assert space.map(0, DATA[1] - PAGE, PAGE, R | W, BOOT) == 0
    assert space.protect(0, PAGE, R | X) == EPERM
    assert space.protect(0, PAGE, R | X, FORCE) == EPERM
    assert spaces.error.name == b"data"


def test_kernel_text_is_writable_in_no_space(spaces, space):
    for flags in (0, BOOT, BOOT | LOCKED):
        assert space.map(0, TEXT[0] - PAGE, 3 * PAGE, R | W, flags) == EPERM
        assert (spaces.why, spaces.error.name) == (Why.PROTECTED, b"kernel text")
        assert (spaces.error.va, spaces.error.pa) == (PAGE, TEXT[0])
    assert space.map(0, TEXT[0], PAGE, R) == 0
    assert space.protect(0, PAGE, R | W) == EPERM
    assert space.protect(0, PAGE, R | W, FORCE) == EPERM
    assert spaces.error.name == b"kernel text"
    assert space.protect(0, PAGE, R | X) == 0


@pytest.mark.parametrize(("first", "then"), [(R | W, R | X), (R | X, R | W)])
def test_a_frame_is_not_writable_here_and_executable_there(spaces, space, first, then):
    other = spaces.open("other")
    assert space.map(0x7000, FRAME, 4 * PAGE, first, name="mine") == 0
    assert other.map(0x1000, FRAME + 2 * PAGE, 8 * PAGE, then) == EPERM
    assert spaces.why == Why.WRITE_EXECUTE
    assert (spaces.error.va, spaces.error.pa) == (0x1000, FRAME + 2 * PAGE)
    assert (spaces.error.other_va, spaces.error.other_space) == (0x9000, space.p)
    assert spaces.error.name == b"mine"
    assert other.map(0x1000, FRAME + 4 * PAGE, 8 * PAGE, then) == 0
    assert other.map(0x20000, FRAME, PAGE, R) == 0
    assert other.protect(0x20000, PAGE, then) == EPERM
    assert spaces.error.other_va == 0x7000


def test_boot_mappings_do_not_count_until_changed_by_hand(spaces, space):
    assert space.map(FRAME, FRAME, M2, R | W, BOOT, "identity") == 0
    assert space.map(0, FRAME, PAGE, R | X) == 0
    assert space.protect(FRAME, PAGE, R) == 0
    assert space.protect(FRAME, PAGE, R | W) == EPERM
    assert (spaces.why, spaces.error.other_va) == (Why.WRITE_EXECUTE, 0)


def test_both_sides_changing_in_one_call_do_not_stand_in_each_others_way(spaces, space):
    space.map(0, FRAME, PAGE, R | W)
    space.map(PAGE, FRAME, PAGE, R | W)
    assert space.protect(0, 2 * PAGE, R | X) == 0
    assert space.protect(0, PAGE, R | W) == EPERM
    assert spaces.error.other_va == PAGE


def test_the_rest_of_a_region_still_counts(spaces, space):
    space.map(0, FRAME, 4 * PAGE, R | W)
    space.map(0x10000, FRAME + 3 * PAGE, PAGE, R)
    assert space.protect(0x10000, PAGE, R | X) == EPERM
    assert space.protect(3 * PAGE, PAGE, R) == 0
    assert space.protect(0x10000, PAGE, R | X) == 0
    assert space.protect(0, PAGE, R | X) == 0


def test_a_frame_written_and_then_made_executable_is_synchronised(spaces, space):
    space.activate()
    with Recorder(spaces.library) as seen:
        space.map(0, FRAME, 2 * PAGE, R | X)
    synced = [event for event in seen.events if event.op == Op.SYNC_CODE]
    assert [(event.c, event.b) for event in synced] == [(FRAME, 2 * PAGE)]
    assert seen.events.index(synced[0]) == len(seen.events) - 1
    space.map(M2, FRAME + M2, PAGE, R | W)
    with Recorder(spaces.library) as seen:
        space.protect(M2, PAGE, R | X)
    assert seen.ops()[-1] == Op.SYNC_CODE
    assert spaces.check() == 0


def test_code_is_synchronised_where_it_is_mapped(spaces, space):
    # Cache maintenance faults where nothing is mapped; the linear map does not have all RAM.
    active = spaces.open("active")
    active.activate()
    before, tables = spaces.library.arch_read_ttbr0(), space.state.paging
    with Recorder(spaces.library) as seen:
        space.map(0, FRAME, PAGE, R | X)
    own = tables.root | tables.asid << 48
    switched = [Op.DSB_ISHST, Op.TTBR0, Op.ISB, Op.SYNC_CODE, Op.TTBR0, Op.ISB]
    assert seen.ops()[-6:] == switched
    assert [event.a for event in seen.events if event.op == Op.TTBR0] == [own, before]
    # From then on a TLB may have something of these tables.
    with Recorder(spaces.library) as seen:
        space.unmap(0, PAGE)
    assert Op.TLBI_VAE1IS in seen.ops()
    assert spaces.library.arch_read_ttbr0() == before and spaces.check() == 0


# --- ownership ---


def test_frames_that_are_mapped_cannot_be_closed(spaces, space):
    owner = spaces.owner(4)
    assert space.map(0x8000, None, 4 * PAGE, owner=owner, name="buffer") == 0
    assert spaces.close_owner(owner) == EBUSY
    assert (spaces.why, spaces.error.other_va) == (Why.HELD, 0x8000)
    assert (spaces.error.value, spaces.error.name) == (1, b"buffer")
    assert space.unmap(0x8000, 4 * PAGE) == 0
    before = spaces.frames.in_use
    assert spaces.close_owner(owner) == 0
    assert spaces.frames.in_use == before - 4 - 1  # and the slab of the record


def test_an_orphan_lives_until_its_last_page_is_unmapped(spaces, space):
    owner = spaces.owner(4)
    pa = owner_record(owner).pa
    space.map(0, None, 4 * PAGE, owner=owner)
    spaces.orphan(owner)
    assert space.unmap(PAGE, 2 * PAGE) == 0
    assert owner_record(owner).maps == 2
    assert space.unmap(0) == 0
    assert spaces.frames.is_used(pa)
    with Recorder(spaces.library) as seen:
        assert space.unmap(3 * PAGE) == 0
    assert not spaces.frames.is_used(pa)
    assert [event.b for event in seen.events if event.op == Op.FREE and event.a == pa] == [4]


def test_an_orphan_is_freed_only_after_the_tlb_has_forgotten_it(spaces, space):
    owner = spaces.owner()
    pa = owner_record(owner).pa
    space.activate()
    space.map(0, None, owner=owner)
    spaces.orphan(owner)
    with Recorder(spaces.library) as seen:
        space.unmap(0)
    ops = [(event.op, event.a) for event in seen.events]
    assert ops.index((Op.FREE, pa)) > [op for op, _ in ops].index(Op.DSB_ISH)


def test_an_orphan_without_mappings_is_freed_at_once(spaces):
    owner = spaces.owner(3)
    spaces.orphan(owner)
    assert spaces.frames.in_use == 0


def test_closing_a_space_gives_everything_back(spaces):
    before = spaces.frames.in_use
    space = spaces.open()
    orphan, kept = spaces.owner(2), spaces.owner(2)
    space.map(0, None, 2 * PAGE, owner=orphan)
    space.map(G1, None, PAGE, owner=kept)
    spaces.orphan(orphan)
    assert space.close() == 0
    assert spaces.close_owner(kept) == 0
    assert spaces.frames.in_use == before


def test_only_frames_of_the_owner_are_mapped_through_it(spaces, space):
    owner = spaces.owner(2)
    pa = owner_record(owner).pa
    for at, size in ((pa - PAGE, PAGE), (pa + PAGE, 2 * PAGE), (pa, 3 * PAGE), (FRAME, PAGE)):
        assert space.map(0, at, size, owner=owner) == EINVAL
        assert spaces.why == Why.NOT_HELD
    assert space.map(0, pa + PAGE, PAGE, owner=owner) == 0
    space.unmap(0)
    spaces.orphan(owner)


def test_neighbours_of_different_owners_stay_apart(spaces, space):
    spaces.owner()  # the slab of the records comes before the frames in question
    first, second = spaces.owner(), spaces.owner()
    assert owner_record(second).pa == owner_record(first).pa + PAGE
    space.map(0, None, owner=first)
    space.map(PAGE, None, owner=second)
    space.map(2 * PAGE, owner_record(second).pa + PAGE)
    assert len(space.layout()) == 3
    assert owner_record(first).maps == owner_record(second).maps == 1


def test_soft_reset_finds_what_still_has_an_owner(spaces, space, kernel):
    mapped, loose, orphan = spaces.owner(), spaces.owner(2), spaces.owner()
    space.map(0, None, owner=mapped)
    kernel.map(WINDOW, None, owner=orphan)
    kernel.map(WINDOW + G1, FRAME, PAGE, R | W, LOCKED, "gc area")
    spaces.orphan(orphan)
    identity = spaces.open("identity")
    identity.activate()
    assert spaces.library.spaces_close_all(spaces.s, identity.p) == 1
    assert kernel.clear(BOOT | LOCKED) == 1
    assert spaces.library.frame_owner_orphan_all(spaces.s) == 2
    assert [r.name for r in kernel.regions()] == [b"text", b"linear map", b"gc area"]
    assert not spaces.frames.is_used(0x6000_0000 + 199 * PAGE)
    assert loose


def test_clearing_a_compacted_view_needs_no_memory(spaces, space):
    space.map(M2, FRAME, M2, R | W, BOOT | PAGES)
    space.protect(M2 + 3 * PAGE, PAGE, R)
    space.protect(M2 + 3 * PAGE, PAGE, R | W)
    assert len(space.layout()) == 3 and space.compact() == 1
    space.reserve(0, PAGE, LOCKED, "null")
    spaces.frames.fail_after(0)
    assert space.clear(0) == 4
    assert space.layout() == [] and space.state.paging.tables == 1


@pytest.mark.parametrize("allowed", [0, 1, 2])
def test_a_map_that_runs_out_of_tables_leaves_nothing_behind(spaces, space, allowed):
    """Neither tables nor the record of the region."""
    assert space.map(0x1000, FRAME, PAGE) == 0
    used = spaces.frames.in_use
    spaces.frames.fail_after(allowed)
    for _ in range(200):  # more records than one slab holds
        assert space.map(1 << 40, FRAME, PAGE) == ENOMEM
    spaces.frames.fail_after(None)
    assert spaces.why == Why.NO_TABLES
    assert space.map(0x3000, FRAME, PAGE) == 0
    assert (spaces.frames.in_use, len(space.layout())) == (used, 2)


@pytest.mark.parametrize("rest", ["after", "before"])
def test_what_is_left_of_a_region_that_changes_is_judged_too(spaces, space, rest):
    """Two regions change, and the part of one that does not maps a frame of the other."""
    one, two = (0x13000, 0x11000) if rest == "before" else (0x10000, 0x11000)
    shared = FRAME if rest == "before" else FRAME + PAGE
    assert space.map(two, FRAME, 2 * PAGE, R | W) == 0
    assert space.map(one, shared, PAGE, R | W) == 0
    start = 0x12000 if rest == "before" else 0x10000
    assert space.protect(start, 2 * PAGE, R | X) == EPERM
    assert spaces.why == Why.WRITE_EXECUTE


# --- ASIDs and activation ---


def test_activation_orders_earlier_stores_and_sets_the_asid(spaces, space):
    space.map(0, FRAME)
    with Recorder(spaces.library) as seen:
        assert space.activate() == 0
    assert seen.ops() == [Op.DSB_ISHST, Op.TTBR0, Op.ISB]
    root, asid = space.state.paging.root, space.state.paging.asid
    assert seen.events[1].a == root | asid << 48 and asid != 0


def test_the_active_space_is_not_closed(spaces, space):
    space.activate()
    assert space.close() == EBUSY
    assert spaces.why == Why.ACTIVE


def test_a_space_that_was_active_leaves_the_tlb_before_its_asid_is_used_again(spaces, space):
    asid = space.state.paging.asid
    space.activate()
    spaces.open("next").activate()
    with Recorder(spaces.library) as seen:
        assert space.close() == 0
    assert [event.a for event in seen.events if event.op == Op.TLBI_ASIDE1IS] == [asid << 48]
    first_free = [event.op for event in seen.events].index(Op.FREE)
    assert [e.op for e in seen.events[:first_free]] == [
        Op.DSB_ISHST,
        Op.TLBI_ASIDE1IS,
        Op.DSB_ISH,
        Op.ISB,
    ]


def test_65535_asids_and_then_no_more():
    spaces = Spaces(70_000)
    spaces.frames.state.junk = False
    opened = [spaces.open() for _ in range(65_535)]
    asids = {space.state.paging.asid for space in opened}
    assert len(asids) == 65_535 and 0 not in asids
    before = spaces.frames.in_use
    with pytest.raises(MemoryError):
        spaces.open()
    assert spaces.why == Why.NO_ASID and spaces.frames.in_use == before
    gone = opened.pop(1234)
    asid = gone.state.paging.asid
    assert gone.close() == 0
    assert spaces.open().state.paging.asid == asid
    assert spaces.library.spaces_close_all(spaces.s, None) == 65_535
    assert spaces.frames.in_use == 0


# --- windows ---


def test_windows_give_the_lowest_gap_and_leave_guards(spaces, kernel):
    window = spaces.library.window_named(spaces.s, b"gc")
    first = spaces.place(window, 2 * PAGE, 0, M2)
    assert first == WINDOW + G1 + M2
    kernel.map(first, FRAME, 2 * PAGE, R | W, LOCKED)
    second = spaces.place(window, PAGE, M2, PAGE)
    assert second == WINDOW + G1 + 2 * M2
    kernel.map(second, FRAME, PAGE, R | W, LOCKED)
    assert spaces.place(window, PAGE) == WINDOW + G1
    kernel.unmap(first, 2 * PAGE, FORCE)
    assert spaces.place(window, 2 * PAGE, 0, M2) == second + PAGE + M2
    assert spaces.place(window, M2, 0, PAGE) == WINDOW + G1 + PAGE


def test_a_window_without_a_gap_names_itself_and_the_size(spaces, kernel):
    window = spaces.library.window_named(spaces.s, b"gc")
    for size, guard in ((G1 + PAGE, 0), (G1, PAGE), (1 << 63, 0)):
        assert spaces.place(window, size, 0, guard) == ENOMEM
        assert (spaces.why, spaces.error.name) == (Why.NO_ADDRESS, b"gc")
        assert spaces.error.value == size
    assert spaces.place(window, G1) == WINDOW + G1
    assert spaces.place(window, 0) == EINVAL


def test_an_address_in_quarantine_is_given_out_when_nothing_points_to_it(spaces, kernel):
    start = WINDOW + 2 * G1
    window = spaces.window(start, start + 4 * PAGE, QUARANTINE, "views")
    assert spaces.place(window, PAGE) == start
    kernel.map(start, FRAME, PAGE, R | W, LOCKED)
    assert spaces.library.window_reset(spaces.s, window) == EBUSY
    kernel.unmap(start, PAGE, FORCE)
    assert spaces.place(window, 2 * PAGE) == start + PAGE  # free, as it is not mapped
    for held in (start, start + PAGE - 1, start + PAGE):
        spaces.trace([start - 1, held])
        assert spaces.place(window, 4 * PAGE) == ENOMEM
    assert spaces.place(window, 3 * PAGE) == start + PAGE
    spaces.trace([start - 1, start + PAGE + 1])
    assert spaces.place(window, 4 * PAGE) == start


def test_the_quarantine_ends_with_a_reset(spaces, kernel):
    start = WINDOW + 2 * G1
    window = spaces.window(start, start + 2 * PAGE, QUARANTINE, "views")
    kernel.map(start, FRAME, PAGE, R | W, LOCKED)
    kernel.unmap(start, PAGE, FORCE)
    assert spaces.place(window, PAGE) == start + PAGE
    assert spaces.library.window_reset(spaces.s, window) == 0
    assert spaces.place(window, PAGE) == start


def test_an_address_in_quarantine_comes_again_as_late_as_it_can(spaces, kernel):
    start = WINDOW + 2 * G1
    window = spaces.window(start, start + 5 * PAGE, QUARANTINE, "views")
    found = []
    for _ in range(5):
        found.append(spaces.place(window, PAGE, 0, PAGE))
        kernel.map(found[-1], FRAME, PAGE, R | W, LOCKED)
        kernel.unmap(found[-1], PAGE, FORCE)
        spaces.trace()
    assert found == [start + i * PAGE for i in (1, 3, 1, 3, 1)]


def test_one_window_has_a_quarantine(spaces, kernel):
    start = WINDOW + 2 * G1
    assert spaces.window(start, start + PAGE, QUARANTINE, "views") > 0
    assert spaces.window(start + G1, start + G1 + PAGE, QUARANTINE, "more") == ENOMEM
    assert (spaces.why, spaces.error.value) == (Why.TABLE_FULL, 1)
    kernel.map(WINDOW, FRAME)
    kernel.unmap(WINDOW)
    kernel.reserve(start, PAGE, 0, "guard")
    kernel.unmap(start)
    assert spaces.quarantine.ranges == []  # nothing was mapped there


def test_a_gap_is_not_looked_for_outside_the_window(spaces, kernel):
    start = WINDOW + 2 * G1
    window = spaces.window(start, start + 4 * PAGE, 0, "last")
    assert kernel.reserve(start, (1 << 64) - start, LOCKED, "to the end") == 0
    assert spaces.place(window, PAGE) == ENOMEM


def test_windows_overlap_neither_each_other_nor_mappings(spaces, kernel):
    assert spaces.window(WINDOW + PAGE, WINDOW + 2 * PAGE, 0, "x") == EEXIST
    assert spaces.error.name == b"free"
    text = UPPER + TEXT[0]
    assert spaces.window(text - PAGE, text + PAGE, 0, "x") == EEXIST
    assert spaces.error.name == b"text"
    assert spaces.window(0x1000, 0x2000, 0, "x") == ERANGE
    assert spaces.window(WINDOW + 1, WINDOW + PAGE, 0, "x") == EINVAL
    assert spaces.library.window_of(spaces.s, WINDOW - 1) is None
    assert spaces.library.window_named(spaces.s, b"x") is None


# --- the switch ---

SWITCH_ORDER = [
    Op.DSB_ISHST,
    Op.MASK,
    *(Op.TTBR0, Op.ISB, Op.TLBI_VMALLE1, Op.DSB_ISH, Op.ISB),
    Op.JUMP_LOW,
    *(Op.TTBR1, Op.ISB, Op.TLBI_VMALLE1, Op.DSB_ISH, Op.ISB),
    *(Op.TTBR1, Op.ISB),
    Op.JUMP_HIGH,
    *(Op.TTBR0, Op.ISB, Op.TLBI_VMALLE1, Op.DSB_ISH, Op.ISB),
    Op.UNMASK,
]


CODE = UPPER + TEXT[0]


@pytest.fixture
def ready(spaces):
    """A kernel half and an identity space, on a machine that maps the upper half linearly now."""
    kernel, identity = spaces.open("kernel", upper=True), spaces.open("identity")
    assert kernel.map(CODE, TEXT[0], TEXT[1] - TEXT[0], R | X, BOOT, "text") == 0
    spaces.library.fake_set_at(UPPER, -UPPER & NONE)
    spaces.library.fake_set_ttbr(1, 2)
    return kernel, identity


def test_the_switch_goes_through_an_empty_ttbr1_and_gives_its_tables_back(spaces, ready):
    kernel, identity = ready
    before = spaces.frames.in_use
    with Recorder(spaces.library) as seen:
        assert spaces.switch(kernel, identity, TEXT[0], [CODE + 0x123, CODE + PAGE]) == 0
    assert seen.ops(without=(Op.ALLOC, Op.FREE, Op.WRITE)) == SWITCH_ORDER
    temporary, final = (e.a for e in seen.events if e.op == Op.TTBR0)
    empty, new = (e.a for e in seen.events if e.op == Op.TTBR1)
    state = identity.state.paging
    assert final == state.root | state.asid << 48 == spaces.library.arch_read_ttbr0()
    assert new == kernel.state.paging.root == spaces.library.arch_read_ttbr1()
    assert temporary >> 48 not in (0, state.asid), "an ASID of its own"
    assert len({root & ~(0xFFFF << 48) for root in (temporary, empty, new, final)}) == 4
    assert kernel.state.paging.live and state.live
    assert spaces.frames.in_use == before
    freed = [i for i, event in enumerate(seen.events) if event.op == Op.FREE]
    assert min(freed) > [event.op for event in seen.events].index(Op.UNMASK)


def test_the_temporary_tables_map_the_trampoline_where_it_is(spaces, ready):
    kernel, identity = ready
    spaces.frames.state.junk = False  # the tables can be read after they were given back
    trampoline = TEXT[0] + 5 * PAGE
    with Recorder(spaces.library) as seen:
        spaces.switch(kernel, identity, trampoline, [])
    temporary, empty = (
        next(e.a for e in seen.events if e.op == op) for op in (Op.TTBR0, Op.TTBR1)
    )
    (link,) = [event for event in seen.events if event.op == Op.WRITE]
    assert spaces.frames.pa_of_slot(link.a) == temporary & (1 << 48) - 1

    def table(pa):
        # The first word was used for the list of freed tables.
        offset = pa - spaces.frames.base
        words = memoryview(spaces.frames.memory.data(offset, PAGE)).cast("Q")
        return {i: word for i, word in enumerate(words) if word and i}

    assert not table(empty)
    descriptor = link.b
    for index in (trampoline >> 30, trampoline >> 21 & 511, trampoline >> 12 & 511):
        assert descriptor & 3 == 3
        entries = table(descriptor & (1 << 48) - PAGE)
        assert list(entries) == [index]
        descriptor = entries[index]
    assert descriptor & (1 << 48) - PAGE == trampoline
    assert descriptor & 1 << 53 == 0, "executable at EL1"
    assert descriptor & 1 << 7, "read-only"


@pytest.mark.parametrize("lost", ["unmapped now", "unmapped then", "elsewhere"])
def test_the_switch_refuses_to_lose_what_must_be_kept(spaces, ready, lost):
    kernel, identity = ready
    if lost == "unmapped now":
        spaces.library.fake_set_at(CODE + PAGE, -UPPER & NONE)
    elif lost == "elsewhere":
        spaces.library.fake_set_at(UPPER, PAGE - UPPER & NONE)
    address = TEXT[1] + UPPER if lost == "unmapped then" else CODE
    before = spaces.frames.snapshot()
    with Recorder(spaces.library) as seen:
        assert spaces.switch(kernel, identity, TEXT[0], [address]) == EFAULT
    assert (spaces.why, spaces.error.va) == (Why.NOT_KEPT, address)
    assert seen.events == [] and spaces.frames.snapshot() == before


def test_the_switch_refuses_impossible_arguments(spaces, ready):
    kernel, identity = ready
    assert spaces.switch(kernel, identity, TEXT[0] + 8, []) == EINVAL
    assert spaces.switch(identity, kernel, TEXT[0], []) == EPERM
    assert spaces.library.arch_read_ttbr1() == 2


def test_a_switch_without_frames_for_its_tables_does_not_begin(spaces, ready):
    kernel, identity = ready
    for allowed in range(5):
        before = spaces.frames.in_use
        spaces.frames.fail_after(allowed)
        assert spaces.switch(kernel, identity, TEXT[0], [CODE]) == ENOMEM
        assert spaces.why == Why.NO_TABLES and spaces.frames.in_use == before
    spaces.frames.fail_after(5)
    assert spaces.switch(kernel, identity, TEXT[0], [CODE]) == 0
    spaces.frames.fail_after(None)
