# SPDX-License-Identifier: MIT
"""The collector against a plain marking in Python, on random heaps; all is compared each time."""

from __future__ import annotations

import random

import host_library
from collector_lib import BLOCK, FINAL, PLAIN, WORD, Chain, Collector, Model, write
from hypothesis import given, settings
from hypothesis import strategies as st

STEPS = 60


class Program:
    """A random program with a heap, and the model that follows it."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        areas = [self.chance.choice([1, 3, 63, 64, 65, 130, 200, 700]) for _ in range(4)]
        stack = self.chance.choice([2, 3, 9, 64])
        self.heap = Collector(areas[: self.chance.randint(1, 4)], stack)
        self.model = Model()
        self.roots: list[int] = []
        self.largest = self.chance.choice([1, 3, 20, 150])

    def word(self) -> int:
        """A word that is a pointer, nearly one, or none."""
        starts = list(self.model.chains)
        kind = self.chance.random()
        if not starts or kind < 0.2:
            return self.chance.choice([0, 1, (1 << 64) - 1, self.chance.getrandbits(64)])
        start = self.chance.choice(starts)
        if kind < 0.8:
            return start
        return start + self.chance.choice([1, WORD, BLOCK, -BLOCK, 5 * BLOCK, 100 * BLOCK])

    def fill(self, start: int, first: int, blocks: int) -> None:
        """New words from block `first` on; few chains have more than a few pointers."""
        chain = self.model.chains[start]
        count = (blocks - first) * BLOCK // WORD
        dense = self.chance.random() < 0.3
        words = [self.word() if dense or i % 8 == 0 else i for i in range(count)]
        chain.words[first * BLOCK // WORD :] = words
        write(start, chain.words)

    def alloc(self) -> None:
        blocks = self.chance.choice([1, 1, 1, 2, self.chance.randint(1, self.largest)])
        flags = self.chance.choice([0, 0, 0, FINAL, PLAIN, FINAL | PLAIN])
        fits = self.model.fits(self.heap.areas, blocks)
        start = self.heap.alloc(blocks, flags)
        assert bool(start) == fits
        if start:
            self.model.chains[start] = Chain(blocks, flags)
            self.fill(start, 0, blocks)

    def free(self) -> None:
        if self.model.chains:
            start = self.chance.choice(list(self.model.chains))
            assert self.heap.free(start)
            assert not self.heap.free(start)
            del self.model.chains[start]

    def resize(self) -> None:
        if not self.model.chains:
            return
        start, chain = self.chance.choice(list(self.model.chains.items()))
        blocks = max(1, chain.blocks + self.chance.randint(-5, 5))
        before = self.model.kinds(self.heap.areas)
        done = self.heap.resize(start, blocks)
        [(picture, first)] = [
            (picture, (start - area.pool) // BLOCK)
            for area, picture in zip(self.heap.areas, before, strict=True)
            if 0 <= start - area.pool < area.blocks * BLOCK
        ]
        more = blocks - chain.blocks
        assert done == (picture[first + chain.blocks :].startswith("." * more))
        if done:
            old, chain.blocks = chain.blocks, blocks
            del chain.words[blocks * BLOCK // WORD :]
            self.fill(start, min(old, blocks), blocks)

    def finalise(self, start: int) -> None:
        """A finaliser frees what it likes, once in a while."""
        assert self.model.chains[start].flags & FINAL
        if self.chance.random() < 0.3:
            victim = self.chance.choice(list(self.model.chains))
            assert self.heap.free(victim)
            self.freed.add(victim)
            del self.model.chains[victim]

    def collect(self) -> None:
        roots = [self.word() for _ in range(self.chance.randint(0, 5))]
        inside = [self.word() for _ in range(self.chance.randint(0, 3))]
        live = self.model.reached(roots, inside)
        before = dict(self.model.chains)
        self.freed: set[int] = set()
        called = self.heap.collect(roots, inside, self.finalise)
        assert len(set(called)) == len(called)
        due = {start for start, chain in before.items() if chain.flags & FINAL} - live
        assert due - self.freed <= set(called) <= due
        self.model.chains = {
            start: chain for start, chain in self.model.chains.items() if start in live
        }

    def compare(self) -> None:
        chains = self.model.chains
        faults, first = self.heap.check()
        assert faults == 0, self.heap.lib.collector_damage_text(first.kind)
        assert self.heap.kinds() == self.model.kinds(self.heap.areas)
        finals = {start for start, chain in chains.items() if chain.flags & FINAL}
        found = self.heap.finals()
        assert set(found) == finals and len(found) == len(finals)
        for start, chain in chains.items():
            assert self.heap.length(start) == chain.blocks
            assert self.heap.flags(start) == chain.flags

    def compare_stats(self) -> None:
        stats = self.heap.stats()
        pictures = self.heap.kinds()
        lengths = [chain.blocks for chain in self.model.chains.values()]
        runs = [len(run) for picture in pictures for run in picture.replace("t", "H").split("H")]
        assert stats.total == sum(map(len, pictures))
        assert stats.used == sum(lengths) and stats.free == sum(runs)
        assert stats.longest == max(lengths, default=0) and stats.longest_free == max(runs)
        assert stats.chains == len(lengths)
        assert stats.singles == lengths.count(1) and stats.doubles == lengths.count(2)


@settings(deadline=None, max_examples=host_library.examples(150))
@given(st.integers(0, 1 << 32))
def test_the_collector_keeps_what_a_plain_marking_reaches(seed: int) -> None:
    program = Program(seed)
    steps = [program.alloc] * 6 + [program.free, program.resize, program.collect]
    for _ in range(STEPS):
        program.chance.choice(steps)()
        program.compare()
    program.compare_stats()
    program.collect()
    program.compare()
    program.heap.collect()
    assert all(set(picture) <= {"."} for picture in program.heap.kinds())
