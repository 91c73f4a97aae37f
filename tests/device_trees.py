# SPDX-License-Identifier: MIT
"""Writes flattened device trees (Devicetree Specification, chapter 5), as boards have them."""

from __future__ import annotations

import struct
from typing import Any

MAGIC, VERSION, COMPATIBLE = 0xD00DFEED, 17, 16
BEGIN, END, PROPERTY, FINISH = 1, 2, 3, 9

#: A node: properties are ints (one cell), tuples of ints, strings or bytes; children are dicts.
Node = dict[str, Any]
#: The SoC's model and compatible, as the firmware, or QEMU, gives them.
MODELS = {
    "BCM2837": ("Raspberry Pi 3 Model B Rev 1.2", "brcm,bcm2837"),
    "BCM2711": ("Raspberry Pi 4 Model B Rev 1.4", "brcm,bcm2711"),
    "QEMU virt": ("linux,dummy-virt", "linux,dummy-virt"),
}
Ranges = tuple[tuple[int, int], ...]


def value(data: int | tuple[int, ...] | str | bytes) -> bytes:
    if isinstance(data, bytes):
        return data
    if isinstance(data, str):
        return data.encode() + b"\0"
    cells = data if isinstance(data, tuple) else (data,)
    return struct.pack(f">{len(cells)}I", *cells)


def pad(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def node(name: str, content: Node, strings: bytearray) -> bytes:
    out = struct.pack(">I", BEGIN) + pad(name.encode() + b"\0")
    for key, data in content.items():
        if isinstance(data, dict):
            continue
        raw = value(data)
        out += struct.pack(">III", PROPERTY, len(raw), len(strings)) + pad(raw)
        strings += key.encode() + b"\0"
    for key, data in content.items():
        if isinstance(data, dict):
            out += node(key, data, strings)
    return out + struct.pack(">I", END)


def build(root: Node, reserve: tuple[tuple[int, int], ...] = (), spare: int = 0) -> bytes:
    """A blob of `root`, `reserve` as its /memreserve/ block, and `spare` bytes of slack."""
    strings = bytearray()
    structure = node("", root, strings) + struct.pack(">I", FINISH)
    entries = b"".join(struct.pack(">QQ", *entry) for entry in (*reserve, (0, 0)))
    at_structure = 40 + len(entries)
    at_strings = at_structure + len(structure)
    total = at_strings + len(strings) + spare
    header = struct.pack(
        ">10I", MAGIC, total, at_structure, at_strings, 40, VERSION, COMPATIBLE, 0,
        len(strings), len(structure),
    )  # fmt: skip
    return header + entries + structure + bytes(strings) + bytes(spare)


def cells(value: int, count: int) -> tuple[int, ...]:
    """A number as this many cells."""
    return tuple(value >> 32 * n & 0xFFFFFFFF for n in reversed(range(count)))


def reg(ranges: Ranges, address_cells: int, size_cells: int) -> tuple[int, ...]:
    """The value of a "reg" with these (start, size)."""
    found: list[int] = []
    for start, size in ranges:
        found += (*cells(start, address_cells), *cells(size, size_cells))
    return tuple(found)


def reserved_memory(children: dict[str, tuple[int, int]], size_cells: int = 1) -> Node:
    """The node /reserved-memory, with (start, size) of each child."""
    return {
        "#address-cells": 2,
        "#size-cells": size_cells,
        "ranges": b"",
        **{
            name: {"reg": reg((place,), 2, size_cells), "no-map": b""}
            for name, place in children.items()
        },
    }


def pi(model: str, compatible: str, banks: tuple[tuple[int, int], ...], **more: Node) -> Node:
    """A Raspberry Pi as far as a kernel's memory goes."""
    reg = tuple(cell for start, size in banks for cell in (start >> 32, start & 0xFFFFFFFF, size))
    cpus = {
        f"cpu@{n}": {
            "device_type": "cpu",
            "reg": n,
            "enable-method": "spin-table",
            "cpu-release-addr": (0, 0xD8 + 8 * n),
        }
        for n in range(4)
    }
    return {
        "#address-cells": 2,
        "#size-cells": 1,
        "model": model,
        "compatible": compatible,
        "memory@0": {"device_type": "memory", "reg": reg},
        "cpus": {"#address-cells": 1, "#size-cells": 0, **cpus},
        **more,
    }
