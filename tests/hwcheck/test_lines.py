# SPDX-License-Identifier: MIT
"""Rules 1 to 4, event by event."""

from __future__ import annotations

from pathlib import Path

import pytest
from events import (
    DEVICE,
    DMA,
    LDXR,
    LOAD,
    NC,
    RESET,
    RET,
    SEV,
    STXR,
    WB,
    WT,
    Machine,
)

LINE = 64
SYNC = ["dc cvau", "dsb ish", "ic ivau", "dsb ish", "isb"]


@pytest.fixture
def at(machine: Machine) -> int:
    """The address of a line."""
    return machine.base + 0x5000


@pytest.mark.parametrize("word", [LDXR, STXR])
@pytest.mark.parametrize("memory", [DEVICE, NC, WT])
def test_1_an_exclusive_access_has_to_be_write_back(
    machine: Machine, at: int, word: int, memory: int
) -> None:
    machine.access(word, at, WB)
    assert machine.rules() == []
    machine.access(word, at + LINE, memory)
    assert machine.rules() == ["1-exclusive-not-cacheable"]


def test_2a_a_device_access_is_aligned_to_its_elements(machine: Machine, at: int) -> None:
    machine.access(0x29400000, at + 4, DEVICE)  # LDP of words
    machine.access(LOAD[8], at + 4, NC)
    assert machine.rules() == []
    machine.access(LOAD[8], at + 4, DEVICE)
    assert machine.rules() == ["2a"]


def test_2b_dc_zva_of_a_device(machine: Machine, at: int) -> None:
    machine.do("dc zva", value=at)
    assert machine.rules() == []
    machine.do("dc zva", value=at + LINE, memory=DEVICE)
    assert machine.rules() == ["2b"]


@pytest.mark.parametrize("missing", range(5))
def test_3_each_step_from_a_store_to_a_fetch(machine: Machine, at: int, missing: int) -> None:
    steps = [step for number, step in enumerate(SYNC) if number != missing]
    machine.fetch(at, RET)
    machine.store(at, RET)
    machine.do(*steps, value=at)
    machine.fetch(at, RET)
    assert machine.rules() == ["3-stale-instruction-fetch"]


def test_3_all_steps(machine: Machine, at: int) -> None:
    for _ in range(3):
        machine.store(at, RET)
        machine.do(*SYNC, value=at)
        machine.fetch(at, RET)
    assert machine.rules() == []


def test_3_data_beside_code_may_be_written(machine: Machine, at: int) -> None:
    machine.fetch(at, RET)
    machine.store(at + 8)
    machine.fetch(at, RET)
    assert machine.rules() == []


def test_3_ic_iallu_is_for_lines_that_were_cleaned_before(machine: Machine, at: int) -> None:
    machine.store(at, RET)
    machine.do("dc cvau", value=at)
    machine.do("dsb ish", "ic iallu", "dsb nsh", "isb")
    machine.fetch(at, RET)
    assert machine.rules() == []
    machine.store(at, RET)
    machine.do("dc cvau", value=at)
    machine.do("ic iallu", "dsb nsh", "isb")
    machine.fetch(at, RET)
    assert machine.rules() == ["3-stale-instruction-fetch"]


def test_3_a_core_without_instruction_cache_needs_memory_to_be_right(
    machine: Machine, at: int
) -> None:
    machine.core(1, sctlr=0x30D00800)
    machine.store(at, RET)
    machine.do("dc civac", "dsb sy", value=at)
    machine.fetch(at, RET, core=1)
    assert machine.rules() == []
    machine.store(at, RET)
    machine.fetch(at, RET, core=1)
    assert machine.rules() == ["3-fetch-of-dirty-line"]


@pytest.mark.parametrize("memory", [DEVICE, NC])
def test_4a_is_exact_to_the_byte(machine: Machine, at: int, memory: int) -> None:
    machine.store(at + 8, size=4)
    machine.load(at + 12, memory, size=4)
    machine.load(at + LINE, memory)
    assert machine.rules() == []
    machine.load(at + 11, memory, size=1)
    assert machine.rules() == ["4a"]


@pytest.mark.parametrize("clean", ["dc cvac", "dc civac"])
def test_4a_a_clean_counts_after_its_dsb(machine: Machine, at: int, clean: str) -> None:
    machine.store(at)
    machine.do(clean, value=at)
    machine.do("dsb sy")
    machine.load(at, NC)
    assert machine.rules() == []
    machine.store(at)
    machine.do(clean, value=at)
    machine.do("dmb sy", "dsb ishst")  # these do not complete it
    machine.load(at, NC)
    assert machine.rules() == ["4a"]


def test_4a_a_clean_to_the_point_of_unification_is_not_enough(machine: Machine, at: int) -> None:
    machine.store(at)
    machine.do("dc cvau", "dsb sy", value=at)
    machine.load(at, NC)
    assert machine.rules() == ["4a"]


def test_4a_a_device_reads(machine: Machine, at: int) -> None:
    machine.store(at)
    machine.event(DMA, at + 8, 56)
    assert machine.rules() == []
    machine.event(DMA, at, 64)
    assert machine.rules() == ["4a"]


def test_4a_another_core_without_cache_reads(machine: Machine, at: int) -> None:
    machine.core(1, sctlr=0x30D00800)
    machine.store(at)
    machine.load(at, DEVICE, core=1)
    assert machine.rules() == ["4a"]


def test_4a_the_spin_table_at_sev(machine: Machine) -> None:
    table = machine.base + 0xE0
    machine.store(table)
    machine.do("dc civac", "dsb sy", value=table)
    machine.system(SEV)
    assert machine.rules() == []
    machine.store(table + 8)
    machine.system(SEV)
    assert machine.rules() == ([] if machine.base else ["4a"])  # the Raspberry Pis have one


@pytest.mark.parametrize("store", [False, True])
def test_4b_a_line_whose_memory_is_newer(machine: Machine, at: int, store: bool) -> None:
    machine.load(at)
    machine.event(DMA, at, 8, True)
    machine.load(at + 8)  # these bytes are the same
    assert machine.rules() == []
    machine.store(at + 8) if store else machine.load(at)
    assert machine.rules() == ["4b"]


@pytest.mark.parametrize("operation", ["dc ivac", "dc civac"])
def test_4b_an_invalidation_counts_after_its_dsb(
    machine: Machine, at: int, operation: str
) -> None:
    machine.load(at)
    machine.event(DMA, at, LINE, True)
    machine.do(operation, "dsb sy", value=at)
    machine.load(at)
    assert machine.rules() == []
    machine.event(DMA, at, LINE, True)
    machine.do(operation, value=at)
    machine.load(at)
    assert machine.rules() == ["4b"]


def test_4b_what_is_mapped_may_come_back_by_speculation(machine: Machine, at: int) -> None:
    machine.load(at)
    machine.do("dc civac", "dsb sy", value=at)
    machine.event(DMA, at, LINE, True)
    machine.load(at)
    assert machine.rules() == ["4b"]


SCTLR_ON, SCTLR_OFF = 0x30D0180D, 0x30D00800


@pytest.mark.parametrize("after", [False, True])
def test_4b_an_invalidation_with_the_mmu_on_does_not_last(
    machine: Machine, at: int, after: bool
) -> None:
    # Speculation may bring the line back before the MMU is off: the store is not seen then.
    machine.load(at)
    machine.do("dc civac", "dsb sy", value=at)
    machine.do("msr sctlr_el1", "isb", value=SCTLR_OFF)
    if after:
        machine.do("dc ivac", "dsb sy", value=at)
    machine.store(at, memory=DEVICE)
    machine.store(at + 8, memory=DEVICE)
    machine.do("msr sctlr_el1", "isb", value=SCTLR_ON)
    machine.load(at + 8)
    machine.load(at)
    assert machine.rules() == ([] if after else ["4b"])


def test_4b_an_invalidation_with_the_mmu_off_lasts_until_it_is_on(
    machine: Machine, at: int
) -> None:
    machine.load(at)
    machine.do("msr sctlr_el1", "isb", value=SCTLR_OFF)
    machine.do("dc ivac", "dsb sy", value=at)
    machine.do("msr sctlr_el1", "isb", value=SCTLR_ON)
    machine.do("msr sctlr_el1", "isb", value=SCTLR_OFF)
    machine.store(at, memory=DEVICE)
    machine.do("msr sctlr_el1", "isb", value=SCTLR_ON)
    machine.load(at)
    assert machine.rules() == ["4b"]


def test_4b_a_whole_line_is_replaced_by_dc_zva(machine: Machine, at: int) -> None:
    machine.load(at)
    machine.event(DMA, at, LINE, True)
    machine.do("dc zva", value=at)
    machine.load(at)
    assert machine.rules() == []


def test_4c_a_store_under_a_dirty_line(machine: Machine, at: int) -> None:
    machine.store(at)
    machine.store(at + LINE, memory=NC)
    assert machine.rules() == []
    machine.store(at + 8, memory=NC)
    assert machine.rules() == ["4c"]


def test_4d_dc_ivac_of_a_dirty_line(machine: Machine, at: int) -> None:
    machine.store(at)
    machine.do("dc cvac", "dc ivac", "dsb sy", value=at)
    assert machine.rules() == []
    machine.store(at)
    machine.do("dc ivac", value=at)
    assert machine.rules() == ["4d"]


@pytest.mark.parametrize("operation", ["dc cvac", "dc civac"])
def test_4f_a_dirty_line_over_newer_memory(machine: Machine, at: int, operation: str) -> None:
    machine.store(at)
    machine.event(DMA, at + 8, 8, True)
    machine.do(operation, value=at)
    assert machine.rules() == ["4c", "4f"]


def test_4g_what_was_dirty_at_a_reset(machine: Machine, at: int) -> None:
    machine.store(at)
    machine.store(at + LINE)
    machine.do("dc cvac", "dsb sy", value=at)
    machine.event(RESET)
    machine.load(at, DEVICE)
    machine.load(at + LINE + 8, DEVICE)
    assert machine.rules() == []
    machine.load(at + LINE, DEVICE)
    assert machine.rules() == ["4g"]


LDP, LDR_Q = 0xA9400000, 0x3DC00000


@pytest.mark.parametrize("word", [LDP, LDR_Q])
def test_4g_a_word_of_a_string_is_read_beyond_its_end(
    machine: Machine, at: int, word: int
) -> None:
    string = at + LINE - 12  # its 12 bytes, and the first 4 of the line behind
    machine.store(at + LINE)
    machine.event(RESET)
    machine.access(word, string)
    machine.load(at + LINE - 4)
    assert machine.rules() == []
    machine.load(at + LINE - 2, size=4)  # no string function reads so
    assert machine.rules() == ["4g"]


@pytest.mark.parametrize("word", [LDP, LDR_Q])
def test_4g_nothing_of_the_word_is_good(machine: Machine, at: int, word: int) -> None:
    machine.store(at)
    machine.store(at + 8)
    machine.event(RESET)
    machine.access(word, at)
    assert machine.rules() == ["4g"]


def test_4g_it_is_written_before(machine: Machine, at: int) -> None:
    machine.store(at)
    machine.event(RESET)
    machine.store(at, memory=DEVICE)
    machine.load(at)
    assert machine.rules() == []


def test_4g_an_image_is_loaded_again(tmp_path: Path) -> None:
    made = Machine(tmp_path, 0, "image=5000-6000")
    made.store(0x5000)
    made.store(0x6000)
    made.event(RESET)
    made.load(0x5000)
    assert made.rules() == []
    made.load(0x6000)
    assert made.rules() == ["4g"]
    made.close()


def test_4h_set_and_way_with_the_cache_on(machine: Machine) -> None:
    machine.core(1, sctlr=0x30D00800)
    machine.do("dc cisw", core=1)
    assert machine.rules() == []
    machine.do("dc cisw")
    assert machine.rules() == ["4h"]


def test_a_report_names_the_last_writer_and_what_came_before(machine: Machine, at: int) -> None:
    machine.store(at)
    machine.do("dsb sy", "isb")
    machine.load(at, NC)
    (report,) = machine.violations()
    assert report.cause == 0xC0DE0000 and report.pc == 0xC0DE000C
    assert [each["text"] for each in report.recent] == ["dsb sy", "isb"]
    assert (report.va, report.pa, report.core, report.el) == (at, at, 0, 1)
