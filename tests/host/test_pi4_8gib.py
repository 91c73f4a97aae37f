# SPDX-License-Identifier: MIT
"""Address spaces over all that a Pi 4 with 8 GiB has: its banks, its holes, its devices."""

import itertools

import pytest
from fake_seam import DEVICE, PAGE, R, W
from spaces import BOOT, Space, Spaces, Why

GIB = 1 << 30
# As its firmware tells them: VideoCore's share ends the first GiB, peripherals lie below 4 GiB,
# and the last 4 GiB are two banks, as its tree has sizes of 32 bits.
BANKS = [
    (0, 0x3B400000),
    (GIB, 0xFC000000),
    (4 * GIB, 6 * GIB),
    (6 * GIB, 8 * GIB),
]
HOLES = [(0x3B400000, GIB), (0xFC000000, 4 * GIB), (8 * GIB, 9 * GIB)]
DEVICES = (0xFC000000, 4 * GIB)


@pytest.fixture
def spaces() -> Spaces:
    return Spaces(60, ram=BANKS)


@pytest.fixture(params=[True, False], ids=["kernel half", "identity"])
def linear(spaces: Spaces, request: pytest.FixtureRequest) -> Space:
    """All RAM and all devices at their address above a base, as boot maps them."""
    upper = request.param
    space = spaces.open("kernel" if upper else "identity", upper=upper)
    for start, end in BANKS:
        assert space.map(space.base + start, start, end - start, R | W, BOOT, "RAM") == 0
    start, end = DEVICES
    attrs = R | W | DEVICE
    assert space.map(space.base + start, start, end - start, attrs, BOOT, "devices") == 0
    return space


def test_every_end_of_every_bank_translates(spaces, linear):
    for start, end in BANKS:
        for pa in (start, start + PAGE, (start + end) // 2, end - PAGE, end - 1):
            assert linear.translate(linear.base + pa) == (pa, R | W)
    for pa in (DEVICES[0], DEVICES[1] - 1):
        assert linear.translate(linear.base + pa) == (pa, R | W | DEVICE)
    for pa in (HOLES[0][0], HOLES[0][1] - 1, HOLES[2][0]):
        assert linear.translate(linear.base + pa) < 0
    assert spaces.check() == 0


def test_it_takes_four_tables(spaces, linear):
    """Levels 0 and 1, and one of level 2 for each GiB that is not a whole one."""
    assert linear.state.paging.tables == 4
    assert spaces.check() == 0


@pytest.mark.parametrize("hole", HOLES)
def test_no_hole_is_mapped_as_memory(spaces, linear, hole):
    space = spaces.open()
    for pa in (hole[0], hole[1] - PAGE):
        assert space.map(64 * GIB, pa) < 0 and spaces.why == Why.NOT_RAM
    # A range that only ends in a hole is refused whole, and its first page there named.
    assert space.map(64 * GIB, hole[0] - 4 * PAGE, 8 * PAGE) < 0
    assert (spaces.why, spaces.error.pa) == (Why.NOT_RAM, hole[0])
    assert space.regions() == [] and space.state.paging.tables == 1


def test_one_mapping_runs_over_the_cut_at_6_gib(spaces, linear):
    space = spaces.open()
    assert space.map(64 * GIB, 4 * GIB, 4 * GIB) == 0
    for gib in range(4):
        assert space.translate((64 + gib) * GIB + 5) == ((4 + gib) * GIB + 5, R | W)
    assert space.state.paging.tables == 2, "four blocks of a GiB"
    assert space.unmap(64 * GIB + 2 * GIB - PAGE, 2 * PAGE) == 0
    assert space.translate(66 * GIB + PAGE) == (6 * GIB + PAGE, R | W)
    assert space.translate(66 * GIB) < 0 and space.translate(66 * GIB - 1) < 0
    assert spaces.check() == 0
    assert space.close() == 0


def test_a_page_at_the_edge_of_each_hole_splits_only_its_own_block(spaces):
    identity = spaces.open("identity")
    for start, end in BANKS:
        assert identity.map(start, start, end - start, R | W, BOOT, "RAM") == 0
    before = identity.state.paging.tables
    for _, end in BANKS:
        assert identity.protect(end - PAGE, PAGE, R) == 0
        assert identity.translate(end - 1) == (end - 1, R)
        assert identity.translate(end - PAGE - 1) == (end - PAGE - 1, R | W)
    # Two ends are inside tables of level 2, two at the end of a GiB that was a block.
    assert identity.state.paging.tables == before + 2 + 2 * 2
    for _, end in BANKS:
        assert identity.protect(end - PAGE, PAGE, R | W) == 0
    identity.compact()
    assert identity.state.paging.tables == before
    assert spaces.check() == 0


def test_banks_and_holes_are_the_whole_of_it():
    """So that a slip in the lists above cannot hide a bank."""
    edges = sorted([*BANKS, HOLES[0], DEVICES])
    assert all(a[1] == b[0] for a, b in itertools.pairwise(edges))
    assert edges[0][0] == 0 and edges[-1][1] == 8 * GIB
