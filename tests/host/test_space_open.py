# SPDX-License-Identifier: MIT
"""Open ranges of the kernel half, whose tables are there before the pages: the thread's stack."""

import ctypes
import random

import pytest
from fake_seam import EEXIST, EFAULT, ENOENT, ENOMEM, EPERM, PAGE, UPPER, Op, R, Recorder, W
from spaces import BOOT, DATA, Request, Spaces, SpaceStruct, Why, owner_record

BLOCK = 2 << 20
NEAR = UPPER + (128 << 21)  # has the tables of level 1 and 2
VA = NEAR + 2 * BLOCK
SIZE = 2 * BLOCK


class Opened:
    """A kernel space with one open range of two whole tables."""

    def __init__(self) -> None:
        self.spaces = Spaces()
        self.kernel = self.spaces.open("kernel", upper=True)
        assert self.kernel.map(NEAR, DATA[0], flags=BOOT) == 0
        self.kernel.state.paging.live = True
        self.paging = self.kernel.p + SpaceStruct.paging.offset
        self.tables = self.kernel.state.paging.tables
        self.library = self.spaces.library

    def open(self, va: int = VA, size: int = SIZE) -> int:
        request = Request(va, 0, size, R | W, 0, self.spaces.name("stack"))
        return self.library.space_open_range(
            self.spaces.s, self.kernel.p, ctypes.addressof(request), self.spaces.because()
        )

    def fill(self, va: int) -> int:
        pa = self.spaces.frames.take()
        self.library.paging_fill(self.paging, va, pa, R | W)
        return pa

    def evict(self, va: int, size: int) -> None:
        self.library.paging_evict(self.paging, va, va + size - 1)


@pytest.fixture
def opened():
    opened = Opened()
    assert opened.open() == 0
    yield opened
    assert opened.spaces.check() == 0


def test_the_tables_are_there_before_the_pages(opened):
    assert opened.kernel.state.paging.tables == opened.tables + SIZE // BLOCK
    for va in (VA, VA + SIZE - PAGE):
        assert opened.kernel.translate(va) == ENOENT and len(opened.kernel.walk(va)) == 4


def test_a_page_is_one_write_and_takes_no_frame(opened):
    pa = opened.spaces.frames.take()
    with Recorder(opened.library) as seen:
        opened.library.paging_fill(opened.paging, VA + SIZE - PAGE, pa, R | W)
    assert [event.op for event in seen.events] == [Op.WRITE, Op.DSB_ISHST, Op.ISB]
    assert opened.kernel.translate(VA + SIZE - PAGE + 5) == (pa + 5, R | W)
    opened.evict(VA, SIZE)


def test_evicted_pages_leave_the_tables_and_free_their_frames_after_the_tlbi(opened):
    before = opened.spaces.frames.in_use
    pages = [opened.fill(VA + SIZE - i * PAGE) for i in range(1, 6)]
    with Recorder(opened.library) as seen:
        opened.evict(VA, SIZE)
    ops = [event.op for event in seen.events]
    assert ops.count(Op.FREE) == 5, ops
    assert ops.index(Op.FREE) > max(i for i, op in enumerate(ops) if op == Op.DSB_ISH)
    assert not any(opened.spaces.frames.is_used(pa) for pa in pages)
    assert opened.spaces.frames.in_use == before
    assert opened.kernel.state.paging.tables == opened.tables + SIZE // BLOCK


def test_random_pages_come_and_go_as_in_a_model(opened):
    rng = random.Random(13)
    model: dict[int, int] = {}
    before = opened.spaces.frames.in_use
    for _ in range(2000):
        at = VA + rng.randrange(SIZE // PAGE) * PAGE
        if at not in model and len(model) < 100:
            model[at] = opened.fill(at)
        else:
            size = rng.randrange(1, 1 + (VA + SIZE - at) // PAGE) * PAGE
            opened.evict(at, size)
            model = {va: pa for va, pa in model.items() if not at <= va < at + size}
        assert opened.spaces.frames.in_use == before + len(model)
        probe = rng.choice([*model, at])
        expected = (model[probe], R | W) if probe in model else ENOENT
        assert opened.kernel.translate(probe) == expected
    assert opened.spaces.check() == 0
    opened.evict(VA, SIZE)


def test_nothing_else_changes_the_range(opened):
    pa = opened.fill(VA)
    kernel, owner = opened.kernel, opened.spaces.owner(1)
    assert kernel.map(VA + PAGE, owner_record(owner).pa) == EPERM
    assert kernel.unmap(VA) == EPERM and opened.spaces.why == Why.LOCKED
    assert kernel.protect(VA, PAGE, R) == EPERM
    calls = opened.library
    because = opened.spaces.because
    assert calls.space_paged_in(opened.spaces.s, kernel.p, VA, owner, because()) == EPERM
    assert calls.space_paged_evict(opened.spaces.s, kernel.p, VA, PAGE, because()) == EPERM
    request = Request(VA, 0, PAGE, R)
    address = ctypes.addressof(request)
    assert calls.space_paged_protect(opened.spaces.s, kernel.p, address, because()) == EPERM
    assert kernel.translate(VA) == (pa, R | W)
    opened.evict(VA, SIZE)


def test_what_is_in_the_way_or_missing_is_refused():
    opened = Opened()
    assert opened.open(NEAR + PAGE, BLOCK - PAGE) == EEXIST, "there is a table"
    assert opened.open(UPPER + (1 << 40)) == EFAULT, "tables above are missing"
    assert opened.kernel.state.paging.tables == opened.tables
    assert opened.open() == 0 and opened.open() == EPERM
    assert opened.spaces.check() == 0


def test_without_frames_nothing_is_left():
    opened = Opened()
    before = opened.spaces.frames.in_use
    opened.spaces.frames.fail_after(1)
    assert opened.open() == ENOMEM
    opened.spaces.frames.fail_after(None)
    assert opened.spaces.frames.in_use == before
    assert opened.kernel.translate(VA) == ENOENT and opened.spaces.check() == 0


def test_a_table_stays_when_all_of_its_pages_went():
    opened = Opened()
    assert opened.open(VA, 3 * PAGE) == 0
    for _ in range(2):
        for i in range(3):
            opened.fill(VA + i * PAGE)
        opened.evict(VA, 3 * PAGE)
        assert opened.kernel.state.paging.tables == opened.tables + 1
    assert opened.spaces.check() == 0


def test_a_page_beside_an_open_range_in_the_same_table():
    opened = Opened()
    assert opened.open(VA, BLOCK + PAGE) == 0
    beside = VA + BLOCK + 2 * PAGE
    assert opened.kernel.map(beside, DATA[1], flags=BOOT) == 0
    assert opened.kernel.translate(beside)[0] == DATA[1]
    opened.fill(VA + BLOCK)
    assert len(opened.kernel.walk(VA + BLOCK)) == 4 and opened.spaces.check() == 0
