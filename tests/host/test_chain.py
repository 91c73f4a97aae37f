# SPDX-License-Identifier: MIT
"""The assembled way into another kernel, read back with objdump. QEMU has no caches and would
forgive nearly any order; hardware needs this one."""

from __future__ import annotations

import re

import disassembly
import pytest

# Clean what this kernel wrote; leave the MMU; copy; drop the lines that speculation fetched
# meanwhile; only then fetch instructions. Then the other cores: their words are written before
# they are looked at, the counter is read in order, their interrupts are gone before the jump.
COPIER = """
    dc civac
    dsb sy
    msr sctlr_el1
    isb
    tlbi vmalle1
    dsb nsh
    isb
    hvc #0x7e2
    dsb sy
    dc ivac
    dsb sy
    ic iallu
    dsb sy
    isb
    dsb sy
    isb
    dsb sy
    br x4
"""
JUMP = "msr daifset, msr ttbr0_el1, isb, tlbi vmalle1, dsb nsh, isb, br x1"
SYSTEM = re.compile(r"(dc|ic|tlbi|dsb|isb|hvc|eret|br|blr|ret)\b|msr\b")


@pytest.fixture(scope="module")
def assembled(tmp_path_factory: pytest.TempPathFactory) -> str:
    return disassembly.assemble("chain.S", tmp_path_factory.mktemp("chain"))


@pytest.fixture(scope="module")
def copier(assembled: str) -> list[tuple[int, str]]:
    return disassembly.instructions(assembled, ".text.chain_copier")


def system(code: list[tuple[int, str]]) -> list[str]:
    """The instructions whose order matters, without what they operate on."""
    texts = [text for _, text in code if SYSTEM.match(text)]
    return [text if text[:2] == "br" else text.partition(",")[0] for text in texts]


def test_the_copier_cleans_leaves_copies_and_invalidates_in_this_order(copier) -> None:
    assert system(copier) == [line.strip() for line in COPIER.strip().splitlines()]


def test_the_jump_masks_everything_first(assembled: str) -> None:
    code = disassembly.instructions(assembled, ".text.chain_jump")
    assert ", ".join(system(code)) == JUMP
    assert code[0][1] == "msr daifset, #0xf"


def test_mmu_and_caches_are_off_and_the_reserved_bits_as_they_must_be(copier) -> None:
    texts = [re.sub(r" //.*", "", text) for _, text in copier]
    at = texts.index("msr sctlr_el1, x1")
    assert texts[at - 2 : at] == ["mov w1, #0x800", "movk w1, #0x30d0, lsl #16"]
    assert 0x30D00800 & (1 << 0 | 1 << 2 | 1 << 12) == 0, "M, C, I"


def test_the_copy_lies_between_the_end_of_the_mmu_and_the_invalidation(copier) -> None:
    texts = [text for _, text in copier]
    stores = [n for n, text in enumerate(texts) if text.startswith(("st", "swp"))]
    off, drop = texts.index("msr sctlr_el1, x1"), texts.index("dc ivac, x6")
    stores = [n for n in stores if n < drop]
    assert len(stores) == 2 and off < min(stores)
    assert all(re.fullmatch(r"stp x\d+, x\d+, \[x3\], #16", texts[n]) for n in stores)


def test_after_the_copy_only_the_other_cores_are_written_to(copier) -> None:
    texts = [text for _, text in copier]
    stores = [text for text in texts[texts.index("ic iallu") :] if text.startswith("st")]
    words = ["str x2, [x1, #8]", "stp x2, x2, [x1, #16]"]
    cleared = [f"str w2, [x1, #{0xCC + 16 * core}]" for core in (1, 2, 3)]
    disabled = [f"str wzr, [x1, #{0x50 + 4 * core}]" for core in (1, 2, 3)]
    assert stores == words + cleared + disabled


def test_the_wait_for_the_other_cores_ends_after_a_second(copier) -> None:
    texts = [text for _, text in copier]
    at = texts.index("mrs x4, cntpct_el0")
    assert texts[at : at + 3] == [
        "mrs x4, cntpct_el0",
        "mrs x5, cntfrq_el0",
        "add x4, x4, x5",
    ]
    look = texts.index("cmp x6, x4")
    assert texts[look - 1] == "mrs x6, cntpct_el0" and texts[look + 1].startswith("b.cc")


def test_nothing_but_the_plan_the_image_and_the_spin_table_is_read(copier) -> None:
    loads = [text for _, text in copier if text.startswith("ld")]
    assert loads == [
        "ldp x1, x2, [x0]",
        "ldr x1, [x0, #64]",
        "ldp x1, x2, [x0, #16]",
        "ldp x3, x5, [x0, #32]",
        "ldp x7, x8, [x1], #16",
        "ldp x9, x10, [x1], #16",
        "ldp x1, x2, [x0, #72]",
        "ldr x5, [x1, #8]",
        "ldp x6, x7, [x1, #16]",
        "ldr x1, [x0, #88]",
        "ldp x4, x0, [x0, #48]",
    ]


def test_the_copier_runs_at_any_address_and_without_a_stack(assembled: str, copier) -> None:
    assert "R_AARCH64" not in disassembly.run(disassembly.tool("objdump"), "-r", assembled)
    assert not any(re.search(r"\bw?sp\b", text) for _, text in copier)
