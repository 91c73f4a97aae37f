# SPDX-License-Identifier: MIT
"""Records of regions run out, wherever one is needed: refused, with everything as it was."""

from collections.abc import Callable

import pytest
from fake_seam import EFAULT, ENOMEM, PAGE, R, W
from spaces import Space, Spaces, Why

VA = 0x40_0000_0000
FRAME = 0x5000_0000
SIZE = 8 * PAGE
MIDDLE, PART = VA + 2 * PAGE, 2 * PAGE


@pytest.fixture
def spaces():
    spaces = Spaces()
    yield spaces
    assert spaces.check() == 0


@pytest.fixture
def space(spaces: Spaces) -> Space:
    space = spaces.open("tested")
    assert space.map(VA, FRAME, SIZE) == 0
    return space


CALLS: dict[str, Callable[[Space], int]] = {
    "map": lambda space: space.map(VA + SIZE + PAGE, FRAME, PAGE),
    "reserve": lambda space: space.reserve(VA + SIZE + PAGE, PAGE),
    "unmap of the middle": lambda space: space.unmap(MIDDLE, PART),
    "protect of the middle": lambda space: space.protect(MIDDLE, PART, R),
    "protect of the head": lambda space: space.protect(VA, PART, R),
}


@pytest.mark.parametrize("name", CALLS)
def test_without_a_record_nothing_is_changed(spaces: Spaces, space: Space, name: str) -> None:
    spaces.use_up_records()
    before = space.layout(), [space.translate(va) for va in range(VA, VA + SIZE, PAGE)]
    assert (CALLS[name](space), spaces.why) == (ENOMEM, Why.NO_TABLES)
    assert before == (space.layout(), [space.translate(va) for va in range(VA, VA + SIZE, PAGE)])


def test_what_needs_no_record_goes_on_without_one(spaces: Spaces, space: Space) -> None:
    spaces.use_up_records()
    assert space.protect(VA, SIZE, R) == 0
    assert space.unmap(VA, SIZE) == 0


@pytest.mark.parametrize("name", ["protect of the middle"])
def test_one_record_of_two_is_given_back(spaces: Spaces, space: Space, name: str) -> None:
    other = spaces.use_up_records()
    assert other.unmap(0) == 0
    assert (CALLS[name](space), spaces.why) == (ENOMEM, Why.NO_TABLES)
    assert other.reserve(0, PAGE) == 0  # it is there
    assert (other.reserve(PAGE, PAGE), spaces.why) == (ENOMEM, Why.NO_TABLES)


def test_the_first_page_that_is_not_mapped_is_named(spaces: Spaces, space: Space) -> None:
    assert space.unmap(MIDDLE, PART) == 0
    for call in (space.protect(VA, SIZE, R), space.unmap(VA, SIZE)):
        assert (call, spaces.why, spaces.error.va) == (EFAULT, Why.UNMAPPED, MIDDLE)
    assert space.translate(VA) == (FRAME, R | W)
