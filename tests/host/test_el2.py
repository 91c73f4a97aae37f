# SPDX-License-Identifier: MIT
"""What EL1 may do to EL2, as assembled: the traps that are set, and how the stub answers."""

from __future__ import annotations

import re
from pathlib import Path

import disassembly

RW, TSC = 1 << 31, 1 << 19
UNDEFINED = 1 << 25  # ESR_EL1 of class 0: IL alone


def code(name: str, section: str, folder: Path) -> list[str]:
    path = disassembly.assemble(name, folder, '-DBUILD_NAME="test"')
    return [text for _, text in disassembly.instructions(path, section)]


def test_smc_is_trapped_and_nothing_else(tmp_path: Path) -> None:
    start = code("start.S", ".text.head", tmp_path)
    at = start.index("msr hcr_el2, x0")
    assert start[at - 2 : at] == [f"mov x0, #{RW:#x} // #{RW}", f"orr x0, x0, #{TSC:#x}"]


def test_the_stub_makes_other_calls_undefined_instructions(tmp_path: Path) -> None:
    stub = "\n".join(code("el2.S", ".text.el2", tmp_path))
    # SMC has trapped: ELR is its address. HVC was executed: ELR is behind it.
    assert re.search(r"cmp x9, #0x17\nb\.eq \w+ <el2_undefined>", stub)
    assert "cmp x9, #0x16\nb.ne" in stub
    assert "and x9, x9, #0xffff\ncmp x9, #0x7e2\nb.ne" in stub
    back = "mrs x9, elr_el2\nsub x9, x9, #0x4\nmsr elr_el2, x9\n"
    assert back + f"mov x9, #{UNDEFINED:#x} // #{UNDEFINED}\nmsr esr_el2, x9" in stub


def test_a_call_of_the_entry_is_refused_before_the_mmu_is_off(tmp_path: Path) -> None:
    start = code("start.S", ".text.head", tmp_path)
    at = start.index("msr sctlr_el1, x0")
    assert any(text.startswith("tbnz x0, #63,") for text in start[at - 4 : at])
