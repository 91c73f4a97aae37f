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


def el3_code(folder: Path, *flags: str) -> list[str]:
    """What start.S does at EL3, up to its jump to EL2."""
    path = disassembly.assemble("start.S", folder, '-DBUILD_NAME="test"', *flags)
    texts = [text for _, text in disassembly.instructions(path, ".text.head")]
    return [re.sub(r" //.*| <.*", "", text) for text in texts[: texts.index("eret") + 1]]


def test_el3_does_what_the_firmware_s_stub_does(tmp_path: Path) -> None:
    """The registers that QEMU does not have: the counter's clock and the latency of the L2."""
    code_there = el3_code(tmp_path)
    l2 = code_there.index("mrs x0, s3_1_c11_c0_2")
    assert code_there[l2 + 1 : l2 + 4] == [
        "mov x1, #0x22",
        "orr x0, x0, x1",
        "msr s3_1_c11_c0_2, x0",
    ]
    clock = code_there.index("str wzr, [x1]")
    assert code_there[clock - 1] == "csel x1, x2, x1, eq"
    assert code_there[clock + 1 : clock + 3] == ["mov w0, #0x80000000", "str w0, [x1, #8]"]
    assert clock < code_there.index("msr cntfrq_el0, x0")
    assert code_there.index("msr sctlr_el2, x0") < code_there.index("msr elr_el3, x0")


def test_el2_s_own_translation_is_off_before_anything_else_there(tmp_path: Path) -> None:
    path = disassembly.assemble("start.S", tmp_path, '-DBUILD_NAME="test"')
    start = [text for _, text in disassembly.instructions(path, ".text.head")]
    el2 = start[start.index("eret") + 1 :]
    assert el2[1:3] == ["msr sctlr_el2, x0", "isb"]


def test_the_virt_build_touches_nothing_of_a_pi_at_el3(tmp_path: Path) -> None:
    there = "\n".join(el3_code(tmp_path, "-DBOARD_QEMU_VIRT"))
    assert "str wzr" not in there and "s3_1_c11_c0_2" not in there and "cntfrq" not in there
