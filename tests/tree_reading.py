# SPDX-License-Identifier: MIT
"""What a device tree says of memory, read by the package `fdt`: independent of libfdt and of boot.

Only for trees that are well formed.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import fdt

Span = tuple[int, int]  # start, end


@dataclass
class Reading:
    ram: list[Span]
    reserved: list[Span]
    model: str


def words(node: fdt.Node, name: str) -> list[int]:
    """A property's cells: the package takes some for text."""
    prop = node.get_property(name)
    if isinstance(prop, fdt.PropStrings):
        raw = b"".join(text.encode() + b"\0" for text in prop.data)
        return list(struct.unpack(f">{len(raw) // 4}I", raw[: len(raw) // 4 * 4]))
    return list(prop.data) if isinstance(prop, fdt.PropWords) else []


def text(node: fdt.Node, name: str) -> str:
    prop = node.get_property(name)
    return prop.data[0] if isinstance(prop, fdt.PropStrings) else ""


def join(cells: list[int]) -> int:
    value = 0
    for cell in cells:
        value = value << 32 | cell
    return value


def ranges(node: fdt.Node, parent: fdt.Node) -> list[Span]:
    """The entries of "reg", by the parent's cells (Devicetree Specification 2.3.6)."""
    address = (words(parent, "#address-cells") or [2])[0]
    size = (words(parent, "#size-cells") or [1])[0]
    cells = words(node, "reg")
    found = []
    for at in range(0, len(cells), address + size):
        start = join(cells[at : at + address])
        found.append((start, start + join(cells[at + address : at + address + size])))
    return [(start, end) for start, end in found if start < end]


def used(node: fdt.Node) -> bool:
    return text(node, "status") in ("", "okay", "ok")


def is_memory(node: fdt.Node) -> bool:
    return node.name.partition("@")[0] == "memory" or text(node, "device_type") == "memory"


def read(blob: bytes) -> Reading:
    tree = fdt.parse_dtb(blob)
    root = tree.root
    ram = [span for n in root.nodes if is_memory(n) and used(n) for span in ranges(n, root)]
    reserved = [(e["address"], e["address"] + e["size"]) for e in tree.entries]
    tree.entries.clear()  # one list for all trees: version 0.3.3 has it as a default argument
    for node in root.nodes:
        if node.name == "reserved-memory":
            reserved += [span for child in node.nodes for span in ranges(child, node)]
        if node.name == "chosen":
            start, end = (join(words(node, f"linux,initrd-{edge}")) for edge in ("start", "end"))
            reserved += [(start, end)] if start < end else []
    cells = words(root, "memreserve")
    reserved += [(cells[n], cells[n] + cells[n + 1]) for n in range(0, len(cells), 2)]
    return Reading(ram, reserved, text(root, "model"))


def merged(spans: list[Span]) -> list[Span]:
    """The same addresses in order, without overlaps."""
    out: list[Span] = []
    for start, end in sorted(spans):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        elif start < end:
            out.append((start, end))
    return out


def without(spans: list[Span], cuts: list[Span]) -> list[Span]:
    """The addresses of spans that no cut has."""
    for low, high in cuts:
        parts = [
            part
            for start, end in spans
            for part in ((start, min(end, low)), (max(start, high), end))
        ]
        spans = [(start, end) for start, end in parts if start < end]
    return merged(spans)


def outward(spans: list[Span]) -> list[Span]:
    """Whole pages that have a byte of the spans."""
    return merged([(start & -4096, -(-end // 4096) * 4096) for start, end in spans])


def inward(spans: list[Span]) -> list[Span]:
    """The whole pages of spans."""
    pages = [(-(-start // 4096) * 4096, end & -4096) for start, end in merged(spans)]
    return [(start, end) for start, end in pages if start < end]
