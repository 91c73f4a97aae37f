# SPDX-License-Identifier: MIT
"""Which accesses of core 0 are done with before any rule is asked: none that a rule may report."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from events import DMA, PAGE, RESET, RX, VA, WALK, Machine, Tables

LINE = 64

OTHER = VA + PAGE  # a page beside


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    made.close()


@pytest.fixture
def tables(machine: Machine) -> Tables:
    """Both pages are mapped, and a line of each is in the cache."""
    made = Tables(machine, on=False)
    machine.write(made.entry + 8, made.descriptor + PAGE)
    machine.do("msr ttbr0_el1", value=made.root)
    machine.do("isb")
    machine.load(VA, WALK)
    machine.load(OTHER, WALK)
    return made


def test_a_line_in_the_cache(machine: Machine, tables: Tables) -> None:
    assert machine.quick(VA) and machine.quick(VA, store=True)
    assert not machine.quick(VA + LINE), "it is not in the cache yet"
    assert not machine.quick(VA + LINE - 4), "its second half is not"
    machine.load(VA + LINE, WALK)
    assert machine.quick(VA + LINE - 4) and machine.quick(VA + LINE - 4, store=True)
    assert not machine.quick(VA + PAGE - 4), "it ends in another page"


def test_what_a_device_wrote(machine: Machine, tables: Tables) -> None:
    machine.event(DMA, tables.page, 8, True)
    assert not machine.quick(VA) and not machine.quick(VA, store=True)
    assert not machine.quick(VA + 8), "of a line all bytes are looked at"
    machine.event(RESET)
    assert not machine.quick(OTHER)


def test_what_was_cleaned_or_ran_is_stored(machine: Machine, tables: Tables) -> None:
    machine.fetch(tables.page, 0xD503201F)
    assert not machine.quick(VA, store=True) and machine.quick(VA)
    machine.do("dc cvac", value=tables.page + PAGE)
    machine.store(OTHER, memory=WALK)
    machine.do("dc cvac", value=tables.page + PAGE)
    assert not machine.quick(OTHER) and not machine.quick(OTHER, store=True)


def test_a_page_whose_descriptor_is_on_its_way(machine: Machine, tables: Tables) -> None:
    for steps in (), ("dsb ishst",), ("tlbi vmalle1is",):
        if not steps:
            machine.store(tables.entry, tables.page + RX)
        machine.do(*steps)
        assert not machine.quick(VA), steps
        assert machine.quick(OTHER), steps
    machine.do("dsb ish")
    machine.do("isb")
    assert machine.quick(VA)


def test_a_page_that_a_table_no_longer_leads_to(machine: Machine, tables: Tables) -> None:
    machine.store(tables.middle_entry, 0)
    assert not machine.quick(VA) and not machine.quick(OTHER)
    machine.store(tables.middle_entry, tables.last + 3)
    assert not machine.quick(VA) and not machine.quick(OTHER), "not before TLBI and DSB"


def test_a_page_that_holds_a_table_is_read_only(machine: Machine, tables: Tables) -> None:
    machine.do("dsb ish", "isb")
    machine.store(tables.entry + 16, tables.last + 0x60000000000703)  # the table maps itself
    machine.do("dsb ish", "isb")
    machine.load(OTHER + PAGE, WALK)
    assert machine.quick(OTHER + PAGE) and not machine.quick(OTHER + PAGE, store=True)


def test_a_register_of_translation_changed(machine: Machine, tables: Tables) -> None:
    machine.do("msr ttbr0_el1", value=tables.root + PAGE)
    assert not machine.quick(VA)
