# SPDX-License-Identifier: MIT
"""A stack whose pages come on first touch, from a reserve of frames."""

import ctypes
import random

import pytest
from fake_seam import ENOENT, ENOMEM, PAGE, R, W
from spaces import Request, StackStruct
from test_space_open import SIZE, VA, Opened

RESERVE = 16
END = VA + SIZE


class Stack(Opened):
    """A kernel space with such a stack."""

    def __init__(self) -> None:
        super().__init__()
        self.state = StackStruct()
        self.stack = ctypes.addressof(self.state)

    def open(self, va: int = VA, size: int = SIZE) -> int:
        request = Request(va, 0, size, R | W, 0, self.spaces.name("stack"))
        return self.library.space_stack_open(
            self.stack,
            self.spaces.s,
            self.kernel.p,
            ctypes.addressof(request),
            self.spaces.because(),
        )

    def refill(self) -> None:
        self.library.space_stack_refill(self.stack)

    def reach(self, va: int) -> bool:
        return self.library.space_stack_reach(self.stack, va)

    def release(self, keep: int) -> None:
        self.library.space_stack_release(self.stack, keep)

    @property
    def end(self) -> int:
        return self.library.space_stack_end(self.stack)

    @property
    def owned(self) -> int:
        return self.library.space_stack_frames(self.stack)


@pytest.fixture
def stack():
    stack = Stack()
    assert stack.open() == 0
    yield stack
    stack.release(END)
    assert stack.spaces.check() == 0


def test_without_a_reserve_nothing_can_be_reached(stack):
    assert stack.end == END and stack.owned == 0
    assert stack.reach(END) and not stack.reach(END - 1)
    assert stack.kernel.translate(END - 1) == ENOENT


def test_pages_come_without_a_gap_and_without_the_allocator(stack):
    stack.refill()
    assert stack.end == END - RESERVE * PAGE and stack.owned == RESERVE
    in_use = stack.spaces.frames.in_use
    assert stack.reach(END - 3 * PAGE + 8)
    assert stack.spaces.frames.in_use == in_use and stack.state.low == END - 3 * PAGE
    for i in (1, 2, 3):
        _, attrs = stack.kernel.translate(END - i * PAGE)
        assert attrs == R | W
    assert stack.kernel.translate(END - 3 * PAGE - 1) == ENOENT


def test_it_is_all_or_nothing(stack):
    stack.refill()
    assert not stack.reach(stack.end - 1)
    assert stack.state.low == END and stack.state.count == RESERVE
    assert stack.reach(stack.end) and stack.state.count == 0
    assert stack.end == stack.state.low == END - RESERVE * PAGE


def test_frames_of_the_reserve_are_cleared(stack):
    """The source gives frames that are full of junk."""
    stack.refill()
    contents = stack.spaces.frames.snapshot()
    assert [contents[pa] for pa in stack.state.frames] == [bytes(PAGE)] * RESERVE


def test_the_reserve_is_not_larger_than_what_is_left_of_the_window():
    stack = Stack()
    assert stack.open(VA, 5 * PAGE) == 0
    stack.refill()
    assert stack.owned == 5 and stack.end == VA
    assert stack.reach(VA) and not stack.reach(VA - 1)
    stack.refill()
    assert stack.owned == 5
    stack.release(VA + 5 * PAGE)
    assert stack.spaces.check() == 0


def test_without_memory_the_reserve_is_what_there_was(stack):
    stack.spaces.frames.fail_after(3)
    stack.refill()
    assert stack.owned == 3 and stack.reach(END - 3 * PAGE) and not stack.reach(END - 4 * PAGE)
    stack.spaces.frames.fail_after(None)
    stack.refill()
    assert stack.owned == 3 + RESERVE


def test_a_stack_that_cannot_be_opened_is_none():
    stack = Stack()
    stack.spaces.frames.fail_after(1)
    assert stack.open() == ENOMEM
    stack.spaces.frames.fail_after(None)
    assert stack.state.kernel is None and stack.state.low == 0


def test_random_use_agrees_with_a_model():
    rng = random.Random(17)
    stack = Stack()
    end = VA + 60 * PAGE
    assert stack.open(VA, end - VA) == 0
    base = stack.spaces.frames.in_use
    low, count = end, 0
    for _ in range(1500):
        what = rng.randrange(3)
        if what == 0:
            stack.refill()
            count = min(RESERVE, (low - VA) // PAGE)
        elif what == 1:
            page = max(VA, low - rng.randrange(20) * PAGE)
            need = (low - page) // PAGE
            reached = stack.reach(page + rng.randrange(PAGE))
            assert reached == (need <= count)
            if reached:
                low, count = page, count - need
        else:
            keep = low + rng.randrange(-5, 20) * PAGE
            stack.release(keep)
            low = max(low, min(keep, end))
        assert (stack.state.low, stack.state.count) == (low, count)
        assert stack.owned == (end - low) // PAGE + count == stack.spaces.frames.in_use - base
        assert stack.kernel.translate(low - 1) == ENOENT
        assert low == end or stack.kernel.translate(low)[1] == R | W
    stack.release(end)
    assert stack.spaces.check() == 0
