# SPDX-License-Identifier: MIT
"""Rules 6, 8, 9 and 10, event by event."""

from __future__ import annotations

from pathlib import Path

import pytest
from events import DEVICE, ERET_WORD, ISB_WORD, LOAD, NOP, RET, WB, Machine

from pimem.board import hwcheck

LOW, HIGH = 0x5000, 0xFFFF000000005000
FMOV, AESE = 0x9E670000, 0x4E284820
UART, GIC = 0x3F201000, 0x3F841000


@pytest.fixture
def board(tmp_path: Path) -> Machine:
    """A machine with devices."""
    return Machine(tmp_path, 0, "mmio=3f000000-40000000", f"gic={GIC:x}-{GIC + 0x1000:x}")


@pytest.mark.parametrize("register", ["mair_el1", "sctlr_el1", "tcr_el1", "ttbr0_el1"])
def test_6a_a_load_before_the_isb(machine: Machine, register: str) -> None:
    machine.do(f"msr {register}", value=0x30D0180D + 4096)
    machine.load(machine.base + LOW)
    assert machine.rules() == ["6a"]


@pytest.mark.parametrize("operation", ["dc civac", "ic ivau", "at s1e1r"])
def test_6a_an_operation_by_address_before_the_isb(machine: Machine, operation: str) -> None:
    machine.do("msr ttbr0_el1", value=0x5000)
    machine.do("ic iallu", "dsb sy")
    assert machine.rules() == []
    machine.do(operation, value=machine.base + LOW)
    assert machine.rules() == ["6a"]


def test_6a_an_isb_is_enough(machine: Machine) -> None:
    machine.do("msr mair_el1", value=0x4404FF)
    machine.fetch(machine.base + 0x1000, NOP, ISB_WORD, LOAD[8], RET)
    machine.do("isb")
    machine.load(machine.base + LOW)
    assert machine.rules() == []


def test_6a_a_branch_before_the_isb(machine: Machine) -> None:
    machine.do("msr mair_el1", value=0x4404FF)
    machine.fetch(machine.base + 0x1000, NOP, RET)
    assert machine.rules() == ["6a"]
    assert machine.violations()[0].pc == machine.base + 0x1004


def test_6a_only_the_half_that_the_root_translates(machine: Machine) -> None:
    machine.do("msr ttbr1_el1", value=0x5000)
    machine.fetch(machine.base + 0x1000, NOP, RET)
    machine.load(machine.base + LOW)
    assert machine.rules() == []
    machine.load(HIGH)
    assert machine.rules() == ["6a"]


def test_6a_the_value_that_it_has_already(machine: Machine) -> None:
    machine.do("msr mair_el1", value=0x44)
    machine.do("isb")
    machine.do("msr mair_el1", value=0x44)
    machine.load(machine.base + LOW)
    assert machine.rules() == []


def test_6a_registers_of_a_lower_level_count_from_eret_on(machine: Machine) -> None:
    machine.core(0, el=2)
    machine.do("msr mair_el1", value=0x44)
    machine.load(machine.base + LOW)
    machine.fetch(machine.base + 0x1000, ERET_WORD)
    assert machine.rules() == []


@pytest.mark.parametrize("isb", [True, False])
def test_6a_the_mmu_is_turned_on_after_an_isb(machine: Machine, isb: bool) -> None:
    machine.core(0, sctlr=0x30D00800)
    machine.do("msr mair_el1", value=0x44)
    machine.load(machine.base + LOW, DEVICE)
    if isb:
        machine.do("isb")
    machine.do("msr sctlr_el1", value=0x30D0180D)
    assert machine.rules() == ([] if isb else ["6a"])


@pytest.mark.parametrize("isb", [True, False])
def test_6b_floating_point_before_the_isb(machine: Machine, isb: bool) -> None:
    machine.do("msr cpacr_el1", value=3 << 20)
    if isb:
        machine.do("isb")
    machine.fetch(machine.base + 0x1000, NOP, FMOV)
    assert machine.rules() == ([] if isb else ["6b"])


@pytest.mark.parametrize("isb", [True, False])
def test_6c_an_exception_before_the_isb(machine: Machine, isb: bool) -> None:
    machine.do("msr vbar_el1", value=0x80000)
    if isb:
        machine.do("isb")
    machine.exception(0x56000000)
    assert machine.rules() == ([] if isb else ["6c"])


@pytest.mark.parametrize(("size", "offset"), [(1, 0), (2, 0), (8, 0)])
def test_8a_a_device_register_by_other_than_a_word(board: Machine, size: int, offset: int) -> None:
    board.load(UART + offset, DEVICE, size=size)
    assert board.rules() == ["8a"]
    board.close()


def test_8a_words_and_bytes_of_the_interrupt_controller(board: Machine) -> None:
    board.load(UART, DEVICE, size=4)
    board.load(GIC + 1, DEVICE, size=1)
    assert board.rules() == []
    board.load(GIC, DEVICE, size=2)
    assert board.rules() == ["8a"]
    board.close()


@pytest.mark.parametrize("size", [1, 2, 4, 8])
def test_8a_a_device_that_takes_each_width(tmp_path: Path, size: int) -> None:
    board = Machine(tmp_path, 0, "mmio=0-40000000", "widths=9000000-9001000")
    board.load(0x9000000, DEVICE, size=size)
    board.store(0x9000FF8, memory=DEVICE, size=size)
    assert board.rules() == []
    board.load(0x9001000, DEVICE, size=1)
    assert board.rules() == ["8a"]
    board.close()


def test_8b_a_device_register_through_the_cache(board: Machine) -> None:
    board.load(UART, WB, size=4)
    assert board.rules() == ["8b"]
    board.close()


@pytest.mark.parametrize("store", [False, True])
def test_8c_an_address_at_which_no_device_answers(tmp_path: Path, store: bool) -> None:
    windows = (f"device={UART:x}-{UART + 0x1000:x}", f"device={GIC:x}-{GIC + 0x2000:x}")
    board = Machine(tmp_path, 0, "mmio=3f000000-40000000", *windows)
    access = board.store if store else board.load
    for address in (UART + 0xFFC, GIC + 0x1000, 0x3EFFFFFC, 0x40000000):
        access(address, memory=DEVICE, size=4)
    assert board.rules() == []
    access(UART + 0x1000, memory=DEVICE, size=4)
    assert board.rules() == ["8c"]
    assert board.violations()[0].text.startswith("no device answers at 0x3f202000: ")
    board.close()


def test_8c_where_no_device_is_named(board: Machine) -> None:
    board.load(UART + 0x1000, DEVICE, size=4)
    assert board.rules() == []
    board.close()


def test_9_cryptography(machine: Machine) -> None:
    machine.fetch(machine.base + 0x1000, NOP, FMOV)
    assert machine.rules() == []
    machine.fetch(machine.base + 0x2000, NOP, AESE)
    assert machine.rules() == ["9-crypto"]
    assert machine.violations()[0].pc == machine.base + 0x2004


def test_6a_a_fetch_from_the_half_whose_root_was_written(machine: Machine) -> None:
    machine.do("msr ttbr1_el1", value=0x5000)
    machine.fetch(HIGH, NOP)
    assert machine.rules() == ["6a"]


UNDEFINED = 0x02000000


def test_10_an_exception_in_the_first_instruction_of_its_vector(machine: Machine) -> None:
    machine.exception(UNDEFINED, elr=0x80004, pc=0x200)
    assert machine.rules() == []
    machine.exception(UNDEFINED, elr=0x200, pc=0x200)
    machine.exception(UNDEFINED, elr=0x200, pc=0x200)
    (loop,) = machine.violations()
    assert (loop.rule, loop.pc, loop.va) == ("10-exception-loop", 0x200, 0x80004)
    assert loop.rule == hwcheck.EXCEPTION_LOOP
    assert loop.text.endswith("core 0 came there by an undefined instruction, ESR 0x2000000")


def test_10_code_at_the_vectors_of_a_reset_is_no_exception(machine: Machine) -> None:
    machine.exception(0, elr=0, pc=0)
    machine.exception(UNDEFINED, elr=0x204, pc=0x200)
    assert machine.rules() == []
