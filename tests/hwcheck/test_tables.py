# SPDX-License-Identifier: MIT
"""Rules 5 and 7, event by event."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from events import WALK, Machine

PAGE = 4096
VA = 0x40201000  # of the page; VA = PA - base elsewhere
RW = 0x60000000000703
TABLE = 3


class Tables:
    """Three levels of tables from level 1 (T0SZ = 25), one page mapped at VA."""

    def __init__(self, machine: Machine) -> None:
        self.root, self.middle, self.last, self.page = (
            machine.base + 0x100000 + n * PAGE for n in range(4)
        )
        machine.write(self.root + 8 * (VA >> 30), self.middle + TABLE)
        machine.write(self.middle + 8 * (VA >> 21 & 511), self.last + TABLE)
        self.entry = self.last + 8 * (VA >> 12 & 511)
        self.descriptor = self.page + RW
        machine.write(self.entry, self.descriptor)
        machine.do("msr mair_el1", value=0x4404FF)
        machine.do("msr tcr_el1", value=0x1B5193519)
        machine.do("msr ttbr0_el1", value=self.root)
        machine.do("isb")


@pytest.fixture
def tables(machine: Machine) -> Iterator[Tables]:
    yield Tables(machine)


def test_5c_a_page_that_is_gone_without_a_tlbi(machine: Machine, tables: Tables) -> None:
    machine.load(VA, WALK)
    machine.store(tables.entry, 0)
    machine.do("dsb ish", "isb")
    machine.load(VA, WALK)
    assert machine.rules() == ["5c"]


def test_5c_a_page_that_is_gone_and_flushed(machine: Machine, tables: Tables) -> None:
    machine.load(VA, WALK)
    machine.store(tables.entry, 0)
    machine.do("dsb ishst")
    machine.do("tlbi vae1is", value=VA >> 12)
    machine.do("dsb ish", "isb")
    machine.store(tables.entry, tables.descriptor)
    machine.do("dsb ishst", "isb")
    machine.load(VA, WALK)
    assert machine.rules() == []
