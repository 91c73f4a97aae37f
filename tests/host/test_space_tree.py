# SPDX-License-Identifier: MIT
"""Thousands of regions in one space: the tree that finds them beside a plain sorted list."""

from __future__ import annotations

import bisect
import ctypes
import math
import random

import pytest
from fake_seam import PAGE
from spaces import Region, Space, Spaces

VA = 0x40_0000_0000
COUNT = 2000
STEP = 3 * PAGE


def height(space: Space) -> int:
    return Region.from_address(space.state.root).height if space.state.root else 0


def is_low(space: Space, count: int) -> bool:
    """Whether the tree is as low as one of so many regions that is balanced as AVL trees are."""
    return height(space) <= 1.4405 * math.log2(count + 2)


@pytest.fixture
def space() -> Space:
    return Spaces(COUNT).open()


def reserve(space: Space, number: int) -> None:
    assert space.reserve(VA + number * STEP, PAGE * (1 + number % 2)) == 0


def unmap(space: Space, number: int) -> None:
    assert space.unmap(VA + number * STEP, PAGE * (1 + number % 2)) == 0


ORDERS = {
    "ascending": list(range(COUNT)),
    "descending": list(range(COUNT))[::-1],
    "from both ends": [n // 2 if n % 2 else COUNT - 1 - n // 2 for n in range(COUNT)],
    "random": random.Random(5).sample(range(COUNT), COUNT),
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("back", ORDERS)
def test_the_tree_is_low_in_every_order(space: Space, order: str, back: str) -> None:
    for done, number in enumerate(ORDERS[order], 1):
        reserve(space, number)
        assert is_low(space, done)
    assert space.spaces.check() == 0
    for done, number in enumerate(ORDERS[back], 1):
        unmap(space, number)
        assert is_low(space, COUNT - done)
        if done % 400 == 0:
            assert space.spaces.check() == 0
    assert height(space) == 0


@pytest.mark.parametrize("seed", range(4))
def test_every_address_is_found(space: Space, seed: int) -> None:
    """After each change: the region at an address, or that there is none, whatever was found
    before."""
    draw = random.Random(seed)
    present: list[int] = []
    for step in range(4000):
        number = draw.randrange(COUNT // 4)
        at = bisect.bisect_left(present, number)
        if at < len(present) and present[at] == number:
            unmap(space, number)
            del present[at]
        else:
            reserve(space, number)
            present.insert(at, number)
        sought = draw.randrange(COUNT // 4)
        for page in range(3):
            va = VA + sought * STEP + page * PAGE
            found = space.library.region_find(space.p, va + draw.randrange(PAGE))
            there = sought in present and page <= sought % 2
            assert (Region.from_address(found).start == VA + sought * STEP) if there else not found
        if step % 200 == 0:
            assert space.spaces.check() == 0
            assert [(r.start - VA) // STEP for r in space.regions()] == present


# --- damage ---


@pytest.fixture
def seven(space: Space) -> Space:
    """The tree of seven regions has three levels, all full."""
    for number in range(7):
        reserve(space, number)
    assert height(space) == 3 and space.spaces.check() == 0
    return space


def test_a_region_that_the_tree_has_not(seven: Space) -> None:
    seven.regions()[1].child[0] = None
    assert seven.spaces.check() > 0 and b"tree" in seven.spaces.damage.what


@pytest.mark.parametrize("number", range(7))
def test_a_wrong_height(seven: Space, number: int) -> None:
    region = seven.regions()[number]
    for wrong in (region.height + 1, region.height - 1):
        region.height, right = wrong, region.height
        assert seven.spaces.check() == 1 and b"tree" in seven.spaces.damage.what
        region.height = right


def test_a_tree_that_leans(seven: Space) -> None:
    """Three regions in order, with their heights, but in one line."""
    for number in (0, 2, 4, 6):
        unmap(seven, number)
    first, middle, last = seven.regions()
    assert seven.state.root == ctypes.addressof(middle)
    assert middle.child[1] == ctypes.addressof(last)
    seven.state.root = ctypes.addressof(first)
    first.child[1], middle.child[0] = ctypes.addressof(middle), None
    first.height, middle.height = 3, 2
    assert seven.spaces.check() == 1 and b"tree" in seven.spaces.damage.what


def test_children_in_the_wrong_order(seven: Space) -> None:
    region = seven.regions()[1]
    region.child[0], region.child[1] = region.child[1], region.child[0]
    assert seven.spaces.check() == 1 and b"tree" in seven.spaces.damage.what


def test_a_tree_that_leads_back_to_its_root(seven: Space) -> None:
    seven.regions()[0].child[0] = seven.state.root
    assert seven.spaces.check() == 1 and b"tree" in seven.spaces.damage.what


def test_an_empty_tree_of_regions(seven: Space) -> None:
    seven.state.root = None
    assert seven.spaces.check() == 1 and b"tree" in seven.spaces.damage.what
