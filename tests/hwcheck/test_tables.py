# SPDX-License-Identifier: MIT
"""Rules 4e and 5, event by event: translation tables on their way into the TLB and out of it."""

from __future__ import annotations

import pytest
from events import (
    BLOCK,
    CONTIGUOUS,
    DMA,
    LDXR,
    MAIR,
    NC,
    NOT_GLOBAL,
    PAGE,
    RAM_SIZE,
    RW,
    TABLE,
    TCR,
    VA,
    WALK,
    Machine,
    Tables,
)

TCR_UNCACHED = TCR & ~0xF00  # IRGN0, ORGN0: walks of TTBR0 go past the cache
READ_ONLY = 0x80  # AP[2]
OTHER = 0x5000  # an address of another page, from VA on
BREAK = ("dsb ishst", "tlbi vae1is", "dsb ish")


@pytest.fixture
def tables(machine: Machine) -> Tables:
    return Tables(machine)


def flush(machine: Machine, *steps: str, va: int = VA) -> None:
    for step in steps or BREAK:
        machine.do(step, value=va >> 12 if "tlbi" in step else 0)


@pytest.mark.parametrize("invalidate", [False, True])
def test_4e_a_walk_of_lines_that_are_old_in_the_cache(
    machine: Machine, tables: Tables, invalidate: bool
) -> None:
    machine.load(tables.entry)
    machine.event(DMA, tables.entry + 8, 8, True)
    machine.load(VA, WALK)  # by bytes that are the same
    assert machine.rules() == []
    machine.event(DMA, tables.entry, 8, True)
    if invalidate:
        machine.do("dc ivac", "dsb sy", value=tables.entry)
    machine.load(VA, WALK)
    assert machine.rules() == ([] if invalidate else ["4e"])


# --- 5a: a new descriptor before the break of the old one is complete ---


@pytest.mark.parametrize("missing", [None, *BREAK])
def test_5a_each_step_of_a_break(machine: Machine, tables: Tables, missing: str | None) -> None:
    machine.store(tables.entry, 0)
    flush(machine, *(step for step in BREAK if step != missing))
    machine.store(tables.entry, tables.descriptor + PAGE)
    assert machine.rules() == (["5a"] if missing else [])


@pytest.mark.parametrize(
    ("tlbi", "va", "rules"),
    [
        ("tlbi vae1is", VA + OTHER, ["5a"]),
        ("tlbi vale1is", VA, []),
        ("tlbi vaae1is", VA, []),
        ("tlbi vmalle1is", 0, []),
        ("tlbi aside1is", 0, ["5a"]),  # the page is global
    ],
)
def test_5a_what_a_tlbi_reaches(
    machine: Machine, tables: Tables, tlbi: str, va: int, rules: list[str]
) -> None:
    machine.store(tables.entry, 0)
    flush(machine, "dsb ishst", tlbi, "dsb ish", va=va)
    machine.store(tables.entry, tables.descriptor + PAGE)
    assert machine.rules() == rules


def test_5a_the_same_descriptor_comes_back(machine: Machine, tables: Tables) -> None:
    machine.store(tables.entry, 0)
    machine.store(tables.entry, tables.descriptor)
    assert machine.rules() == []


@pytest.mark.parametrize(("tlbi", "rules"), [("tlbi vale1is", ["5a"]), ("tlbi vae1is", [])])
def test_5a_a_tlbi_of_the_last_level_leaves_tables(
    machine: Machine, tables: Tables, tlbi: str, rules: list[str]
) -> None:
    machine.store(tables.middle_entry, 0)
    flush(machine, "dsb ishst", tlbi, "dsb ish")
    machine.store(tables.middle_entry, machine.base + 0x200000 + BLOCK)
    assert machine.rules() == rules


# --- 5b: no break ---


@pytest.mark.parametrize(
    ("change", "rules"),
    [
        (PAGE, ["5b"]),  # another page
        (2 << 2, ["5b", "7e"]),  # another memory type: until a TLBI there are two
        (1 << 8, ["5b", "7d"]),  # another shareability
        (NOT_GLOBAL, ["5b"]),
        (CONTIGUOUS, ["5b"]),
        (READ_ONLY, []),  # permissions may change in one step
        (1 << 55, []),  # bits for software
        (0, []),
    ],
    ids=["address", "type", "share", "global", "contiguous", "permission", "software", "same"],
)
def test_5b_a_valid_descriptor_is_replaced(
    machine: Machine, tables: Tables, change: int, rules: list[str]
) -> None:
    machine.store(tables.entry, tables.descriptor ^ change)
    assert machine.rules() == rules


def test_5b_a_table_becomes_a_block(machine: Machine, tables: Tables) -> None:
    machine.store(tables.middle_entry, machine.base + 0x200000 + BLOCK)
    assert machine.rules() == ["5b"]


def test_5b_an_entry_without_access_flag_is_in_no_tlb(machine: Machine) -> None:
    tables = Tables(machine, leaf=RW & ~(1 << 10))
    machine.store(tables.entry, tables.descriptor + PAGE)
    assert machine.rules() == []


# --- 5c: what the TLB may still have is used ---


@pytest.mark.parametrize("missing", [None, *BREAK])
def test_5c_a_page_that_is_gone(machine: Machine, tables: Tables, missing: str | None) -> None:
    machine.load(VA, WALK)
    machine.store(tables.entry, 0)
    flush(machine, *(step for step in BREAK if step != missing))
    machine.do("isb")
    machine.load(VA, WALK)
    assert machine.rules() == (["5c"] if missing else [])


def test_5c_a_page_that_is_made_again(machine: Machine, tables: Tables) -> None:
    machine.store(tables.entry, 0)
    flush(machine)
    machine.store(tables.entry, tables.descriptor + PAGE)
    machine.do("dsb ishst", "isb")
    machine.load(VA, WALK)
    assert machine.rules() == []


def test_5c_a_fault_depends_on_it_too(machine: Machine, tables: Tables) -> None:
    machine.store(tables.entry, 0)
    machine.do("dsb ish", "isb")
    machine.exception(0x96000007, VA)
    assert machine.rules() == ["5c"]


def test_5c_address_translation_instructions(machine: Machine, tables: Tables) -> None:
    machine.store(tables.entry, 0)
    machine.do("dsb ish", "isb")
    machine.do("at s1e1r", value=VA, memory=WALK)
    assert machine.rules() == ["5c"]


@pytest.mark.parametrize(
    ("before", "after", "store", "told"),
    [
        (0, READ_ONLY, True, "it is denied now, and may still go through"),  # reduced
        (0, READ_ONLY, False, ""),
        (READ_ONLY, 0, True, "it is allowed now, and may still fault"),  # widened
        (READ_ONLY, 0, False, ""),
    ],
    ids=["reduced-store", "reduced-load", "widened-store", "widened-load"],
)
def test_5c_of_permissions_only_what_one_denies(
    machine: Machine, before: int, after: int, store: bool, told: str
) -> None:
    tables = Tables(machine, leaf=RW | before)
    machine.store(tables.entry, tables.page + (RW | after))
    machine.do("dsb ish", "isb")
    machine.store(VA, memory=WALK) if store else machine.load(VA, WALK)
    found = machine.violations()
    assert [each.rule for each in found] == (["5c"] if told else [])
    assert all(each.text.endswith(f"no TLBI of it since; {told}") for each in found)


# --- 5d: a new descriptor is used ---


@pytest.mark.parametrize("missing", [None, "dsb ishst", "isb"])
def test_5d_a_new_page(machine: Machine, tables: Tables, missing: str | None) -> None:
    machine.store(tables.entry + 8, tables.descriptor + PAGE)
    machine.do(*(step for step in ("dsb ishst", "isb") if step != missing))
    machine.load(VA, WALK)  # another page
    assert machine.rules() == []
    machine.load(VA + PAGE, WALK)
    assert machine.rules() == (["5d"] if missing else [])


# --- 5e: walks and stores through the cache, or past it ---


def test_5e_a_store_past_the_cache(machine: Machine, tables: Tables) -> None:
    machine.store(tables.entry + 8, tables.descriptor + PAGE, NC)
    assert machine.rules() == ["5e"]


@pytest.mark.parametrize("clean", [False, True])
def test_5e_walks_past_the_cache(machine: Machine, clean: bool) -> None:
    tables = Tables(machine, on=False)
    machine.do("msr tcr_el1", value=TCR_UNCACHED)
    machine.do("msr ttbr0_el1", value=tables.root)
    machine.do("isb")
    machine.store(tables.entry + 8, tables.descriptor + PAGE)
    if clean:
        machine.do("dc cvac", value=tables.entry + 8)
    machine.do("dsb sy", "isb")
    assert machine.rules() == ([] if clean else ["5e"])


# --- 5f, 5g, 5h: what becomes reachable ---


@pytest.mark.parametrize("barrier", [None, "dmb ishst", "dsb ishst", "dmb ishld"])
def test_5f_a_table_is_linked(machine: Machine, tables: Tables, barrier: str | None) -> None:
    table = machine.base + 0x180000
    machine.store(table, tables.descriptor)
    if barrier:
        machine.do(barrier)
    machine.store(tables.middle_entry + 8, table + TABLE)
    assert machine.rules() == ([] if barrier and barrier != "dmb ishld" else ["5f"])


def test_5g_a_table_outside_of_ram(machine: Machine, tables: Tables) -> None:
    machine.store(tables.middle_entry + 8, tables.last + TABLE)
    assert machine.rules() == []
    machine.store(tables.middle_entry + 16, machine.base + RAM_SIZE + TABLE)
    assert machine.rules() == ["5g"]


@pytest.mark.parametrize("barrier", [None, "dmb ish", "dsb ish", "dsb ishst"])
def test_5h_a_root_is_set(machine: Machine, barrier: str | None) -> None:
    tables = Tables(machine, on=False)
    machine.store(tables.entry, tables.descriptor)
    if barrier:
        machine.do(barrier)
    machine.do("msr ttbr0_el1", value=tables.root)
    assert machine.rules() == ([] if barrier and "dsb" in barrier else ["5h"])


# --- 5i: QEMU's own TLB ---


def test_5i_qemu_uses_another_translation(machine: Machine, tables: Tables) -> None:
    machine.used(tables.page)
    machine.load(VA, WALK)
    assert machine.rules() == []
    machine.used(tables.page + PAGE)
    machine.load(VA, WALK)
    assert machine.rules() == ["5i"]


# --- 5j: sets of contiguous descriptors ---


@pytest.mark.parametrize(
    ("wrong", "rules"), [(None, []), (0, ["5j"]), (15, ["5j"])], ids=["whole", "first", "last"]
)
def test_5j_sixteen_neighbours(machine: Machine, wrong: int | None, rules: list[str]) -> None:
    tables = Tables(machine, on=False)
    for n in range(16):
        page = machine.base + 0x200000 + n * PAGE
        machine.write(tables.last + 8 * n, 0 if n == wrong else page + RW + CONTIGUOUS)
    machine.do("msr ttbr0_el1", value=tables.root)
    assert machine.rules() == rules


def test_5j_an_aligned_run(machine: Machine) -> None:
    tables = Tables(machine, on=False)
    for n in range(16):
        page = machine.base + 0x201000 + n * PAGE
        machine.write(tables.last + 8 * n, page + RW + CONTIGUOUS)
    machine.do("msr ttbr0_el1", value=tables.root)
    assert machine.rules() == ["5j"]


# --- 5k, 5l: two roots ---


def switch(machine: Machine, before: int, after: int, *between: str) -> None:
    """Set one root, then the other one; "empty" between is a table without descriptors."""
    machine.do("msr ttbr0_el1", value=before)
    machine.do("isb")
    for step in between:
        root = step == "empty"
        machine.do("msr ttbr0_el1" if root else step, value=machine.base + 0x300000 if root else 0)
    machine.do("msr ttbr0_el1", value=after)


EMPTY = ("empty", "isb", "tlbi vmalle1", "dsb nsh", "isb")


@pytest.mark.parametrize(
    ("between", "rules"),
    [((), ["5k"]), (EMPTY, []), *(((*EMPTY[:n], *EMPTY[n + 1 :]), ["5k"]) for n in (1, 2, 3))],
    ids=["nothing", "all", "no-isb", "no-tlbi", "no-dsb"],
)
def test_5k_global_translations_of_two_roots(
    machine: Machine, between: tuple[str, ...], rules: list[str]
) -> None:
    one = Tables(machine, on=False)
    other = Tables(machine, 0x140000, on=False)
    switch(machine, one.root, other.root, *between)
    assert machine.rules() == rules


@pytest.mark.parametrize("same_asid", [True, False])
def test_5l_translations_of_one_asid(machine: Machine, same_asid: bool) -> None:
    one = Tables(machine, leaf=RW | NOT_GLOBAL, on=False)
    other = Tables(machine, 0x140000, leaf=RW | NOT_GLOBAL, on=False)
    switch(machine, one.root | 1 << 48, other.root | (1 if same_asid else 2) << 48)
    assert machine.rules() == (["5l"] if same_asid else [])


def test_5l_tlbi_of_the_asid_is_enough(machine: Machine) -> None:
    one = Tables(machine, leaf=RW | NOT_GLOBAL, on=False)
    other = Tables(machine, 0x140000, leaf=RW | NOT_GLOBAL, on=False)
    switch(machine, one.root, other.root, "empty", "isb", "tlbi aside1is", "dsb ish", "isb")
    assert machine.rules() == []


# --- other halves and granules ---


def test_an_upper_half_with_a_short_root(machine: Machine, tables: Tables) -> None:
    """36 bits: the root has 64 descriptors, those of the address above them are all 1."""
    root = machine.base + 0x140000
    machine.write(root + 8 * (VA >> 30), tables.middle | TABLE)
    machine.do("msr tcr_el1", value=TCR & ~(0x3F << 16) & ~(1 << 23) | 28 << 16)
    machine.do("isb", "tlbi vmalle1", "dsb sy")
    machine.do("msr ttbr1_el1", value=root)
    machine.do("isb")
    machine.used(tables.page)
    machine.load(0xFFFFFFF000000000 | VA, WALK)
    assert machine.rules() == []


@pytest.mark.parametrize(("granule", "size", "block"), [(1, 25, 29), (2, 28, 25)])
def test_a_granule_that_is_not_followed(
    machine: Machine, granule: int, size: int, block: int
) -> None:
    """Its tables are no rule's, but what they map is known."""
    root, code, uncached = machine.base + 0x140000, 0x40000000000701, 2 << 2
    entry = root + 8 * (machine.base >> block)
    machine.write(entry, machine.base | code)
    machine.do("msr mair_el1", value=MAIR)
    machine.do("msr tcr_el1", value=TCR & ~0xC03F | granule << 14 | size)
    machine.do("msr ttbr0_el1", value=root)
    machine.do("isb")
    machine.used(machine.base + OTHER)
    machine.load(machine.base + OTHER, WALK)
    machine.access(LDXR, machine.base + OTHER, WALK)
    assert machine.rules() == []
    machine.store(entry, machine.base | code | uncached)
    machine.access(LDXR, machine.base + OTHER, WALK)
    assert machine.rules() == ["1-exclusive-not-cacheable"]
