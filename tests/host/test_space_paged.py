# SPDX-License-Identifier: MIT
"""Ranges whose pages come and go one by one: what they own, allow and give back."""

import ctypes

import pytest
from fake_seam import (
    DEVICE,
    EBUSY,
    EEXIST,
    EFAULT,
    EINVAL,
    ENOENT,
    ENOMEM,
    EPERM,
    PAGE,
    Op,
    R,
    Recorder,
    W,
    X,
)
from spaces import DATA, PAGED, TEXT, Request, Space, Spaces, Why, owner_record

VA = 0x40_0000_0000
FRAME = 0x5000_0000
SIZE = 16 * PAGE


class Paged:
    """A space with one such range; results are those of the functions."""

    def __init__(self, attrs: int = R | W) -> None:
        self.spaces = Spaces()
        self.space = self.spaces.open("paged")
        assert self.reserve(VA, SIZE, attrs) == 0
        self.before = self.spaces.frames.in_use

    def call(self, name: str, *args: object, space: Space | None = None) -> int:
        function = getattr(self.spaces.library, name)
        return function(self.spaces.s, (space or self.space).p, *args, self.spaces.because())

    def reserve(self, va: int, size: int, attrs: int = R | W, space: Space | None = None) -> int:
        request = Request(va, 0, size, attrs, PAGED, pager=7)
        return self.call("space_reserve", ctypes.addressof(request), space=space)

    def page_in(self, va: int, owner: int) -> int:
        return self.call("space_paged_in", va, owner)

    def page_map(self, va: int, pa: int, attrs: int = R, size: int = PAGE) -> int:
        request = Request(va, pa, size, attrs, 0, None, None)
        return self.call("space_paged_map", ctypes.addressof(request))

    def protect(self, va: int, size: int, prot: int) -> int:
        request = Request(va, 0, size, prot)
        return self.call("space_paged_protect", ctypes.addressof(request))

    def evict(self, va: int, size: int = PAGE) -> int:
        return self.call("space_paged_evict", va, size)

    def release(self, va: int, size: int) -> int:
        return self.space.unmap(va, size)

    @property
    def taken(self) -> int:
        """Frames taken since the range was made, tables not counted."""
        return self.spaces.frames.in_use - self.before - (self.space.state.paging.tables - 1)


@pytest.fixture
def paged():
    paged = Paged()
    yield paged
    assert paged.spaces.check() == 0


def test_a_page_takes_its_frame_over_and_frees_it_when_evicted(paged):
    owner = paged.spaces.owner(1)
    pa = owner_record(owner).pa
    assert paged.space.activate() == 0
    assert paged.page_in(VA + 3 * PAGE, owner) == 0
    assert paged.space.translate(VA + 3 * PAGE + 5) == (pa + 5, R | W)
    assert paged.space.translate(VA + 2 * PAGE) < 0
    with Recorder(paged.spaces.library) as seen:
        assert paged.evict(VA, SIZE) == 0
    assert not paged.spaces.frames.is_used(pa)
    assert paged.space.translate(VA + 3 * PAGE) < 0
    ops = [event.op for event in seen.events]
    done = max(i for i, op in enumerate(ops) if op == Op.DSB_ISH)
    freed = [i for i, e in enumerate(seen.events) if e.op == Op.FREE and e.a == pa]
    assert freed and freed[0] > done, "freed before the TLB had forgotten it"


def test_a_page_mapped_by_bare_address_is_left_alone_when_evicted(paged):
    pa = paged.spaces.frames.take()
    assert paged.page_map(VA, pa, R | W) == 0
    assert paged.evict(VA) == 0
    assert paged.spaces.frames.is_used(pa)


def test_a_page_replaces_the_one_before_and_frees_it(paged):
    first, second = paged.spaces.owner(1), paged.spaces.owner(1)
    old, new = owner_record(first).pa, owner_record(second).pa
    assert paged.page_in(VA, first) == paged.page_in(VA, second) == 0
    assert paged.space.translate(VA) == (new, R | W)
    assert not paged.spaces.frames.is_used(old) and paged.spaces.frames.is_used(new)


def test_several_pages_come_at_once_where_nothing_is(paged):
    owner = paged.spaces.owner(3)
    assert paged.page_map(VA + 2 * PAGE, FRAME) == 0
    assert paged.page_in(VA, owner) == EEXIST and paged.spaces.error.va == VA + 2 * PAGE
    assert paged.page_in(VA + 4 * PAGE, owner) == 0
    assert [paged.space.translate(VA + i * PAGE) for i in (3, 7)] == 2 * [ENOENT]


def test_frames_that_are_mapped_elsewhere_are_not_taken_over(paged):
    owner = paged.spaces.owner(1)
    other = paged.spaces.open()
    assert other.map(VA, None, PAGE, owner=owner) == 0
    assert paged.page_in(VA, owner) == EBUSY and paged.spaces.why == Why.HELD


def test_no_page_gets_more_than_its_range_allows():
    paged = Paged(R)
    assert paged.page_map(VA, FRAME, R | W) == EPERM
    assert paged.page_map(VA, FRAME, R | X) == EPERM
    assert paged.page_map(VA, FRAME, R) == 0
    assert paged.protect(VA, SIZE, R | W) == EPERM
    assert paged.space.translate(VA) == (FRAME, R)
    assert paged.spaces.check() == 0


def test_protection_is_changed_for_the_pages_there_are(paged):
    assert paged.page_map(VA, FRAME, R | W) == paged.page_map(VA + PAGE, FRAME, R | W) == 0
    assert paged.protect(VA + PAGE, SIZE - PAGE, R) == 0
    assert [paged.space.translate(VA + i * PAGE) for i in (0, 1)] == [
        (FRAME, R | W),
        (FRAME, R),
    ]


def test_what_can_never_be_is_refused(paged):
    kernel = paged.spaces.open("kernel", upper=True)
    assert paged.reserve(kernel.base + VA, PAGE, space=kernel) == EPERM
    assert paged.reserve(VA + SIZE - PAGE, PAGE) == EEXIST
    assert paged.reserve(2 * VA, PAGE, R | W | DEVICE) == EINVAL
    assert paged.reserve(2 * VA, PAGE, R | W | X) == EINVAL
    assert paged.page_map(VA + SIZE, FRAME) == EFAULT
    assert paged.page_map(VA + SIZE - PAGE, FRAME, R, 2 * PAGE) == EFAULT
    assert paged.spaces.error.va == VA + SIZE
    assert paged.page_map(VA, 0x10_0000_0000) < 0 and paged.spaces.why == Why.NOT_RAM


def test_a_frame_is_not_writable_here_and_executable_there(paged):
    other = paged.spaces.open()
    assert other.map(VA, FRAME, PAGE, R | X) == 0
    assert paged.page_map(VA, FRAME, R | W) == EPERM
    assert paged.spaces.why == Why.WRITE_EXECUTE
    assert paged.page_map(VA, FRAME + PAGE, R | W) == 0
    assert other.map(VA + PAGE, FRAME + PAGE, PAGE, R | X) == EPERM
    assert paged.spaces.why == Why.WRITE_EXECUTE
    assert paged.evict(VA) == 0
    assert other.map(VA + PAGE, FRAME + PAGE, PAGE, R | X) == 0


@pytest.mark.parametrize("start", [0, 5, 12])
def test_part_of_a_range_is_given_up_with_its_pages(paged, start):
    pages = []
    for i in range(16):
        owner = paged.spaces.owner(1)
        pages.append(owner_record(owner).pa)
        assert paged.page_in(VA + i * PAGE, owner) == 0
    assert paged.release(VA + start * PAGE, 4 * PAGE) == 0
    gone = range(start, start + 4)
    assert [i for i in range(16) if not paged.spaces.frames.is_used(pages[i])] == list(gone)
    assert paged.page_map(VA + start * PAGE, FRAME) == EFAULT
    assert paged.space.map(VA + start * PAGE, FRAME, 4 * PAGE, R) == 0


def test_a_range_without_frames_for_tables_stays_as_it_was(paged):
    owner = paged.spaces.owner(1)
    for allowed in range(3):
        before = paged.spaces.frames.snapshot()
        paged.spaces.frames.fail_after(allowed)
        assert paged.page_in(VA, owner) == ENOMEM
        paged.spaces.frames.fail_after(None)
        assert paged.spaces.frames.snapshot() == before
    assert paged.page_in(VA, owner) == 0
    assert paged.taken == 1


def test_closing_the_space_frees_what_its_pages_own(paged):
    owner = paged.spaces.owner(1)
    pa = owner_record(owner).pa
    assert paged.page_in(VA, owner) == 0
    assert paged.space.close() == 0
    assert not paged.spaces.frames.is_used(pa)


def test_without_a_record_no_range_is_made_or_cut(paged):
    paged.spaces.use_up_records()
    before = paged.space.layout()
    assert (paged.reserve(VA + 2 * SIZE, PAGE), paged.spaces.why) == (ENOMEM, Why.NO_TABLES)
    assert paged.release(VA + PAGE, PAGE) == ENOMEM and paged.spaces.why == Why.NO_TABLES
    assert paged.space.layout() == before
    assert paged.release(VA, SIZE) == 0


def test_code_that_comes_is_made_visible_to_fetches():
    paged = Paged(R | X)
    owner = paged.spaces.owner(1)
    pa = owner_record(owner).pa
    with Recorder(paged.spaces.library) as seen:
        assert paged.page_in(VA, owner) == 0
    assert [event.op for event in seen.events].count(Op.SYNC_CODE) == 1
    assert paged.space.translate(VA) == (pa, R | X)


@pytest.mark.parametrize("prot", [0, W, R | W | X, DEVICE | R], ids=hex)
def test_a_page_gets_no_protection_that_there_is_not(paged, prot):
    assert paged.page_map(VA, FRAME) == 0
    assert (paged.protect(VA, PAGE, prot), paged.spaces.why) == (EINVAL, Why.BAD_ATTRS)
    assert paged.space.translate(VA) == (FRAME, R)


def test_pages_outside_a_range_cannot_be_protected(paged):
    assert (paged.protect(VA + SIZE, PAGE, R), paged.spaces.why) == (EFAULT, Why.NOT_PAGED)


def test_what_is_released_must_be_reserved_and_whole_pages(paged):
    assert (paged.release(VA + 1, PAGE), paged.spaces.why) == (EINVAL, Why.MISALIGNED)
    assert (paged.release(VA + SIZE, PAGE), paged.spaces.why) == (EFAULT, Why.UNMAPPED)
    assert (paged.release(VA, SIZE + PAGE), paged.spaces.why) == (EFAULT, Why.UNMAPPED)
    assert paged.spaces.error.va == VA + SIZE
    assert paged.space.map(VA + 2 * SIZE, FRAME) == 0
    assert paged.release(VA + 2 * SIZE, PAGE) == 0  # unmapped: it never was a reserved range
    assert (paged.release(VA + 2 * SIZE, PAGE), paged.spaces.why) == (EFAULT, Why.UNMAPPED)


# --- rights ---


def test_kernel_text_that_a_page_maps_never_becomes_writable(paged):
    assert paged.page_map(VA, TEXT[0] + PAGE, R) == 0
    assert paged.page_map(VA + PAGE, FRAME, R) == 0
    assert (paged.protect(VA, SIZE, R | W), paged.spaces.why) == (EPERM, Why.PROTECTED)
    assert (paged.spaces.error.va, paged.spaces.error.pa) == (VA, TEXT[0] + PAGE)
    assert paged.space.translate(VA + PAGE) == (FRAME, R)
    assert paged.protect(VA + PAGE, PAGE, R | W) == 0
    assert (paged.page_map(VA, TEXT[0], R | W), paged.spaces.why) == (EPERM, Why.PROTECTED)


def test_kernel_data_that_a_page_maps_never_becomes_executable():
    paged = Paged(R | X)
    assert paged.page_map(VA, DATA[0] + PAGE, R) == 0
    assert (paged.space.protect(VA, PAGE, R | X), paged.spaces.why) == (EPERM, Why.NEVER_CODE)
    assert (paged.spaces.error.va, paged.spaces.error.pa) == (VA, DATA[0] + PAGE)
    assert (paged.page_map(VA, DATA[0], R | X), paged.spaces.why) == (EPERM, Why.NEVER_CODE)
    assert paged.spaces.check() == 0


@pytest.mark.parametrize(("mine", "theirs"), [(R | W, R | X), (R | X, R | W)])
def test_a_page_gets_no_right_that_meets_the_other_elsewhere(mine, theirs):
    paged = Paged(mine)
    other = paged.spaces.open("other")
    assert other.map(2 * VA, FRAME + PAGE, PAGE, theirs) == 0
    assert paged.page_map(VA, FRAME, R, 3 * PAGE) == 0
    assert paged.spaces.check() == 0, "only to be read here: legal"
    assert (paged.protect(VA, 3 * PAGE, mine), paged.spaces.why) == (EPERM, Why.WRITE_EXECUTE)
    error = paged.spaces.error
    assert (error.va, error.pa, error.other_va) == (VA + PAGE, FRAME + PAGE, 2 * VA)
    assert [paged.space.translate(VA + i * PAGE)[1] for i in range(3)] == [R, R, R]
    assert paged.protect(VA, PAGE, mine) == 0
    assert other.unmap(2 * VA) == 0
    assert paged.protect(VA, 3 * PAGE, mine) == 0
    assert (other.map(2 * VA, FRAME + PAGE, PAGE, theirs), paged.spaces.why) == (
        EPERM,
        Why.WRITE_EXECUTE,
    )
    assert paged.spaces.error.other_va == VA + PAGE
    assert paged.spaces.check() == 0


def test_what_two_pages_of_ranges_may_not_do_does_not_count(paged):
    other = paged.spaces.open("other")
    assert paged.reserve(2 * VA, SIZE, R | X, space=other) == 0
    assert paged.page_map(VA, FRAME, R) == 0
    assert other.map(2 * VA + 3 * PAGE, FRAME, PAGE, R | X) == 0
    assert paged.spaces.check() == 0
    assert (paged.protect(VA, PAGE, R | W), paged.spaces.why) == (EPERM, Why.WRITE_EXECUTE)
    assert paged.spaces.error.other_va == 2 * VA + 3 * PAGE
    assert other.protect(2 * VA + 3 * PAGE, PAGE, R) == 0
    assert paged.protect(VA, PAGE, R | W) == 0
    assert (other.protect(2 * VA, SIZE, R | X), paged.spaces.why) == (EPERM, Why.WRITE_EXECUTE)
    assert paged.spaces.error.other_va == VA


def test_a_frame_twice_in_one_range_gets_one_of_both_rights():
    paged = Paged(R | X)
    writer = paged.spaces.open("writer")
    assert paged.reserve(VA, SIZE, R | W, space=writer) == 0
    for i in (1, 5):
        assert paged.page_map(VA + i * PAGE, FRAME, R) == 0
        assert writer.map(VA + i * PAGE, FRAME, PAGE, R) == 0
    assert paged.protect(VA + 5 * PAGE, PAGE, R | X) == 0
    assert writer.protect(VA, SIZE, R | W) == EPERM
    assert paged.spaces.error.other_va == VA + 5 * PAGE
    assert paged.protect(VA, SIZE, R | X) == 0
    assert paged.protect(VA + 5 * PAGE, PAGE, R) == 0
    assert writer.protect(VA, SIZE, R | W) == EPERM
    assert paged.spaces.error.other_va == VA + PAGE
    assert paged.spaces.check() == 0


def test_pages_that_become_code_are_made_visible_to_fetches():
    paged = Paged(R | X)
    for page, frame in ((0, 0), (1, 1), (4, 9)):
        assert paged.page_map(VA + page * PAGE, FRAME + frame * PAGE, R) == 0
    with Recorder(paged.spaces.library) as seen:
        assert paged.protect(VA, SIZE, R | X) == 0
    assert [(e.c, e.b) for e in seen.events if e.op == Op.SYNC_CODE] == [
        (FRAME + frame * PAGE, size) for frame, size in ((0, 2 * PAGE), (9, PAGE))
    ]


def test_map_unmap_and_protect_of_the_space_reach_its_ranges_with_a_pager(paged):
    owner = paged.spaces.owner(1)
    assert (paged.space.map(VA, None, owner=owner), paged.spaces.why) == (EEXIST, Why.TAKEN)
    assert paged.space.map(VA, FRAME) == 0
    assert paged.space.map(VA, FRAME + PAGE) == 0, "a page replaces another"
    assert paged.space.protect(VA, PAGE, R) == 0
    assert paged.space.translate(VA) == (FRAME + PAGE, R)
    assert paged.space.map(VA + SIZE, FRAME, PAGE) == 0
    assert (paged.space.protect(VA, SIZE + PAGE, R), paged.spaces.why) == (EFAULT, Why.NOT_PAGED)
    assert (paged.space.unmap(VA, SIZE + PAGE), paged.spaces.why) == (EFAULT, Why.UNMAPPED)
    assert paged.space.unmap(VA, SIZE) == 0
    assert paged.space.translate(VA) == ENOENT
