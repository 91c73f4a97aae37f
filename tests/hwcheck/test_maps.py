# SPDX-License-Identifier: MIT
"""Rule 7, event by event: what a descriptor maps, as it becomes reachable by its store."""

from __future__ import annotations

import pytest
from events import PAGE, RAM_SIZE, RW, RX, Machine, Tables

DEVICE = 0x60000000000407  # index 1 of MAIR, never executed
NC = RW | 2 << 2
XN = 0x60000000000000  # UXN and PXN
PXN = 1 << 53
EL0 = 0x40  # AP[1]
WXN = 1 << 19
RAM = 0  # the page comes from RAM, else the first one behind it


def made(machine: Machine, descriptor: int, *, outside: bool = False) -> list[str]:
    """Return the rules that a new descriptor with these attributes breaks."""
    tables = Tables(machine)
    page = machine.base + RAM_SIZE if outside else tables.page + PAGE
    machine.store(tables.entry + 8, page | descriptor)
    return machine.rules()


@pytest.mark.parametrize(
    ("descriptor", "outside", "rules"),
    [(RW, False, []), (RW, True, ["7a"]), (NC, True, ["7a"]), (DEVICE, True, [])],
)
def test_7a_normal_memory_outside_of_ram(
    machine: Machine, descriptor: int, outside: bool, rules: list[str]
) -> None:
    assert made(machine, descriptor, outside=outside) == rules


@pytest.mark.parametrize(
    ("descriptor", "rules"),
    [
        (DEVICE, []),
        (DEVICE & ~PXN, ["7b"]),
        (DEVICE & ~XN, ["7b"]),
        (DEVICE & ~(1 << 54), []),  # for EL0, which cannot read it
        (DEVICE & ~(1 << 54) | EL0, ["7b"]),
    ],
)
def test_7b_a_device_that_is_executable(
    machine: Machine, descriptor: int, rules: list[str]
) -> None:
    assert made(machine, descriptor, outside=True) == rules


@pytest.mark.parametrize(
    ("descriptor", "rules"),
    [
        (RW & ~XN, ["7c"]),
        (RW & ~PXN, ["7c"]),
        (RX & ~XN, []),
        (RW & ~XN | EL0, ["7c"]),  # EL0 may write it: EL1 does not execute it, EL0 does
        (RW | EL0, []),
    ],
)
def test_7c_writable_and_executable(machine: Machine, descriptor: int, rules: list[str]) -> None:
    assert made(machine, descriptor) == rules


def test_7c_not_with_wxn(machine: Machine) -> None:
    machine.core(0, sctlr=0x30D0180D | WXN)
    assert made(machine, RW & ~XN) == []


@pytest.mark.parametrize(
    ("share", "rules"), [(0, ["7d"]), (2, ["7d"]), (3, [])], ids=["none", "outer", "inner"]
)
def test_7d_write_back_and_not_inner_shareable(
    machine: Machine, share: int, rules: list[str]
) -> None:
    assert made(machine, RW & ~0x300 | share << 8) == rules


def test_7d_what_is_not_cached_is_always_shareable(machine: Machine) -> None:
    assert made(machine, NC & ~0x300) == []


@pytest.mark.parametrize(("descriptor", "rules"), [(RW, []), (NC, ["7e"]), (DEVICE, ["7e"])])
def test_7e_one_page_with_two_types(machine: Machine, descriptor: int, rules: list[str]) -> None:
    tables = Tables(machine)
    machine.store(tables.entry + 8, tables.page | descriptor)
    assert machine.rules() == rules


def test_7e_not_once_the_other_one_is_gone(machine: Machine) -> None:
    tables = Tables(machine)
    machine.store(tables.entry, 0)
    machine.do("dsb ishst", "tlbi vmalle1is", "dsb ish")
    machine.store(tables.entry + 8, tables.page | NC)
    assert machine.rules() == []
