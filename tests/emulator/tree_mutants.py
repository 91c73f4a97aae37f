# SPDX-License-Identifier: MIT
"""Damaged device trees, made from those of boot_trees.py: the same number gives the same tree."""

from __future__ import annotations

import ctypes
import dataclasses
import functools
import random
import struct
from collections.abc import Callable

import boot_trees
import device_trees
import host_library
from boot_trees import GIB, MIB, Row
from tree_reading import Span

SEED = 12
HEADER_WORDS = 10
READING_MAX = 64  # fdt_reading.h
#: What firmware, sizes, tokens and addresses are made of; one of them instead of another is where
#: a reader of trees goes wrong.
CELLS = (
    *(0, 1, 2, 3, 4, 5, 8, 9, 40, 0x80, 0xFF8, 0x1000, 0x80000, 0x100000, 0x3B400000),
    *(0x3FFFFFFF, 0x40000000, 0x7FFFFFFF, 0x80000000, 0xFC000000, 0xFFFFF000, 0xFFFFFFFF),
)
#: Addresses where something begins or ends on a Pi.
EDGES = (0, 0x1000, 0x7F000, 0x80000, 0x200000, 0x10000000, 0x3B400000, 0x3F000000, GIB, 4 * GIB)


def cell(blob: bytearray, rnd: random.Random) -> None:
    """One to three cells are others."""
    for _ in range(rnd.randint(1, 3)):
        at = 4 * rnd.randrange(len(blob) // 4)
        value = rnd.choice((rnd.choice(CELLS), rnd.getrandbits(32)))
        struct.pack_into(">I", blob, at, value)


def copied(blob: bytearray, rnd: random.Random) -> None:
    """Some cells stand in a second place too."""
    size = 4 * rnd.randint(1, 8)
    source, target = (4 * rnd.randrange((len(blob) - size) // 4) for _ in range(2))
    blob[target : target + size] = blob[source : source + size]


def header(blob: bytearray, rnd: random.Random) -> None:
    """A size, an offset or a version of the header, the magic number excepted."""
    at = 4 * rnd.randrange(1, HEADER_WORDS)
    (old,) = struct.unpack_from(">I", blob, at)
    near = max(0, old + rnd.choice((-64, -8, -4, -1, 1, 4, 8, 64, 4096)))
    struct.pack_into(">I", blob, at, rnd.choice((near, rnd.choice(CELLS))))


def bits(blob: bytearray, rnd: random.Random) -> None:
    """Single bits, as on a bad line."""
    for _ in range(rnd.randint(1, 12)):
        blob[rnd.randrange(4, len(blob))] ^= 1 << rnd.randrange(8)


def cut(blob: bytearray, rnd: random.Random) -> None:
    """The end is missing, and is not in memory; the header may say so."""
    at = rnd.randrange(HEADER_WORDS * 4, len(blob))
    if rnd.random() < 0.5:
        struct.pack_into(">I", blob, 4, at)
    blob[at:] = b"\xa5" * (len(blob) - at)


def place(rnd: random.Random) -> tuple[int, int]:
    """A range that begins or ends near an edge."""
    edge = rnd.choice(EDGES) + rnd.choice((0, 0, 0x800, -0x1000, 0x1234, MIB))
    size = rnd.choice((1, 0x1000, 0x1801, MIB, 5 * MIB, GIB, 0xFFFFFFFF))
    return max(0, rnd.choice((edge, edge - size))), size


def whole(machine: str, rnd: random.Random) -> bytes:
    """A well-formed tree that says what no firmware would."""
    banks = [(0, 0x3B400000)] + [place(rnd) for _ in range(rnd.choice((0, 0, 1, 3, 8)))]
    rnd.shuffle(banks)
    more: device_trees.Node = {}
    if rnd.random() < 0.6:
        children = {f"kept@{n}": place(rnd) for n in range(rnd.choice((1, 3, 20)))}
        more["reserved-memory"] = device_trees.reserved_memory(children)
    if rnd.random() < 0.5:
        start, size = place(rnd)
        ends = {"start": start, "end": start + size}
        more["chosen"] = {
            f"linux,initrd-{edge}": device_trees.cells(value, 2) for edge, value in ends.items()
        }
    cells = rnd.choice(((2, 1), (2, 2), (1, 1)))
    banks = [bank for bank in banks if max(bank) >> 32 * cells[0] == 0]
    reserve = tuple(place(rnd) for _ in range(rnd.choice((0, 1, 4, 30))))
    return device_trees.build(boot_trees.tree(machine, tuple(banks), cells, **more), reserve)


KINDS: tuple[Callable[[bytearray, random.Random], None], ...] = (cell, copied, header, bits, cut)


@functools.cache
def bases() -> tuple[Row, ...]:
    return tuple(row for row in boot_trees.pi_rows() if row.used and not row.refused)


def mutant(number: int) -> Row:
    """The damaged tree of a number; every fourth is whole, but odd."""
    rnd = random.Random(SEED << 16 | number)
    base = rnd.choice(bases())
    if number % 4 == 3:
        name, blob = "whole", bytearray(whole(base.machine, rnd))
    else:
        kind = rnd.choice(KINDS)
        name, blob = kind.__name__, bytearray(base.blob)
        kind(blob, rnd)
    name = f"{number} {name} {base.name}"
    return dataclasses.replace(base, name=name, blob=bytes(blob), initrd=(0, 0))


class Range(ctypes.Structure):
    _fields_ = [("start", ctypes.c_uint64), ("last", ctypes.c_uint64)]


class CReading(ctypes.Structure):
    """reading_t (fdt_reading.h)."""

    _fields_ = [
        ("ram", Range * READING_MAX),
        ("reserved", Range * READING_MAX),
        ("n_ram", ctypes.c_size_t),
        ("n_reserved", ctypes.c_size_t),
    ]


@functools.cache
def library() -> ctypes.CDLL:
    source = host_library.ROOT / "tests" / "fuzz" / "fdt_reading.c"
    lib = host_library.build("fdt_reading", [str(source)])
    lib.fdt_reading.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(CReading)]
    lib.fdt_reading.restype = ctypes.c_bool
    return lib


def reading(blob: bytes) -> tuple[list[Span], list[Span]] | None:
    """RAM and what is reserved, by the reading of the fuzzer, which is neither libfdt nor boot's;
    None for a tree that is not well formed."""
    out = CReading()
    if not library().fdt_reading(blob, len(blob), ctypes.byref(out)):
        return None
    ram = [(each.start, each.last + 1) for each in out.ram[: out.n_ram]]
    kept = [(each.start, each.last + 1) for each in out.reserved[: out.n_reserved]]
    return [span for span in ram if span[1] < 1 << 64], kept
