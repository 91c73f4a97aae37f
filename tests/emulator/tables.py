# SPDX-License-Identifier: MIT
"""Translation tables read from a running machine's memory, by the Arm ARM alone.

Independent of the code under test: no file of modules/ is used, nor a word of its Python.
VMSAv8-64, stage 1, 4 KiB granule, 48-bit addresses (Arm ARM, "VMSAv8-64 translation
table format descriptors").
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

UPPER = 0xFFFF_0000_0000_0000
OUTPUT = 0x0000_FFFF_FFFF_F000
IGNORED = 0x3FF << 2  # by the processor, of a table descriptor
SIZES = (1 << 39, 1 << 30, 1 << 21, 1 << 12)

Read = Callable[[int, int], bytes]


@dataclass(frozen=True)
class Leaf:
    va: int
    pa: int
    size: int
    descriptor: int
    level: int

    @property
    def end(self) -> int:
        return self.va + self.size

    @property
    def memory_type(self) -> int:
        """Index into MAIR_EL1."""
        return self.descriptor >> 2 & 7

    @property
    def el0(self) -> bool:
        return bool(self.descriptor >> 6 & 1)

    @property
    def writable(self) -> bool:
        return not self.descriptor >> 7 & 1

    @property
    def shareability(self) -> int:
        return self.descriptor >> 8 & 3

    @property
    def accessed(self) -> bool:
        return bool(self.descriptor >> 10 & 1)

    @property
    def not_global(self) -> bool:
        return bool(self.descriptor >> 11 & 1)

    @property
    def contiguous(self) -> bool:
        return bool(self.descriptor >> 52 & 1)

    @property
    def pxn(self) -> bool:
        return bool(self.descriptor >> 53 & 1)

    @property
    def uxn(self) -> bool:
        return bool(self.descriptor >> 54 & 1)

    @property
    def executable(self) -> bool:
        return not (self.pxn and self.uxn)


def walk(read: Read, ttbr: int, upper: bool) -> tuple[list[Leaf], list[int]]:
    """All leaves below a TTBR in order of address, and the addresses of all tables."""
    tables: list[int] = []
    base = UPPER if upper else 0
    return list(_walk(read, ttbr & OUTPUT, base, 0, tables)), tables


def _walk(read: Read, table: int, base: int, level: int, tables: list[int]) -> Iterator[Leaf]:
    tables.append(table)
    for index, descriptor in enumerate(struct.unpack("<512Q", read(table, 4096))):
        va = base + index * SIZES[level]
        kind = descriptor & 3
        if not kind & 1:
            continue
        if level < 3 and kind == 3:
            assert descriptor & ~(OUTPUT | IGNORED | 3) == 0, (
                f"{va:#x}: bits in table {descriptor:#x}"
            )
            yield from _walk(read, descriptor & OUTPUT, va, level + 1, tables)
            continue
        assert kind == (3 if level == 3 else 1) and level > 0, f"{va:#x}: {descriptor:#x}"
        pa = descriptor & OUTPUT
        assert pa % SIZES[level] == 0, f"{va:#x}: block at {pa:#x} of level {level}"
        yield Leaf(va, pa, SIZES[level], descriptor, level)


def registers(text: str) -> dict[str, int]:
    """What 'info registers' calls PC, SP and X0 to X30."""
    return {name: int(value, 16) for name, value in re.findall(r"(\w+)=([0-9a-f]{8,16})", text)}


def runs(leaves: list[Leaf]) -> list[tuple[int, int, int, str, str]]:
    """(start, end, pa, prot, memtype), neighbours of the same kind joined."""
    joined: list[tuple[int, int, int, str, str]] = []
    for leaf in leaves:
        prot = "rw" if leaf.writable else "rx" if leaf.executable else "r"
        prot += "u" if leaf.el0 else ""
        memtype = ("normal", "device", "noncached")[leaf.memory_type]
        if joined:
            start, end, pa, *kind = joined[-1]
            if (end, pa + end - start, *kind) == (leaf.va, leaf.pa, prot, memtype):
                joined[-1] = (start, leaf.end, pa, prot, memtype)
                continue
        joined.append((leaf.va, leaf.end, leaf.pa, prot, memtype))
    return joined


def joined(told: list[list[Any]]) -> list[tuple[int, int, int, str, str]]:
    """What mappings() tells as runs() does: it cuts them where regions end."""
    out: list[tuple[Any, ...]] = []
    for start, end, pa, prot, memtype in told:
        if out and out[-1][1] == start and out[-1][3:] == (prot, memtype):
            first, last, first_pa, *_ = out[-1]
            if first_pa + last - first == pa:
                out[-1] = (first, end, first_pa, prot, memtype)
                continue
        out.append((start, end, pa, prot, memtype))
    return out
