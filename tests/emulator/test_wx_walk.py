# SPDX-License-Identifier: MIT
"""Write or execute, never both: random workloads with pagers, and a walk of all tables after each.

The tables are read out of the stopped machine's memory and walked by tables.py, without a file of
the code under test. What boot mapped to be written through is named here by its addresses: the
linear map, views, and the identity view.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import layout
import tables
from tables import Leaf

from pimem.testing import Machine

PAGE = 4096
VA = 0x40_0000_0000
WORKLOADS, STEPS = 50, 40
SLOTS, SLOT = 6, 8  # ranges of a space, and pages of each
SPACES, FRAMES = 3, 16
PROTS = ("r", "r", "rw", "rw", "rx", "rx", "ru", "rwu", "rxu")

SETUP = f"""
import gc, memory, _memory
from machine import mem8
ram = memory.frames.alloc({FRAMES})
text, data = [s[2] for s in _memory.sections() if s[0] in ("text", "data")]
spaces = [memory.AddressSpace() for _ in range({SPACES})]
random_prot = ["r"]
refused = [0, 0]
pages = 0

def address(at):
    space, slot, page = at
    return spaces[space], {VA} + (slot * 2 * {SLOT} + page) * {PAGE}

def frame(number):
    if number < {FRAMES}:
        return ram.pa + number * {PAGE}
    return (data if number & 4 else text) + (number & 3) * {PAGE}

def reserve(at, kind, prot, number):
    space, va = address(at)
    def by_frame(at, access):
        return memory.frames.alloc()
    def by_address(at, access):
        space.map(at & -{PAGE}, frame(number), {PAGE}, random_prot[0])
    if kind == "copy":
        memory.pagers.CopyOnWrite(ram).map(space, va, prot)
    elif kind == "watch":
        memory.pagers.Watch(space, va, ram, prot)
    else:
        pager = by_frame if kind == "frame" else by_address if kind == "address" else None
        space.reserve(va, {SLOT} * {PAGE}, prot, pager)

def map(at, number, count, prot):
    space, va = address(at)
    space.map(va, frame(number), count * {PAGE}, prot)

def kernel(page, number, prot):
    va = {layout.FREE} + page * {PAGE}
    memory.kernel.map(va, frame(number), {PAGE}, prot)

def kernel_protect(page, prot):
    memory.kernel.protect({layout.FREE} + page * {PAGE}, {PAGE}, prot)

def kernel_unmap(page):
    memory.kernel.unmap({layout.FREE} + page * {PAGE}, {PAGE})

def protect(at, count, prot):
    space, va = address(at)
    space.protect(va, count * {PAGE}, prot)

def unmap(at, count):
    space, va = address(at)
    space.unmap(va, count * {PAGE})

def evict(at, count):
    space, va = address(at)
    space.evict(va, count * {PAGE})

def compact(number):
    spaces[number].compact()

def renew(number):
    spaces[number].close()
    spaces[number] = memory.AddressSpace()

def access(at, write, prot):
    space, va = address(at)
    random_prot[0] = prot
    with space:
        if write:
            mem8[va] = 1
        else:
            mem8[va]

def workload(steps):
    for name, *args in steps:
        try:
            globals()[name](*args)
        except OSError as e:
            refused[e.errno == 1] += 1
    return [s.root for s in spaces], refused, memory.check()
"""


def workload(rng: random.Random) -> list[tuple[Any, ...]]:
    """Calls of the functions above."""

    def at() -> tuple[int, int, int]:
        return rng.randrange(SPACES), rng.randrange(SLOTS), rng.randrange(SLOT)

    def start() -> tuple[int, int, int]:
        return (*at()[:2], 0)

    def step() -> tuple[Any, ...]:
        prot, number, count = rng.choice(PROTS), rng.randrange(FRAMES + 8), rng.randint(1, 4)
        kinds = ("frame", "address", "address", "copy", "watch", "none")
        ranged = tuple(p for p in PROTS if len(p) > 1)
        return rng.choice(
            (
                ("reserve", start(), rng.choice(kinds), rng.choice(ranged), number),
                ("map", at(), number, 1, prot),
                ("map", at(), rng.randrange(FRAMES - 4), count, prot),
                ("access", at(), rng.random() < 0.5, prot),
                ("access", at(), rng.random() < 0.5, prot),
                ("protect", at(), count, prot),
                ("protect", at(), 1, prot),
                ("unmap", start(), SLOT) if rng.random() < 0.4 else ("unmap", at(), count),
                ("evict", at(), count),
                ("kernel", rng.randrange(8), number, prot),
                ("kernel_protect", rng.randrange(8), prot),
                ("kernel_unmap", rng.randrange(8)),
                (rng.choice(("compact", "renew")), rng.randrange(SPACES)),
            )
        )

    return [step() for _ in range(STEPS)]


@dataclass
class Seen:
    """What the walks met: a run in which nothing happens proves nothing."""

    executable: set[int] = field(default_factory=set)
    writable: set[int] = field(default_factory=set)
    both: set[int] = field(default_factory=set)  # frames that had one right, then the other


def boot_s(leaf: Leaf) -> bool:
    """Whether it is in the linear map or a view, which are to be written through."""
    linear = layout.LINEAR <= leaf.va < layout.LINEAR + (1 << 39)
    return linear or layout.VIEW <= leaf.va < layout.VIEW_END


def frames_of(leaves: list[Leaf]) -> set[int]:
    return {leaf.pa + i for leaf in leaves for i in range(0, leaf.size, PAGE)}


def judge(
    kernel: list[Leaf], identity: list[Leaf], users: list[Leaf]
) -> tuple[set[int], set[int]]:
    """Frames that may be written, and those that may be executed, but for what boot mapped."""
    every = kernel + identity + users
    assert [leaf for leaf in every if leaf.writable and leaf.executable] == []
    assert [leaf for leaf in kernel if leaf.el0] == []
    judged = [leaf for leaf in kernel if not boot_s(leaf)] + users
    normal = [leaf for leaf in judged if leaf.memory_type == 0]
    writable = frames_of([leaf for leaf in normal if leaf.writable])
    executable = frames_of([leaf for leaf in every if leaf.executable])
    assert writable & executable == set()
    return writable, executable


def never_writable(leaves: list[Leaf], sections: list[tuple[str, int, int, int, str]]) -> None:
    """Kernel text and rodata, in every alias."""
    for name, _, pa, size, _ in sections:
        if name in ("text", "rodata"):
            hit = [x for x in leaves if x.writable and x.pa < pa + size and pa < x.pa + x.size]
            assert hit == [], name


def walk_all(machine: Machine, roots: list[int]) -> tuple[list[Leaf], list[Leaf], list[Leaf]]:
    """Leaves of the kernel half, the identity view and the other spaces, of a stopped machine."""
    qemu = machine.emulated()
    read = qemu.read_physical
    qemu.pause()
    try:
        kernel = tables.walk(read, roots[0], upper=True)[0]
        identity = tables.walk(read, roots[1], upper=False)[0]
        users = [leaf for root in roots[2:] for leaf in tables.walk(read, root, upper=False)[0]]
    finally:
        qemu.resume()
    return kernel, identity, users


def test_no_workload_makes_a_frame_writable_and_executable(victim: Machine) -> None:
    victim.exec(SETUP)
    fixed = victim.eval("[memory.kernel.root, memory.identity.root]")
    sections = victim.eval("_memory.sections()")
    rng = random.Random(victim.name)
    seen = Seen()
    refused = [0, 0]
    for number in range(WORKLOADS):
        steps = workload(rng)
        roots, refused, problems = victim.eval(f"workload({steps})")
        assert problems == [], f"workload {number}"
        kernel, identity, users = walk_all(victim, fixed + roots)
        writable, executable = judge(kernel, identity, users)
        never_writable(kernel + identity + users, sections)
        seen.both |= (writable & seen.executable) | (executable & seen.writable)
        seen.writable |= writable
        seen.executable |= executable
    others, by_rule = refused
    steps_all = WORKLOADS * STEPS
    assert steps_all * 0.02 < by_rule and others + by_rule < steps_all * 0.8
    assert len(seen.both) >= 8, "frames change their rights from one workload to the next"
