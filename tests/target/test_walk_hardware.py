# SPDX-License-Identifier: MIT
"""Random maps, and what the processor itself says of them: AT S1E1R and S1E1W at each address.

The software's walk has to find the same frame or the same hole, and the same right to write.
"""

from __future__ import annotations

import random
from typing import Any

import pytest
from on_board import BLOCK, PAGE, VA, ask, run

from pimem.testing.board_session import Machine

pytestmark = pytest.mark.usefixtures("nothing_left")

FRAMES = 4096  # 16 MiB of memory to map
FIRST = VA + (1 << 30) - 4 * BLOCK  # the window crosses a border of GiB
PAGES = 5120
PROTS = ("r", "rw", "rw", "rx", "ru", "rwu")
STEPS, ROUNDS, SAMPLES = 12, 6, 60

# `failed` counts refusals, which are part of a random history: they must leave no trace either.
RUN = """
probe = Probe()
ram = memory.frames.alloc({frames}, align=512, zero=False)
space = memory.AddressSpace()
failed, wrong, seen = 0, [], [0, 0, 0]

def step(op, page, count, frame, prot):
    va, size = {first} + page * PAGE, count * PAGE
    if op == "map":
        space.map(va, ram.pa + frame * PAGE, size, prot)
    elif op == "protect":
        space.protect(va, size, prot)
    elif op == "unmap":
        space.unmap(va, size)
    else:
        space.compact()

def software(va):
    try:
        return space.translate(va), "w" in space.walk(va)[-1].prot
    except OSError:
        return None, False

def compare(va):
    pa, writable = software(va)
    hard = probe(va), probe(va, True)
    seen[0 if pa is None else 2 if writable else 1] += 1
    if hard != (pa, pa if writable else None):
        wrong.append((va, pa, writable, hard))

with space:
    for ops, addresses in {rounds}:
        for op in ops:
            try:
                step(*op)
            except OSError:
                failed += 1
        for va in addresses:
            compare({first} + va)
        for m in space.mappings():  # the edges of all that is mapped
            for va in (m.start, m.end - 1, m.start - 1, m.end):
                compare(va)
space.close()
ram.close()
probe.close()
print((failed, seen, wrong[:5]))
"""


def history(rng: random.Random) -> list[tuple[list[tuple[Any, ...]], list[int]]]:
    """Rounds of changes, each with addresses to look at after it."""

    def size() -> int:
        return rng.choice((1, 1, 2, 7, 64, 511, 512, 513, 1024))

    def step() -> tuple[Any, ...]:
        op = rng.choice(("map", "map", "map", "protect", "protect", "unmap", "unmap", "compact"))
        count = size()
        page = rng.randrange(PAGES - count)
        frame = rng.randrange(FRAMES - count)
        if rng.random() < 0.6:  # blocks come of matching alignment
            page, frame = page & ~511, frame & ~511
        return op, page, count, frame, rng.choice(PROTS)

    return [
        (
            [step() for _ in range(STEPS)],
            [rng.randrange(PAGES * PAGE) for _ in range(SAMPLES)],
        )
        for _ in range(ROUNDS)
    ]


@pytest.mark.parametrize("seed", range(4))
def test_the_processor_finds_what_the_walk_finds(board: Machine, seed: int) -> None:
    rounds = history(random.Random(seed))
    code = RUN.format(frames=FRAMES, first=FIRST, rounds=rounds)
    failed, seen, wrong = ask(board, code)
    assert wrong == [], "(address, frame by the walk, writable by it, (read, write) by AT)"
    unmapped, read_only, writable = seen
    assert failed < STEPS * ROUNDS * 0.8 and min(unmapped, read_only, writable) >= 20


@pytest.mark.parametrize("half", ["kernel", "identity"])
def test_the_same_at_the_edges_of_what_boot_mapped(board: Machine, half: str) -> None:
    count, wrong = ask(
        board,
        f"""
        probe = Probe()
        space = memory.{half}
        wrong, count = [], 0
        for m in space.mappings():
            for va in (m.start - 1, m.start, m.end - 1, m.end):
                if va < 0 or va >> 64:
                    continue
                try:
                    pa = space.translate(va)
                    rw = pa, pa if "w" in space.walk(va)[-1].prot else None
                except OSError:
                    rw = None, None
                count += 1
                hard = probe(va), probe(va, True)
                if hard != rw:
                    wrong.append((hex(va), rw, hard))
        probe.close()
        print((count, wrong[:5]))
        """,
    )
    assert wrong == [] and count >= 12


def test_the_linear_map_has_all_memory_that_is_not_reserved(board: Machine) -> None:
    # Also the kernel's: chain.S cleans what the next kernel overwrites there, and has no vectors.
    script = """
probe = Probe()
runs = [run for run in memory.frames.runs() if run[2] != "reserved"]
sections = _memory.sections()
image = range(sections[0][2], max(pa + size for _, _, pa, size, _ in sections), PAGE)
pages = [pa for start, end, _, _ in runs for pa in (start, end - PAGE)] + list(image)
print([hex(pa) for pa in pages if probe(LINEAR + pa) != pa], len(pages) > 200)
probe.close()
"""
    assert run(board, script) == "[] True\n"
