# SPDX-License-Identifier: MIT
"""The assembled switch of TTBR1, read back with objdump: its order and what it must not touch."""

import re

import disassembly
import pytest
from disassembly import run, tool

# As core/arch.h promises, as the recording fake plays it (test_space.py) and as hardware needs it.
ORDER = """
    ldp x1, x2, [x0]
    ldp x3, x4, [x0, #16]
    ldr x5, [x0, #32]
    mrs x6, daif
    adr x7, HIGH
    adr x8, LOW
    and x8, x8, #0xfff
    orr x8, x8, x5
    msr daifset, #0xf
    msr ttbr0_el1, x1
    isb
    tlbi vmalle1
    dsb ish
    isb
    br x8
LOW:
    msr ttbr1_el1, x2
    isb
    tlbi vmalle1
    dsb ish
    isb
    msr ttbr1_el1, x3
    isb
    br x7
HIGH:
    msr ttbr0_el1, x4
    isb
    tlbi vmalle1
    dsb ish
    isb
    msr daif, x6
    ret
"""


@pytest.fixture(scope="module")
def assembled(tmp_path_factory):
    return disassembly.assemble("switch_ttbr1.S", tmp_path_factory.mktemp("trampoline"))


@pytest.fixture(scope="module")
def instructions(assembled):
    return disassembly.instructions(assembled, ".text.trampoline")


def expected() -> tuple[list[str], dict[str, int]]:
    """The instructions of ORDER, and the offsets of its labels."""
    lines, labels = [], {}
    for line in ORDER.split("\n"):
        if line.endswith(":"):
            labels[line[:-1]] = 4 * len(lines)
        elif line.strip():
            lines.append(line.strip())
    return lines, labels


def test_the_switch_does_exactly_what_is_promised_in_this_order(instructions):
    lines, labels = expected()
    assert len(instructions) == len(lines)
    for (_, found), wanted in zip(instructions, lines, strict=True):
        for label, offset in labels.items():
            wanted = re.sub(rf"\b{label}\b", f"{offset:x}", wanted)
        assert re.sub(r" <.*>", "", found) == wanted


def test_no_memory_is_touched_while_ttbr1_is_away(instructions):
    texts = [text for _, text in instructions]
    away = texts[texts.index("msr ttbr1_el1, x2") : texts.index("msr ttbr0_el1, x4")]
    assert all(re.match(r"(msr|isb|tlbi|dsb|br)\b", text) for text in away)
    assert not any("sp" in text.split() for text in texts)


def test_the_code_runs_at_any_address(assembled):
    assert "R_AARCH64" not in run(tool("objdump"), "-r", assembled)


def test_the_code_fits_its_page_and_starts_one(assembled, instructions):
    header = run(tool("objdump"), "-h", "-j", ".text.trampoline", assembled)
    assert re.search(r"\.text\.trampoline\s.*2\*\*12", header)
    assert instructions[0][0] == 0 and instructions[-1][0] < 4096
