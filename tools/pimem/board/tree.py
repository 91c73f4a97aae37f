# SPDX-License-Identifier: MIT
"""What a flattened device tree says of memory, read by the package `fdt` (Devicetree
Specification, 2.3 and 3.4)."""

from __future__ import annotations

import struct
from collections.abc import Iterable

import fdt

Span = tuple[int, int]  # start, end
MAGIC = b"\xd0\x0d\xfe\xed"


def parse(blob: bytes) -> fdt.FDT:
    """Read a tree. ValueError for what is none, or is damaged."""
    if not blob.startswith(MAGIC):
        raise ValueError("no flattened device tree")
    fdt.FDT().entries.clear()  # version 0.3.3 has one list for all trees
    try:
        tree = fdt.parse_dtb(blob)
    except Exception as exc:  # whatever the package's reading of the bytes leads to
        raise ValueError(f"a device tree that is damaged, or ends too early: {exc}") from exc
    if tree.root is None:
        raise ValueError("a device tree that ends too early: it has no node")
    return tree


def words(node: fdt.Node, name: str) -> list[int]:
    """Return a property's cells: the package takes some for text."""
    prop = node.get_property(name)
    if isinstance(prop, fdt.PropStrings):
        raw = b"".join(text.encode() + b"\0" for text in prop.data)
        return list(struct.unpack(f">{len(raw) // 4}I", raw[: len(raw) // 4 * 4]))
    return list(prop.data) if isinstance(prop, fdt.PropWords) else []


def text(node: fdt.Node, name: str) -> str:
    prop = node.get_property(name)
    return str(prop.data[0]) if isinstance(prop, fdt.PropStrings) and prop.data else ""


def join(cells: Iterable[int]) -> int:
    value = 0
    for cell in cells:
        value = value << 32 | cell
    return value


def ranges(node: fdt.Node, parent: fdt.Node) -> list[Span]:
    """Return the entries of "reg", by the parent's cells."""
    address = (words(parent, "#address-cells") or [2])[0]
    size = (words(parent, "#size-cells") or [1])[0]
    cells = words(node, "reg")
    found = []
    for at in range(0, len(cells), address + size):
        start = join(cells[at : at + address])
        found.append((start, start + join(cells[at + address : at + address + size])))
    return [(start, end) for start, end in found if start < end]


def memory(tree: fdt.FDT) -> list[Span]:
    """Return each bank of RAM, in the order of the tree."""
    return [
        span
        for node in tree.root.nodes
        if node.name.partition("@")[0] == "memory" or text(node, "device_type") == "memory"
        if text(node, "status") in ("", "okay", "ok")
        for span in ranges(node, tree.root)
    ]


def merged(spans: Iterable[Span]) -> list[Span]:
    """Return the same addresses in order, without overlaps."""
    out: list[Span] = []
    for start, end in sorted(spans):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        elif start < end:
            out.append((start, end))
    return out
