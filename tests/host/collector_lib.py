# SPDX-License-Identifier: MIT
"""core/gc behind ctypes: a heap of areas of its own, and the same heap as plain Python sees it."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Iterable
from ctypes import CFUNCTYPE, POINTER, c_bool, c_char_p, c_size_t, c_uint, c_uint32, c_void_p
from dataclasses import dataclass, field
from enum import IntEnum

import host_library

BLOCK = 64
WORD = 8
GROUP = 64
AREAS = 32
SIZES = 24
FINAL = 1
PLAIN = 2

Finaliser = CFUNCTYPE(c_bool, c_void_p)
Seen = CFUNCTYPE(None, c_size_t)
Stop = CFUNCTYPE(c_bool)


class Damage(IntEnum):
    """collector_damage_kind_t."""

    NONE = 0
    HEAD = 1
    TAIL = 2
    MARK = 3
    FLAGS = 4
    END = 5
    COUNT = 6
    HINT = 7


class GroupStruct(ctypes.Structure):
    """collector_group_t."""

    _fields_ = tuple(
        (name, ctypes.c_uint64) for name in ("used", "head", "mark", "grey", "final", "plain")
    )


class AreaStruct(ctypes.Structure):
    """collector_area_t."""

    _fields_ = (
        ("group", POINTER(GroupStruct)),
        ("full", POINTER(ctypes.c_uint64)),
        ("pool", c_size_t),
        ("blocks", c_size_t),
        ("top", c_size_t),
        ("finals", c_size_t),
        ("memory", c_void_p),
        ("size", c_size_t),
        ("grey_low", c_size_t),
        ("grey_end", c_size_t),
        ("hint", c_uint32 * SIZES),
    )


class CollectorStruct(ctypes.Structure):
    """collector_t."""

    _fields_ = (
        ("low", c_size_t),
        ("span", c_size_t),
        ("last", c_void_p),
        ("single", c_void_p),
        ("open", c_void_p),
        ("open_start", c_size_t),
        ("open_area", c_void_p),
        ("no_group", GroupStruct),
        ("count", c_size_t),
        ("stack", c_void_p),
        ("room", c_size_t),
        ("depth", c_size_t),
        ("area", AreaStruct * AREAS),
        ("watch_low", c_size_t),
        ("watch_end", c_size_t),
        ("seen", c_void_p),
    )


class StatsStruct(ctypes.Structure):
    """collector_stats_t."""

    _fields_ = tuple(
        (name, c_size_t)
        for name in (
            *("total", "used", "free", "longest", "longest_free"),
            *("chains", "singles", "doubles"),
        )
    )


class RunStruct(ctypes.Structure):
    """collector_run_t."""

    _fields_ = (("block", c_size_t), ("length", c_size_t), ("is_free", c_bool))


class DamageStruct(ctypes.Structure):
    """collector_damage_t."""

    _fields_ = (("kind", ctypes.c_int), ("address", ctypes.c_uint64))


@functools.cache
def load() -> ctypes.CDLL:
    """The library, with its prototypes."""
    names = ("", "_alloc", "_check", "_mark", "_sweep")
    lib = host_library.build("collector", [f"collector{name}.c" for name in names])
    c, area, pointer = POINTER(CollectorStruct), POINTER(AreaStruct), c_void_p
    prototypes = {
        "init": (None, [c, pointer, c_size_t]),
        "area_size": (c_size_t, [c_size_t]),
        "add": (area, [c, pointer, c_size_t]),
        "remove": (None, [c, area]),
        "alloc": (pointer, [c, c_size_t, c_uint]),
        "free": (c_bool, [c, pointer]),
        "length": (c_size_t, [c, pointer]),
        "flags": (c_uint, [c, pointer]),
        "resize": (c_bool, [c, pointer, c_size_t]),
        "next_final": (pointer, [c, pointer]),
        "watch": (None, [c, c_size_t, c_size_t, Seen]),
        "begin": (None, [c]),
        "mark": (None, [c, pointer, c_size_t]),
        "mark_inside": (None, [c, pointer, c_size_t]),
        "trace": (None, [c]),
        "finalise": (None, [c, Finaliser]),
        "sweep": (None, [c]),
        "area_stats": (None, [area, POINTER(StatsStruct)]),
        "next_run": (c_bool, [area, POINTER(RunStruct)]),
        "used": (c_size_t, [area, c_size_t, c_size_t]),
        "kind": (ctypes.c_int, [area, c_size_t]),
        "free_from": (c_size_t, [area, c_size_t, c_size_t]),
        "check": (c_uint, [c, POINTER(DamageStruct), Stop]),
        "damage_text": (c_char_p, [ctypes.c_int]),
    }
    for name, (result, arguments) in prototypes.items():
        function = getattr(lib, f"collector_{name}")
        function.restype, function.argtypes = result, arguments
    return lib


def array(words: Iterable[int]) -> ctypes.Array[c_size_t]:
    """Words in memory."""
    listed = list(words)
    return (c_size_t * len(listed))(*listed)


class Collector:
    """A heap with areas of these numbers of blocks; each lies between red zones."""

    def __init__(self, blocks: Iterable[int], stack: int = 64) -> None:
        self.lib = load()
        self.struct = CollectorStruct()
        self.stack = host_library.Memory(stack * WORD)
        self.lib.collector_init(self.struct, self.stack.address, stack)
        self.memories: list[host_library.Memory] = []
        for each in blocks:
            self.add(each)

    def add(self, blocks: int) -> bool:
        """An area with exactly so many blocks; False if it is refused."""
        size = self.lib.collector_area_size(blocks)
        memory = host_library.Memory(size, BLOCK)
        area = self.lib.collector_add(self.struct, memory.address, size)
        if area:
            assert area.contents.blocks == blocks
            assert area.contents.pool + blocks * BLOCK == memory.address + size
            self.memories.append(memory)
        return bool(area)

    def remove(self, number: int) -> None:
        """Forgets an area; its memory must not be touched any more."""
        self.lib.collector_remove(self.struct, self.struct.area[number])
        del self.memories[number]

    @property
    def areas(self) -> list[AreaStruct]:
        return [self.struct.area[i] for i in range(self.struct.count)]

    def alloc(self, blocks: int, flags: int = 0) -> int:
        """The address of a chain; 0: there is none."""
        return self.lib.collector_alloc(self.struct, blocks, flags) or 0

    def free(self, start: int) -> bool:
        return self.lib.collector_free(self.struct, start)

    def resize(self, start: int, blocks: int) -> bool:
        return self.lib.collector_resize(self.struct, start, blocks)

    def length(self, start: int) -> int:
        return self.lib.collector_length(self.struct, start)

    def flags(self, start: int) -> int:
        return self.lib.collector_flags(self.struct, start)

    def finals(self) -> list[int]:
        """Every chain with FINAL."""
        found: list[int] = []
        while start := self.lib.collector_next_final(self.struct, found[-1] if found else None):
            found.append(start)
        return found

    def collect(
        self,
        roots: Iterable[int] = (),
        inside: Iterable[int] = (),
        finaliser: Callable[[int], bool | None] = lambda start: None,
    ) -> list[int]:
        """The chains whose finalisers ran, in their order."""
        called: list[int] = []

        def call(start: int) -> bool:
            called.append(start)
            return finaliser(start) is not False

        words, pointers = array(roots), array(inside)
        self.lib.collector_begin(self.struct)
        self.lib.collector_mark(self.struct, words, len(words))
        self.lib.collector_mark_inside(self.struct, pointers, len(pointers))
        self.lib.collector_trace(self.struct)
        self.lib.collector_finalise(self.struct, Finaliser(call))
        self.lib.collector_trace(self.struct)
        self.lib.collector_sweep(self.struct)
        return called

    def keep(self, start: int) -> None:
        """For a finaliser: the chain and all that it leads to stays."""
        self.lib.collector_mark(self.struct, array([start]), 1)

    def watch(self, low: int, end: int) -> list[int]:
        """Where the words of [low, end) are told from now on."""
        told: list[int] = []
        self.seen = Seen(told.append)
        self.lib.collector_watch(self.struct, low, end, self.seen)
        return told

    def check(self, stop: Callable[[], bool] = lambda: False) -> tuple[int, DamageStruct]:
        damage = DamageStruct(kind=-1)
        return self.lib.collector_check(self.struct, damage, Stop(stop)), damage

    def stats(self) -> StatsStruct:
        stats = StatsStruct()
        for area in self.areas:
            self.lib.collector_area_stats(area, stats)
        return stats

    def runs(self, number: int = 0) -> list[tuple[int, int, bool]]:
        """(block, length, is free) of each run of an area."""
        run = RunStruct()
        found = []
        while self.lib.collector_next_run(self.struct.area[number], run):
            found.append((run.block, run.length, run.is_free))
        return found

    def used(self, block: int, count: int) -> int:
        """Used blocks of the first area."""
        return self.lib.collector_used(self.struct.area[0], block, count)

    def kinds(self) -> list[str]:
        """The blocks of each area: "." free, "H" head, "t" tail."""
        return [
            "".join(".Ht"[self.lib.collector_kind(area, i)] for i in range(area.blocks))
            for area in self.areas
        ]


def write(start: int, words: Iterable[int]) -> None:
    """Fills memory with words."""
    content = array(words)
    ctypes.memmove(start, content, ctypes.sizeof(content))


@dataclass
class Chain:
    """What the model knows of a chain."""

    blocks: int
    flags: int
    words: list[int] = field(default_factory=list)


class Model:
    """The same heap in plain Python: chains by address, and areas as (pool, blocks)."""

    def __init__(self) -> None:
        self.chains: dict[int, Chain] = {}

    def reached(self, roots: Iterable[int], inside: Iterable[int]) -> set[int]:
        """A plain marking."""
        found: set[int] = set()
        todo = [word for word in roots if word in self.chains]
        todo += [start for word in inside if (start := self.holder(word))]
        while todo:
            start = todo.pop()
            if start not in found:
                found.add(start)
                if not self.chains[start].flags & PLAIN:
                    todo += [word for word in self.chains[start].words if word in self.chains]
        return found

    def holder(self, word: int) -> int:
        """The chain that a pointer into it keeps; 0: none."""
        for start, chain in self.chains.items():
            if start <= word < start + chain.blocks * BLOCK:
                return start if word == start or not chain.flags & FINAL else 0
        return 0

    def kinds(self, areas: Iterable[AreaStruct]) -> list[str]:
        """As Collector.kinds()."""
        pictures = []
        for area in areas:
            blocks = ["."] * area.blocks
            for start, chain in self.chains.items():
                first = (start - area.pool) // BLOCK
                if 0 <= first < area.blocks:
                    blocks[first : first + chain.blocks] = "H" + "t" * (chain.blocks - 1)
            pictures.append("".join(blocks))
        return pictures

    def fits(self, areas: Iterable[AreaStruct], blocks: int) -> bool:
        return any("." * blocks in picture for picture in self.kinds(areas))
