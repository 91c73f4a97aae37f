# SPDX-License-Identifier: MIT
"""The tables that a running machine really uses, read from its memory and judged by themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import layout
import pytest
import tables
from tables import Leaf

from pimem.testing import Machine, board_session

PAGE = 4096
VIDEOCORE = (0x3C000000, 0x3F000000)  # of a Pi whose firmware keeps 64 MiB


@dataclass
class Live:
    machine: Machine
    report: dict[str, Any]
    sections: dict[str, tuple[int, int, int, str]]  # name: va, pa, size, prot
    kernel: list[Leaf]
    identity: list[Leaf]
    tables: list[int]

    def all(self) -> list[Leaf]:
        return self.kernel + self.identity

    def is_ram(self, pa: int) -> bool:
        return any(start <= pa < end for start, end in self.report["ram"])


def overlaps(leaf: Leaf, start: int, end: int) -> bool:
    return leaf.pa < end and start < leaf.pa + leaf.size


@pytest.fixture(scope="module")
def live(machine: Machine) -> Live:
    # Something in each window: views, heaps, grown areas, a mapping of the user's.
    machine.exec(
        "import memory\nbig = bytearray(6 << 20)\nf = memory.frames.alloc(700)\n"
        "v = memoryview(f)\nv[0] = 1\nh = memory.Heap(100000)\n"
        f"memory.kernel.map({layout.FREE}, memory.frames.alloc(3))"
    )
    report = machine.eval("memory.report()")
    sections = {
        name: (va, pa, size, prot)
        for name, va, pa, size, prot in machine.eval("_memory.sections()", "import _memory")
    }
    qemu = machine.emulated()
    qemu.pause()
    try:
        kernel, upper = tables.walk(qemu.read_physical, report["ttbr1"], upper=True)
        identity, lower = tables.walk(qemu.read_physical, report["ttbr0"], upper=False)
    finally:
        qemu.resume()
    return Live(machine, report, sections, kernel, identity, upper + lower)


def test_the_walk_finds_the_kernel(live: Live) -> None:
    assert len(live.kernel) > 200
    assert len(live.identity) > 10
    text = live.sections["text"]
    assert any(leaf.va == text[0] and leaf.pa == text[1] for leaf in live.kernel)


def test_nothing_is_writable_and_executable(live: Live) -> None:
    assert [leaf for leaf in live.all() if leaf.writable and leaf.executable] == []


def test_no_frame_is_writable_in_one_place_and_executable_in_another(live: Live) -> None:
    for x in [leaf for leaf in live.all() if leaf.executable]:
        writable = [w for w in live.all() if w.writable and overlaps(w, x.pa, x.pa + x.size)]
        assert writable == []


def test_text_alone_is_executable(live: Live) -> None:
    va, _, size, _ = live.sections["text"]
    executable = [leaf for leaf in live.all() if leaf.executable]
    assert [leaf.va for leaf in executable] == list(range(va, va + size, PAGE))
    assert all(leaf.uxn and not leaf.pxn for leaf in executable), "never by EL0"


def test_text_and_rodata_are_read_only_in_every_alias(live: Live) -> None:
    for name in ("text", "rodata"):
        va, pa, size, _ = live.sections[name]
        aliases = [leaf for leaf in live.all() if overlaps(leaf, pa, pa + size)]
        assert [leaf for leaf in aliases if leaf.writable] == []
        for base in (va, layout.LINEAR + pa, pa):
            covered = sum(
                min(leaf.end, base + size) - max(leaf.va, base)
                for leaf in aliases
                if leaf.va < base + size and base < leaf.end
            )
            assert covered == size, f"{name} at {base:#x}"


def test_devices_are_never_executable_and_never_cached(live: Live) -> None:
    devices = [leaf for leaf in live.all() if leaf.memory_type == 1]
    assert devices
    assert [leaf for leaf in devices if leaf.executable] == []
    assert [leaf for leaf in devices if live.is_ram(leaf.pa)] == []
    for leaf in live.all():
        if not live.is_ram(leaf.pa):
            assert leaf.memory_type == 1, f"{leaf.va:#x} -> {leaf.pa:#x} is no RAM"


def test_ram_is_normal_and_inner_shareable(live: Live) -> None:
    for leaf in live.all():
        if live.is_ram(leaf.pa):
            assert leaf.memory_type == 0, f"{leaf.va:#x}"
            assert leaf.shareability == 3, "exclusives need inner shareable memory"


def test_reserved_memory_is_not_mapped(live: Live) -> None:
    for start, end, name in live.report["reserved"]:
        found = [leaf for leaf in live.all() if overlaps(leaf, start, end)]
        assert [leaf for leaf in found if leaf.memory_type == 0] == [], name


def test_video_core_s_memory_is_not_mapped(live: Live) -> None:
    if live.machine.name not in board_session.PIS:
        pytest.skip("QEMU_VIRT has no VideoCore")
    assert [leaf for leaf in live.all() if overlaps(leaf, *VIDEOCORE)] == []


def test_page_0_is_not_mapped(live: Live) -> None:
    assert [leaf for leaf in live.all() if leaf.va < PAGE] == []
    if live.machine.name in board_session.PIS:
        # The stub's polling loops are not ours: their memory has no cacheable alias.
        stub = [leaf for leaf in live.all() if overlaps(leaf, 0, 0x80000)]
        assert [leaf for leaf in stub if leaf.memory_type == 0] == []


def test_guards_are_not_mapped(live: Live) -> None:
    heap = live.report["heap"]
    stacks = [live.sections[name] for name in live.sections if "stack" in name]
    assert len(stacks) == 3
    guards = [(heap["base"] - PAGE, PAGE), (heap["base"] + heap["size"], PAGE)]
    for va, _, size, _ in stacks:
        guards += [
            (va - layout.STACK_GUARD_SIZE, layout.STACK_GUARD_SIZE),
            (va + size, layout.STACK_GUARD_SIZE),
        ]
    for start, size in guards:
        inside = [leaf for leaf in live.kernel if leaf.va < start + size and start < leaf.end]
        assert inside == [], f"guard at {start:#x}"
    mapped = sum(
        leaf.size for leaf in live.kernel if layout.STACKS <= leaf.va < layout.STACKS + (1 << 30)
    )
    assert mapped == sum(size for _, _, size, _ in stacks)


def test_the_kernel_half_is_global_and_the_lower_half_is_not(live: Live) -> None:
    assert [leaf for leaf in live.kernel if leaf.not_global] == []
    assert [leaf for leaf in live.identity if not leaf.not_global] == []


def test_every_leaf_has_its_access_flag_and_none_is_el0s_or_contiguous(live: Live) -> None:
    for leaf in live.all():
        assert leaf.accessed and not leaf.el0 and not leaf.contiguous, f"{leaf.va:#x}"


def test_the_linear_map_has_all_usable_ram_by_large_blocks(live: Live) -> None:
    linear = [leaf for leaf in live.kernel if leaf.va < layout.LINEAR + (1 << 39)]
    assert all(leaf.va == layout.LINEAR + leaf.pa for leaf in linear)
    usable = live.report["frames"]["total"] - live.report["frames"]["reserved"]
    assert sum(leaf.size for leaf in linear) == usable * PAGE
    assert any(leaf.size == 2 << 20 for leaf in linear)
    assert sum(leaf.size for leaf in linear if leaf.size >= 2 << 20) > usable * PAGE * 0.9


def test_no_table_is_used_twice_and_all_are_counted(live: Live) -> None:
    assert len(set(live.tables)) == len(live.tables)
    owners = live.report["owners"]
    assert owners["kernel tables"] + owners["identity tables"] == len(live.tables)
    assert all(live.is_ram(table) for table in live.tables)


def test_the_image_is_mapped_as_its_sections_say(live: Live) -> None:
    kernel = tables.runs([leaf for leaf in live.kernel if leaf.va >= layout.IMAGE])
    for name in ("text", "rodata", "data"):
        va, pa, size, prot = live.sections[name]
        assert (va, va + size, pa, prot, "normal") in kernel, name


def test_what_can_be_overrun_lies_between_unmapped_pages(live: Live) -> None:
    # The linear map has every frame once more, and devices are no memory.
    memory = [leaf for leaf in live.kernel if leaf.memory_type == 0]
    leaves = [leaf for leaf in memory if leaf.va >= layout.IMAGE]
    mapped = {va for leaf in leaves for va in range(leaf.va, leaf.va + leaf.size, PAGE)}
    told = live.machine.eval("[tuple(m) for m in memory.kernel.mappings()]", "import memory")
    name_at = {va: m[5] for m in told for va in range(m[0], m[1], PAGE) if m[0] >= layout.IMAGE}
    sections = {va: va + size for va, _, size, prot in live.sections.values() if "w" in prot}
    assert len(sections) == 6
    for start, end in sections.items():
        assert start - PAGE not in mapped and end not in mapped, hex(start)
    for leaf in leaves:
        last = leaf.va + leaf.size
        if leaf.writable and last in mapped:
            assert name_at[last] == name_at[leaf.va], "one area ends where another begins"
    assert {name_at[leaf.va] for leaf in leaves} > {"gc", "view", "heap", "kernel heap"}


@pytest.mark.parametrize("space", ["kernel", "identity"])
def test_mappings_tells_what_the_tables_say(live: Live, space: str) -> None:
    told = live.machine.eval(f"[tuple(m)[:5] for m in memory.{space}.mappings()]", "import memory")
    leaves = live.kernel if space == "kernel" else live.identity
    assert tables.joined(told) == tables.runs(leaves)


def test_a_walk_in_python_reads_the_same_descriptors(live: Live) -> None:
    sample = live.kernel[:: max(1, len(live.kernel) // 25)]
    for leaf in sample:
        got = live.machine.eval(
            f"[(s.level, s.descriptor) for s in memory.kernel.walk({leaf.va})][-1]"
        )
        assert got == [leaf.level, leaf.descriptor]


def test_the_thread_runs_on_its_guarded_stack(live: Live) -> None:
    qemu = live.machine.emulated()
    qemu.pause()
    try:
        registers = tables.registers(qemu.registers())
    finally:
        qemu.resume()
    text = live.sections["text"]
    assert text[0] <= registers["PC"] < text[0] + text[2]
    assert layout.THREAD_STACK_BOTTOM <= registers["SP"] <= layout.THREAD_STACK_TOP
