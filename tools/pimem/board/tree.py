# SPDX-License-Identifier: MIT
"""The banks of RAM of which a flattened device tree tells (Devicetree Specification, 5)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

MAGIC = b"\xd0\x0d\xfe\xed"
BEGIN_NODE, END_NODE, PROP, NOP = 1, 2, 3, 4
HEADER = struct.Struct(">4s9I")
TWO_CELLS, ONE_CELL = 2, 1  # of #address-cells and #size-cells where a root does not say


def string(data: bytes, at: int) -> str:
    return data[at : data.index(b"\0", at)].decode("ascii", "replace")


def properties(blob: bytes) -> Iterator[tuple[tuple[str, ...], str, bytes]]:
    """Give each property with the path of its node. ValueError for what is no tree."""
    if len(blob) < HEADER.size or blob[:4] != MAGIC:
        raise ValueError("no flattened device tree")
    _, _, structure, strings, *_ = HEADER.unpack_from(blob)
    at = structure
    path: tuple[str, ...] = ()
    try:
        while True:
            (token,) = struct.unpack_from(">I", blob, at)
            at += 4
            if token == BEGIN_NODE:
                name = string(blob, at)
                path += (name,)
                at = (at + len(name) + 4) & ~3
            elif token == END_NODE:
                path = path[:-1]
            elif token == PROP:
                size, name_at = struct.unpack_from(">II", blob, at)
                yield path, string(blob, strings + name_at), blob[at + 8 : at + 8 + size]
                at = (at + 8 + size + 3) & ~3
            elif token != NOP:
                return
    except (struct.error, ValueError) as exc:
        raise ValueError(f"a device tree that ends too early: {exc}") from exc


def memory(blob: bytes) -> list[tuple[int, int]]:
    """Return (start, end) of each bank, in the order of the tree."""
    cells = {"#address-cells": TWO_CELLS, "#size-cells": ONE_CELL}
    kinds: dict[str, bytes] = {}
    registers: dict[str, bytes] = {}
    for path, name, value in properties(blob):
        if len(path) == 1 and name in cells:
            cells[name] = int.from_bytes(value, "big")
        elif len(path) == 2 and name == "device_type":
            kinds[path[1]] = value
        elif len(path) == 2 and name == "reg":
            registers[path[1]] = value
    first, second = 4 * cells["#address-cells"], 4 * cells["#size-cells"]
    found = []
    for node, value in registers.items():
        if kinds.get(node) == b"memory\0":
            for at in range(0, len(value) - first - second + 1, first + second):
                start = int.from_bytes(value[at : at + first], "big")
                size = int.from_bytes(value[at + first : at + first + second], "big")
                found += [(start, start + size)] if size else []
    return found
