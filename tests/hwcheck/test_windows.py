# SPDX-License-Identifier: MIT
"""Where devices are, for rule 8c: by the device trees of the SoCs, and by QEMU's map of memory."""

from __future__ import annotations

import re
from pathlib import Path

import fdt
import pytest

from pimem.board import hwcheck, tree, windows
from pimem.board.boards import Board
from pimem.board.hwcheck import MACHINES
from pimem.board.qemu import Qemu
from pimem.card import firmware
from pimem.commands.hwcheck import MACHINES as ARGS
from pimem.exits import Refusal

Spans = list[tuple[int, int]]
TREES = {"raspi3b": "bcm2710", "raspi4b": "bcm2711"}
FLAT = r"^  ([0-9a-f]{16})-([0-9a-f]{16}) \(prio -?\d+, ([\w/]+)\)"


def pages(spans: Spans, within: tuple[tuple[int, int], ...]) -> set[int]:
    """Return the numbers of the pages that the spans touch, of those within the ranges."""
    size = windows.PAGE
    found: set[int] = set()
    for start, end in spans:
        for low, high in within:
            found.update(range(max(start, low) // size, -(-min(end, high) // size)))
    return found


def translations(node: fdt.Node, parent: fdt.Node) -> list[tuple[int, int, int]]:
    """Return "ranges": where a child's address is for the parent, and the size."""
    sizes = [tree.words(node, "#address-cells")[0], tree.words(parent, "#address-cells")[0]]
    child, size = sizes[0], tree.words(node, "#size-cells")[0]
    cells, step = tree.words(node, "ranges"), sum(sizes) + size
    rows = [cells[at : at + step] for at in range(0, len(cells), step)]
    return [
        (tree.join(row[:child]), tree.join(row[child:-size]), tree.join(row[-size:]))
        for row in rows
    ]


def devices_of_tree(blob: bytes) -> Spans:
    """Return the registers of devices on the buses that the root has."""
    root = tree.parse(blob).root
    found: Spans = []
    for bus in root.nodes:
        if not tree.words(bus, "ranges"):
            continue
        for node in bus.nodes:
            for start, end in tree.ranges(node, bus):
                for child, parent, size in translations(bus, root):
                    if child <= start < child + size:
                        found.append((start - child + parent, end - child + parent))
    return found


def devices_of_qemu(machine: str) -> Spans:
    board = Board(machine, machine, "", machine, ARGS[machine], False, "", "", ())
    with Qemu(board, []) as qemu:
        views = qemu.qmp.human("info mtree -f").split("FlatView #")
    (view,) = (each for each in views if 'AS "cpu-memory-0"' in each)
    rows = re.findall(FLAT, view, re.MULTILINE)
    return [(int(start, 16), int(end, 16) + 1) for start, end, kind in rows if kind != "ram"]


def trees_of(soc: str) -> list[bytes]:
    try:
        files = firmware.from_debian(print, (firmware.TREES,))
    except Refusal as exc:
        pytest.skip(f"the card's trees are not here, and cannot be fetched: {exc}")
    return [each.data for each in files if each.name.startswith(soc)]


@pytest.mark.parametrize("machine", ["raspi3b", "raspi4b", "virt"])
def test_each_device_has_its_window_and_each_window_a_device(machine: str) -> None:
    hardware = hwcheck.machine_of(machine, 1024)
    found = devices_of_qemu(machine)
    if machine in TREES:
        for blob in trees_of(TREES[machine]):
            found += devices_of_tree(blob)
    have = pages(list(hardware.device), hardware.mmio)
    assert have == pages(found, hardware.mmio)


def test_a_window_is_whole_pages_and_one_range() -> None:
    for listed in (windows.BCM2837, windows.BCM2711, windows.VIRT):
        assert len(listed) <= hwcheck.MOST_RANGES
        edges = [edge for span in listed for edge in span]
        assert edges == sorted(set(edges)) and not any(edge % windows.PAGE for edge in edges)


def test_the_ranges_of_the_plugin() -> None:
    header = (Path(hwcheck.folder()) / "event.h").read_text()
    assert f"#define HW_RANGES {hwcheck.MOST_RANGES}\n" in header
    assert all(each.device for each in MACHINES.values())
