# SPDX-License-Identifier: MIT
"""The heap against a plain Python model: any sequence of calls, everything checked after each."""

import random
from dataclasses import dataclass

import host_library
from heap_lib import (
    ALIGN,
    GRANULE,
    HEADER,
    SMALLEST_BLOCK,
    Block,
    Heap,
    HeapError,
    Kind,
)
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

SIZES = st.one_of(
    st.integers(1, 64), st.integers(1, 600), st.integers(1, 5000), st.integers(1, 20000)
)
FIND_STEPS = 4  # of heap_bins.h
ALIGNS = st.one_of(st.just(0), st.sampled_from([1, 8, 16, 32, 64, 128, 512, 4096]))


@dataclass
class Live:
    """What the model knows of a live block."""

    size: int
    align: int
    content: bytes


def stride(size: int) -> int:
    """Bytes of region a request takes, header included."""
    return max(SMALLEST_BLOCK, -(-(size + HEADER) // GRANULE) * GRANULE)


def bin_of(size: int) -> tuple[int, int]:
    """The bin of a free block: 32 for each power of two granules."""
    granules = (size + HEADER) // GRANULE
    width = max(granules.bit_length() - 6, 0)
    return width, granules >> width


def certain_stride(size: int, align: int) -> int:
    """A free block as large as this can never be refused, whatever its address and bin."""
    worst = stride(size) + (align + GRANULE if align > ALIGN else 0)
    return worst + (worst >> 5)


def fits(block: Block, size: int, align: int) -> bool:
    """Whether a free block can serve: the gap before the aligned start is none or a block."""
    gap = -block.address % max(align, ALIGN)
    if 0 < gap < SMALLEST_BLOCK:
        gap += align
    return gap + stride(size) <= block.size + HEADER


class HeapModel(RuleBasedStateMachine):
    """Blocks are addresses; `live` says which of them are alive and what they hold."""

    blocks = Bundle("blocks")

    @initialize(
        size=st.sampled_from([512, 1024, 4096, 4112, 16384, 65536]),
        secret=st.integers(0, (1 << 32) - 1),
    )
    def start(self, size: int, secret: int) -> None:
        # At a multiple of every alignment asked for: an example does the same in every run.
        self.heap = Heap(size, secret, 4096)
        self.live: dict[int, Live] = {}
        self.pristine = list(self.heap.walk())
        self.peak = 0
        self.random = random.Random(secret)

    def fill(self, address: int, size: int, align: int) -> None:
        content = self.random.randbytes(self.heap.usable(address))
        self.heap.write(address, content)
        self.live[address] = Live(size, align, content)

    def unchanged(self, before: tuple[bytes, bytes]) -> None:
        assert self.heap.snapshot() == before

    def refusal_is_true(self, error: HeapError, size: int, align: int) -> None:
        """Was there really no room? Up to FIND_STEPS free blocks, the answer is exact."""
        assert error.value == size
        if error.kind == Kind.TOO_LARGE:
            assert size > self.pristine[0].size
            return
        assert error.kind == Kind.FULL
        free = [b for b in self.heap.walk() if not b.used]
        if len(free) <= FIND_STEPS:
            assert not any(fits(b, size, align) for b in free)
        else:
            assert all(b.size + HEADER < certain_stride(size, align) for b in free)

    @rule(target=blocks, size=SIZES, align=ALIGNS)
    def alloc(self, size: int, align: int):
        before = self.heap.snapshot()
        try:
            address = self.heap.alloc(size, align)
        except HeapError as error:
            self.unchanged(before)
            self.refusal_is_true(error, size, align)
            return multiple()
        assert address not in self.live
        assert address % max(align, ALIGN) == 0
        self.fill(address, size, max(align, ALIGN))
        return address

    @rule()
    def the_largest_free_size_is_served_and_no_other(self) -> None:
        size = self.heap.stats().largest_free
        before = self.heap.snapshot()
        try:
            self.heap.alloc(size + 1)
        except HeapError as error:
            self.unchanged(before)
            assert error.kind in (Kind.FULL, Kind.TOO_LARGE)
        else:
            raise AssertionError(f"{size} bytes are the largest, but a byte more was given")
        if size:
            self.heap.free(self.heap.alloc(size))

    @staticmethod
    def largest_that_are_found(free: list[int]) -> set[int]:
        """What largest_free may be: an allocation looks at a few blocks of a bin only."""
        highest = [size for size in free if bin_of(size) == bin_of(max(free))]
        return {max(free, default=0)} if len(highest) <= FIND_STEPS else set(highest)

    @rule(address=consumes(blocks))
    def free(self, address: int) -> None:
        self.heap.free(address)
        del self.live[address]

    @rule(target=blocks, address=consumes(blocks), size=SIZES)
    def realloc(self, address: int, size: int) -> int:
        old = self.live[address]
        before = self.heap.snapshot()
        try:
            moved = self.heap.realloc(address, size)
        except HeapError as error:
            self.unchanged(before)
            self.refusal_is_true(error, size, old.align)
            if error.kind == Kind.FULL and old.align == ALIGN:
                assert self.reachable(address) < stride(size)
            return address
        assert moved % old.align == 0
        if stride(size) <= len(old.content) + HEADER:
            assert moved == address
        kept = min(len(old.content), self.heap.usable(moved), size)
        assert self.heap.read(moved, kept) == old.content[:kept]
        del self.live[address]
        self.fill(moved, size, old.align)
        return moved

    def reachable(self, address: int) -> int:
        """Bytes of a block together with its free neighbours, headers included."""
        walk = list(self.heap.walk())
        at = next(i for i, b in enumerate(walk) if b.address == address)
        around = [b for b in walk[max(at - 1, 0) : at + 2] if b.address == address or not b.used]
        return sum(b.size + HEADER for b in around)

    @rule(address=blocks, offset=st.integers(1, 300))
    def free_of_anything_else_is_refused(self, address: int, offset: int) -> None:
        pointer = address + offset
        if pointer in self.live:
            return
        before = self.heap.snapshot()
        try:
            self.heap.free(pointer)
        except HeapError as error:
            assert error.kind in (Kind.NOT_A_BLOCK, Kind.DOUBLE_FREE, Kind.OUTSIDE)
            self.unchanged(before)
        else:
            raise AssertionError(f"freed {pointer:#x}, which is no block")

    @invariant()
    def the_walk_is_the_model(self) -> None:
        walk = list(self.heap.walk())
        assert [b.address for b in walk if b.used] == sorted(self.live)
        end = walk[0].address
        for block in walk:
            assert block.address == end
            assert block.size >= SMALLEST_BLOCK - HEADER
            end += block.size + HEADER
        assert end == self.heap.base + self.heap.size // GRANULE * GRANULE
        pairs = zip(walk, walk[1:], strict=False)
        assert not any(not one.used and not two.used for one, two in pairs)

    @invariant()
    def contents_are_untouched(self) -> None:
        for address, block in self.live.items():
            assert self.heap.usable(address) == len(block.content) >= block.size
            assert self.heap.read(address, len(block.content)) == block.content

    @invariant()
    def the_numbers_are_right(self) -> None:
        stats = self.heap.stats()
        walk = list(self.heap.walk())
        used = [b.size for b in walk if b.used]
        free = [b.size for b in walk if not b.used]
        assert (stats.used, stats.live_blocks) == (sum(used), len(used))
        assert (stats.free, stats.free_blocks) == (sum(free), len(free))
        assert stats.largest_free in self.largest_that_are_found(free)
        assert stats.used + stats.free + stats.overhead == stats.size
        assert stats.peak_used >= max(self.peak, stats.used)
        self.peak = stats.peak_used

    @invariant()
    def the_check_finds_nothing(self) -> None:
        found, damage = self.heap.check()
        assert (found, damage.kind, damage.address) == (0, 0, 0)

    def teardown(self) -> None:
        if not hasattr(self, "heap"):
            return
        for address in sorted(self.live, key=lambda a: self.random.random()):
            self.heap.free(address)
        assert list(self.heap.walk()) == self.pristine
        assert self.heap.stats().free == self.pristine[0].size


TestHeapModel = HeapModel.TestCase
TestHeapModel.settings = settings(max_examples=host_library.examples(100), stateful_step_count=40)
