# SPDX-License-Identifier: MIT
"""What a device tree says of memory, read by the package `fdt`: independent of libfdt and of boot.

Only for trees that are well formed.
"""

from __future__ import annotations

from dataclasses import dataclass

from pimem.board.tree import Span, join, memory, merged, parse, ranges, text, words


@dataclass
class Reading:
    ram: list[Span]
    reserved: list[Span]
    model: str


def read(blob: bytes) -> Reading:
    tree = parse(blob)
    root = tree.root
    reserved = [(e["address"], e["address"] + e["size"]) for e in tree.entries]
    for node in root.nodes:
        if node.name == "reserved-memory":
            reserved += [span for child in node.nodes for span in ranges(child, node)]
        if node.name == "chosen":
            start, end = (join(words(node, f"linux,initrd-{edge}")) for edge in ("start", "end"))
            reserved += [(start, end)] if start < end else []
    cells = words(root, "memreserve")
    reserved += [(cells[n], cells[n] + cells[n + 1]) for n in range(0, len(cells), 2)]
    return Reading(memory(tree), reserved, text(root, "model"))


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
