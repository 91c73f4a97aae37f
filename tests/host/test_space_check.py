# SPDX-License-Identifier: MIT
"""spaces_check() finds every fault of tables, records and rules, in one space or in two.

Each test breaks one thing behind the mechanism's back, in tables and records alike where both say
it, so that only the rule in question can notice.
"""

import pytest
from fake_seam import DEVICE, NONCACHED, PAGE, R, U, W, X
from spaces import BOOT, PAGES, TEXT, Space, Spaces, owner_record

VA = 0x40_0000_0000
FRAME = 0x5000_0000
AP_READ_ONLY = 1 << 7
ADDRESS = 0x0000_FFFF_FFFF_F000


class World:
    """Two spaces: `a` maps frames of an owner to be written, `b` maps others to be run."""

    def __init__(self) -> None:
        self.spaces = Spaces()
        self.a, self.b = self.spaces.open("a"), self.spaces.open("b")
        self.owner = self.spaces.owner(3)
        assert self.a.map(VA, None, 3 * PAGE, R | W, owner=self.owner) == 0
        assert self.b.map(VA, FRAME, 2 * PAGE, R | X) == 0
        assert self.b.map(2 * VA, FRAME + 4 * PAGE, PAGE, R | X) == 0
        assert self.check() == 0

    def check(self) -> int:
        return self.spaces.check()

    def write_entry(self, space: Space, va: int, level: int, descriptor: int) -> None:
        slot, _ = space.walk(va)[level]
        self.spaces.frames.write64(slot, descriptor)

    def leaf(self, space: Space, va: int) -> int:
        return space.walk(va)[3][1]

    def move(self, space: Space, va: int, pa: int) -> None:
        """Table and record agree that the page is elsewhere."""
        for region in space.regions():
            if region.start == va:
                pages = (region.last + 1 - va) // PAGE
                region.pa = pa
        for i in range(pages):
            leaf = self.leaf(space, va + i * PAGE)
            self.write_entry(space, va + i * PAGE, 3, leaf & ~ADDRESS | pa + i * PAGE)

    def become(self, space: Space, va: int, attrs: int, clear: int, put: int) -> None:
        """Table and record agree on other attributes for the region."""
        for region in space.regions():
            if region.start == va:
                pages = (region.last + 1 - va) // PAGE
                region.attrs = attrs
        for i in range(pages):
            leaf = self.leaf(space, va + i * PAGE)
            self.write_entry(space, va + i * PAGE, 3, leaf & ~clear | put)


@pytest.fixture
def world():
    return World()


# --- the rules ---


def test_a_frame_writable_here_and_executable_there(world):
    world.move(world.b, 2 * VA, owner_record(world.owner).pa + 2 * PAGE)
    assert world.check() == 2, "each of the two mappings is named"


def test_the_same_where_boot_made_the_writable_mapping_is_allowed(world):
    """The linear map and the identity view do not count: a frame may be written, then run."""
    assert world.a.map(3 * VA, FRAME, PAGE, R | W, BOOT) == 0
    assert world.check() == 0


def test_kernel_text_writable(world):
    world.move(world.a, VA, TEXT[0] + PAGE)
    world.a.regions()[0].owner = None
    owner_record(world.owner).maps = 0
    assert world.check() > 0


@pytest.mark.parametrize("memtype", [DEVICE, NONCACHED])
def test_ram_of_another_memory_type_than_its_other_mappings(world, memtype):
    assert world.a.map(3 * VA, FRAME + 8 * PAGE, PAGE) == 0
    assert world.b.map(3 * VA, FRAME + 8 * PAGE, PAGE) == 0
    assert world.check() == 0
    world.become(world.b, 3 * VA, R | W | memtype, 7 << 2, memtype >> 4 << 2)
    assert world.check() > 0


def test_non_cacheable_memory_that_nothing_else_maps_is_sound(world):
    assert world.a.map(3 * VA, FRAME + 8 * PAGE, 2 * PAGE, R | W | NONCACHED, BOOT) == 0
    assert world.check() == 0
    assert world.b.map(3 * VA, FRAME + 7 * PAGE, PAGE) == 0
    assert world.check() == 0
    assert world.b.map(4 * VA, FRAME + 9 * PAGE, PAGE, R) == 0
    assert world.check() > 0


# --- tables ---


@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_table_of_one_space_linked_by_another(world, level):
    _, theirs = world.a.walk(VA)[level - 1]
    assert world.a.walk(VA)[level - 1][0] != world.b.walk(VA)[level - 1][0]
    world.write_entry(world.b, VA, level - 1, theirs)
    assert world.check() > 0


def test_a_leaf_that_no_record_knows(world):
    world.write_entry(world.a, VA + 7 * PAGE, 3, world.leaf(world.a, VA) + 7 * PAGE)
    assert world.check() > 0


def test_a_leaf_that_is_gone(world):
    world.write_entry(world.a, VA + PAGE, 3, 0)
    assert world.check() > 0


def test_a_leaf_with_other_rights_than_its_record(world):
    world.write_entry(world.a, VA + PAGE, 3, world.leaf(world.a, VA + PAGE) | AP_READ_ONLY)
    assert world.check() > 0


def test_a_leaf_that_leads_elsewhere(world):
    world.write_entry(world.a, VA + PAGE, 3, world.leaf(world.a, VA))
    assert world.check() > 0


def test_something_mapped_in_a_reserved_range(world):
    assert world.a.reserve(VA + 3 * PAGE, PAGE) == 0
    assert world.check() == 0
    world.write_entry(world.a, VA + 3 * PAGE, 3, world.leaf(world.a, VA) + 3 * PAGE)
    assert world.check() > 0


# --- records ---


def test_a_region_in_the_list_of_the_wrong_space(world):
    world.a.regions()[0].space = world.b.p
    assert world.check() > 0


def test_a_region_that_was_lost(world):
    world.b.regions()[0].next = None
    assert world.check() > 0


def test_regions_out_of_order(world):
    first, second = world.b.regions()
    first.last = second.start
    assert world.check() > 0


def test_regions_that_do_not_lead_back(world):
    world.b.regions()[1].prev = None
    assert world.check() > 0


def test_an_executable_region_that_is_not_in_the_list_of_those(world):
    for region in world.b.regions():
        region.x_next = None
    assert world.check() > 0


@pytest.mark.parametrize("maps", [0, 2])
def test_an_owner_that_counts_its_mappings_wrongly(world, maps):
    owner_record(world.owner).maps = maps
    assert world.check() == 2, "its own list, and the sum of all"


def test_a_region_that_its_owner_does_not_list(world):
    owner_record(world.owner).regions = None
    owner_record(world.owner).maps = 0
    assert world.check() == 1 and b"does not list" in world.spaces.damage.what


def test_a_region_in_the_list_of_the_wrong_owner(world):
    other = world.spaces.owner(3)
    region = world.a.regions()[0]
    owner_record(other).regions, owner_record(other).maps = owner_record(world.owner).regions, 1
    owner_record(world.owner).regions, owner_record(world.owner).maps = None, 0
    assert region.owner == world.owner
    assert world.check() == 1 and b"counts its mappings" in world.spaces.damage.what


def test_a_mapping_beyond_its_owner(world):
    owner_record(world.owner).count = 2
    assert world.check() > 0


def test_an_orphan_without_a_mapping(world):
    spare = world.spaces.owner(1)
    owner_record(spare).orphan = True
    assert world.check() > 0


def test_an_asid_without_a_space(world):
    world.a.state.paging.asid += 5
    assert world.check() > 0


def test_a_table_too_many_and_one_too_few(world):
    paging = world.a.state.paging
    for wrong in (1, -1):
        paging.tables += wrong
        assert world.check() > 0
        paging.tables -= wrong
    assert world.check() == 0


# --- what is told of the first fault ---


def test_a_sound_world_has_no_damage(world):
    assert world.check() == 0 and world.spaces.damage.what is None


def test_a_fault_of_tables_is_told_by_space_address_level_and_entry(world):
    leaf = world.leaf(world.a, VA + PAGE) | AP_READ_ONLY
    world.write_entry(world.a, VA + PAGE, 3, leaf)
    assert world.check() > 0
    damage = world.spaces.damage
    slot = world.a.walk(VA + PAGE)[3][0]
    assert (damage.space, damage.va, damage.entry.level) == (world.a.p, VA + PAGE, 3)
    assert (damage.entry.table + 8 * damage.entry.index, damage.entry.descriptor) == (slot, leaf)
    assert b"record" in damage.what


@pytest.mark.parametrize("level", [1, 2, 3])
def test_an_entry_that_cannot_be_is_told_by_level(world, level):
    slot, descriptor = world.b.walk(VA)[level]
    world.spaces.frames.write64(slot, descriptor | 1 << 51)
    assert world.check() > 0
    damage = world.spaces.damage
    assert (damage.space, damage.va, damage.entry.level) == (world.b.p, VA, level)
    assert damage.entry.table + 8 * damage.entry.index == slot
    assert damage.entry.descriptor == descriptor | 1 << 51


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_an_entry_that_was_cleared_is_told_itself(world, level):
    """The last one of its table too, where only the entry that leads to the table is left."""
    slot = world.b.walk(2 * VA)[level][0]
    world.spaces.frames.write64(slot, 0)
    assert world.check() > 0
    damage = world.spaces.damage
    assert (damage.space, damage.va, damage.entry.level) == (world.b.p, 2 * VA, level)
    assert damage.entry.table + 8 * damage.entry.index == slot
    assert damage.entry.descriptor == 0 and b"record" in damage.what


def test_an_empty_table_without_a_record_is_told_by_the_entry_that_leads_to_it(world):
    table = world.spaces.frames.take(1)
    slot = world.b.walk(VA)[1][0] + 8 * 7
    for i in range(512):
        world.spaces.frames.write64(table + 8 * i, 0)
    world.spaces.frames.write64(slot, table | 3)
    assert world.check() > 0
    damage = world.spaces.damage
    assert (damage.space, damage.entry.level) == (world.b.p, 1)
    assert damage.entry.table + 8 * damage.entry.index == slot


def test_a_mapping_without_a_record_is_told_by_its_address(world):
    world.write_entry(world.a, VA + 7 * PAGE, 3, world.leaf(world.a, VA) + 7 * PAGE)
    assert world.check() == 2, "and the count of its table is wrong"
    assert (world.spaces.damage.space, world.spaces.damage.va) == (world.a.p, VA + 7 * PAGE)


def test_a_forbidden_right_is_told_by_its_address(world):
    world.move(world.b, 2 * VA, owner_record(world.owner).pa + 2 * PAGE)
    assert world.check() == 2
    damage = world.spaces.damage
    assert (damage.space, damage.va) in {(world.b.p, 2 * VA), (world.a.p, VA + 2 * PAGE)}
    assert b"rights" in damage.what


def test_el0_in_the_kernel_half_is_a_fault(world):
    kernel = world.spaces.open("kernel", upper=True)
    at = kernel.base + VA
    assert kernel.map(at, FRAME + 9 * PAGE, PAGE, R, BOOT) == 0
    assert world.check() == 0
    world.become(kernel, at, R | U, 0, 1 << 6)
    assert world.check() == 1
    assert (world.spaces.damage.space, world.spaces.damage.va) == (kernel.p, at)


# --- a check that is ended early ---


def polls(world: World, found: int = 0, most: int | None = None) -> int:
    """How often a check asks whether to stop; after `most` times the answer is yes."""
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return most is not None and asked > most

    assert world.spaces.check(stop) == found
    return asked


def test_a_check_that_is_told_to_stop_reports_nothing(world):
    """Whatever it was about to look at: what it counts at its end is not complete then. It asks no
    more, but once where that was the check of the tables, which is a call of its own."""
    for most in range(polls(world)):
        assert most < polls(world, most=most) <= most + 2


def test_a_check_of_more_asks_more_often(world):
    """For each table, region and owner, and for each part of a long mapping."""
    before = polls(world)
    assert world.a.map(2 * VA, FRAME, 4096 * PAGE, R, PAGES) == 0
    more = polls(world) - before
    assert 8 + 8 <= more <= 8 + 8 + 8
    for i in range(10):
        assert world.b.map(3 * VA + 2 * i * PAGE, FRAME, PAGE, R) == 0
    assert polls(world) - before - more >= 10


def test_what_was_found_before_the_end_is_reported(world):
    world.b.regions()[1].prev = None
    everything = polls(world, found=1)
    assert polls(world, found=1, most=everything - 1) == everything
