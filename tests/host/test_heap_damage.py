# SPDX-License-Identifier: MIT
"""The heap when its memory was written over: each fault is caught, nothing crashes or hangs."""

import ctypes
import random
import struct
from dataclasses import dataclass

import pytest
from heap_lib import HEADER, SECRET, Damage, Heap, HeapError, Kind, StatsStruct

pytestmark = pytest.mark.timeout(120)


def refusal(kind: Kind, function, *args) -> HeapError:
    """Calls, expects this refusal and that it changed nothing."""
    heap = function.__self__
    before = heap.snapshot()
    with pytest.raises(HeapError) as caught:
        function(*args)
    assert caught.value.kind == kind
    assert heap.snapshot() == before
    return caught.value


def damage(heap: Heap) -> tuple[Damage, int, int]:
    """What the check names first."""
    found, first = heap.check()
    assert (found == 0) == (first.kind == Damage.NONE)
    return Damage(first.kind), first.address, first.previous


# ---- the six faults -------------------------------------------------------------------------


def test_fault_1_a_double_free_is_caught():
    heap = Heap()
    block, _keep = heap.alloc(64), heap.alloc(64)
    heap.free(block)
    refusal(Kind.DOUBLE_FREE, heap.free, block)
    assert heap.alloc(64) != heap.alloc(64)


def test_fault_2_a_double_free_after_coalescing_is_caught():
    heap = Heap()
    first, second, _keep = heap.alloc(64), heap.alloc(64), heap.alloc(64)
    heap.free(first)
    heap.free(second)
    refusal(Kind.DOUBLE_FREE, heap.free, second)
    # And when the merged block is in use again: the stale pointer must not free part of it.
    merged = heap.alloc(128)
    assert merged == first
    refusal(Kind.DOUBLE_FREE, heap.free, second)
    assert damage(heap)[0] == Damage.NONE


def test_fault_3_the_free_of_an_interior_pointer_is_caught():
    heap = Heap()
    block = heap.alloc(256)
    refusal(Kind.NOT_A_BLOCK, heap.free, block + 16)


def test_fault_4_the_free_of_a_pointer_outside_is_caught():
    heap = Heap()
    buffer = ctypes.create_string_buffer(64)
    refusal(Kind.OUTSIDE, heap.free, ctypes.addressof(buffer) // 16 * 16 + 16)


@pytest.mark.parametrize("next_is_free", [False, True])
def test_fault_5_an_overflow_into_the_next_header_is_caught(next_is_free):
    heap = Heap()
    block, victim, _keep = heap.alloc(56), heap.alloc(56), heap.alloc(56)
    if next_is_free:
        heap.free(victim)
    heap.write(block + heap.usable(block), b"A" * 16)
    assert damage(heap) == (Damage.HEADER, victim, block)
    assert refusal(Kind.DAMAGED, heap.free, block).address == victim
    assert refusal(Kind.DAMAGED, heap.realloc, block, 200).address == victim
    if not next_is_free:
        assert refusal(Kind.DAMAGED, heap.free, victim).address == victim


def test_fault_6_a_write_after_free_is_caught():
    heap = Heap()
    before, block, after = heap.alloc(56), heap.alloc(56), heap.alloc(56)
    heap.free(block)
    heap.write(block, b"A" * 16)
    assert damage(heap) == (Damage.LINKS, block, before)
    assert refusal(Kind.DAMAGED, heap.alloc, 56).address == block
    assert refusal(Kind.DAMAGED, heap.free, before).address == block
    assert refusal(Kind.DAMAGED, heap.free, after).address == block


def test_a_write_after_free_to_the_end_of_a_block_is_caught():
    heap = Heap()
    before, block, after = heap.alloc(56), heap.alloc(56), heap.alloc(56)
    end = block + heap.usable(block)
    heap.free(block)
    heap.write(end - 8, b"A" * 8)
    assert damage(heap) == (Damage.FOOTER, block, before)
    assert refusal(Kind.DAMAGED, heap.free, after).address == block


def test_an_overflow_of_the_last_block_into_the_end_mark_is_caught():
    heap = Heap(4096)
    block = heap.alloc(heap.stats().largest_free)
    heap.write(block + heap.usable(block), b"A" * 8)
    end = heap.base + heap.size
    assert damage(heap) == (Damage.HEADER, end, block)
    assert refusal(Kind.DAMAGED, heap.free, block).address == end


def test_an_old_header_put_back_is_found():
    """Its checksum is right, but its flags are of a time when a neighbour was free."""
    heap = Heap(4096)
    block, after = heap.alloc(56), heap.alloc(56)
    heap.free(block)
    old = heap.read(after - HEADER, HEADER)
    assert heap.alloc(56) == block
    heap.write(after - HEADER, old)
    assert damage(heap) == (Damage.FLAGS, after, block)
    assert refusal(Kind.DAMAGED, heap.free, block).address == after


def test_an_underflow_of_the_first_block_is_caught():
    heap = Heap(4096)
    block = heap.alloc(100)
    heap.write(block - 16, b"A" * 16)
    assert damage(heap) == (Damage.HEADER, block, 0)
    assert refusal(Kind.DAMAGED, heap.free, block).address == block


def test_the_heads_written_over_are_caught():
    heap = Heap(4096)
    block = heap.alloc(100)
    first_header = block - HEADER
    heap.write(heap.base, b"A" * (first_header - heap.base))
    assert damage(heap) == (Damage.BINS, 0, 0)
    refusal(Kind.DAMAGED, heap.alloc, 100)
    refusal(Kind.DAMAGED, heap.free, block)


def test_a_damaged_list_is_found_before_a_rest_is_put_into_it():
    """The block at its head says that another is before it."""
    heap = Heap(8192)
    free, _a, large, same_size, _b = (heap.alloc(size) for size in (40, 40, 200, 40, 40))
    heap.free(free)
    heap.write(free + 4, struct.pack("<I", (large - heap.base) // 16))
    shrunk = heap.usable(large) - 48
    for function, *args in ((heap.free, same_size), (heap.realloc, large, shrunk)):
        assert refusal(Kind.DAMAGED, function, *args).address == free


@pytest.mark.parametrize("size", [40, 700])
@pytest.mark.parametrize("elsewhere", ["used", "free"])
def test_a_link_that_leads_elsewhere_is_found_before_its_block_is_taken(size, elsewhere):
    heap = Heap(16384)
    first, _a, second, _b, third, used = (heap.alloc(size) for _ in range(6))
    for block in (third, second, first):
        heap.free(block)
    lead = {"used": used, "free": third}[elsewhere]
    heap.write(first, struct.pack("<I", (lead - heap.base) // 16))
    assert refusal(Kind.DAMAGED, heap.alloc, size).address == first


def test_a_footer_that_leads_to_another_free_block_is_found():
    heap = Heap(8192)
    far, _a, near, block, _b = (heap.alloc(40) for _ in range(5))
    heap.free(far)
    heap.free(near)
    heap.write(block - HEADER - 4, struct.pack("<I", (block - far) // 16))
    assert refusal(Kind.DAMAGED, heap.free, block).address == near


# ---- every single bit -----------------------------------------------------------------------


def mixed_heap(seed: int, size: int = 8192, blocks: int = 60) -> tuple[Heap, dict[int, bytes]]:
    """A heap with holes: lists of several blocks, several bins. Also its live blocks' contents."""
    rng = random.Random(seed)
    heap = Heap(size)
    live: dict[int, bytes] = {}
    for _ in range(blocks):
        try:
            block = heap.alloc(rng.choice([24, 24, 40, 40, 56, 120, 200]), rng.choice([0, 0, 64]))
        except HeapError:
            break
        live[block] = rng.randbytes(heap.usable(block))
        heap.write(block, live[block])
    for block in rng.sample(sorted(live), len(live) * 2 // 5):
        heap.free(block)
        del live[block]
    return heap, live


@dataclass(frozen=True)
class Metadata:
    """A 32-bit word of the heap's own, and what damage to it must be called."""

    address: int
    kind: Damage
    block: int


def metadata(heap: Heap) -> list[Metadata]:
    """Every word: headers and end mark, links, footers, heads."""
    words = []
    walk = list(heap.walk())
    for block in walk:
        start, end = block.address, block.address + block.size
        words += [Metadata(start - 8 + i, Damage.HEADER, start) for i in (0, 4)]
        if not block.used:
            words += [Metadata(start + i, Damage.LINKS, start) for i in (0, 4)]
            words.append(Metadata(end - 4, Damage.FOOTER, start))
    end_mark = heap.base + heap.size
    words += [Metadata(end_mark - 8 + i, Damage.HEADER, end_mark) for i in (0, 4)]
    heads = range(heap.base, walk[0].address - 16, 4)
    return words + [Metadata(address, Damage.BINS, 0) for address in heads]


def flip(heap: Heap, address: int, bit: int) -> None:
    (word,) = struct.unpack("<I", heap.read(address, 4))
    heap.write(address, struct.pack("<I", word ^ 1 << bit))


@pytest.mark.parametrize("seed", range(3))
def test_every_flipped_bit_is_found_and_its_block_named(seed):
    heap, _live = mixed_heap(seed)
    words = metadata(heap)
    assert len({w.kind for w in words}) == 4
    for word in words:
        for bit in range(32):
            flip(heap, word.address, bit)
            kind, address, _previous = damage(heap)
            assert (kind, address) == (word.kind, word.block), (word, bit)
            flip(heap, word.address, bit)
    assert damage(heap)[0] == Damage.NONE


def test_a_lost_link_names_the_block_that_lost_it():
    """A link that becomes 0 cuts the list without leading anywhere wrong."""
    heap = Heap(8192)
    blocks = [heap.alloc(40) for _ in range(6)]
    for block in blocks[::2]:
        heap.free(block)
    # The list is last freed first: blocks 4, 2, 0.
    heap.write(blocks[2], bytes(4))
    assert damage(heap) == (Damage.LINKS, blocks[2], blocks[1])


def test_the_block_before_the_damage_is_named_as_the_suspect():
    heap = Heap(8192)
    blocks = [heap.alloc(40) for _ in range(6)]
    heap.free(blocks[3])
    for i in range(1, 6):
        before = heap.read(blocks[i] - HEADER, HEADER)
        heap.write(blocks[i] - HEADER, bytes(HEADER))
        assert damage(heap) == (Damage.HEADER, blocks[i], blocks[i - 1])
        heap.write(blocks[i] - HEADER, before)


def test_a_head_that_was_cleared_is_found():
    heap, _live = mixed_heap(0)
    used = [w for w in metadata(heap) if w.kind == Damage.BINS and any(heap.read(w.address, 4))]
    assert used
    for head in used:
        before = heap.read(head.address, 4)
        heap.write(head.address, bytes(4))
        assert damage(heap) == (Damage.BINS, 0, 0)
        heap.write(head.address, before)


def test_the_head_of_an_empty_bin_is_not_followed():
    heap = Heap(8192)
    block, behind = heap.alloc(40), heap.alloc(40)
    heap.write(heap.base + 4 * (48 // 16), struct.pack("<I", (behind - heap.base) // 16))
    assert damage(heap)[0] == Damage.BINS
    heap.free(block)
    assert damage(heap)[0] == Damage.NONE


def test_a_block_is_not_divided_when_the_list_for_its_rest_is_damaged():
    heap = Heap(8192)
    large, _a, small, _b = (heap.alloc(size) for size in (200, 40, 88, 40))
    heap.free(small)
    heap.free(large)
    heap.write(small + 4, struct.pack("<I", 5))
    assert refusal(Kind.DAMAGED, heap.alloc, 104).address == small  # leaves as much as `small` has


def forge(heap: Heap, block: int, word: int) -> None:
    """Writes a header with the right checksum: what only a fault of the heap itself could do."""
    mixed = (word << 32) + block + SECRET
    checksum = (mixed * 0x9E3779B97F4A7C15 & (1 << 64) - 1) >> 32
    heap.write(block - HEADER, struct.pack("<II", word, checksum))


def test_two_free_neighbours_are_found_even_when_they_agree():
    heap = Heap(8192)
    blocks = [heap.alloc(40) for _ in range(3)]
    heap.free(blocks[0])
    (word,) = struct.unpack("<I", heap.read(blocks[1] - HEADER, 4))
    forge(heap, blocks[1], word)
    assert damage(heap)[0] == Damage.NONE
    forge(heap, blocks[1], word | 1)
    assert damage(heap) == (Damage.FLAGS, blocks[1], blocks[0])


def test_a_header_without_a_size_ends_every_walk():
    heap = Heap(8192)
    blocks = [heap.alloc(40) for _ in range(3)]
    forge(heap, blocks[1], 0)
    assert damage(heap) == (Damage.HEADER, blocks[1], blocks[0])
    assert [b.address for b in heap.walk()] == blocks[:1]
    heap.write(blocks[2] - HEADER, bytes(HEADER))
    assert refusal(Kind.DAMAGED, heap.free, blocks[2]).address == blocks[1]


def test_a_header_with_a_size_beyond_the_heap_is_found_however_right_its_checksum():
    heap = Heap(8192)
    blocks = [heap.alloc(40) for _ in range(3)]
    for n_granules in (8192 // 16, 1 << 20, (1 << 26) - 1):
        forge(heap, blocks[1], n_granules << 6)
        assert damage(heap) == (Damage.HEADER, blocks[1], blocks[0])
        assert refusal(Kind.DAMAGED, heap.free, blocks[1]).address == blocks[1]
        assert heap.usable(blocks[1]) == 0


def test_a_list_bent_into_a_ring_is_found():
    heap = Heap(8192)
    blocks = [heap.alloc(40) for _ in range(6)]
    for block in blocks[::2]:
        heap.free(block)
    heap.write(blocks[0], struct.pack("<I", (blocks[4] - heap.base) // 16))
    assert damage(heap)[0] == Damage.LINKS
    assert heap.stats().largest_free > 0


# ---- going on with a damaged heap -----------------------------------------------------------


class Survivor:
    """Goes on using a damaged heap. Refusals are fine; lost or shared memory is not."""

    def __init__(self, heap: Heap, live: dict[int, bytes], rng: random.Random) -> None:
        self.heap, self.live, self.rng = heap, dict(live), rng

    def run(self, steps: int) -> None:
        for _ in range(steps):
            action = self.rng.choice([self.alloc, self.alloc, self.free, self.realloc])
            try:
                action()
            except HeapError as error:
                assert error.kind in (Kind.DAMAGED, Kind.FULL)
        for block, content in self.live.items():
            assert self.heap.read(block, len(content)) == content

    def take(self, block: int) -> None:
        """The heap's word that this memory is ours: no other block has it."""
        size = self.heap.usable(block)
        assert self.heap.base <= block and block + size <= self.heap.base + self.heap.size
        for other, content in self.live.items():
            assert block + size <= other or other + len(content) <= block
        self.live[block] = self.rng.randbytes(size)
        self.heap.write(block, self.live[block])

    def alloc(self) -> None:
        size = self.rng.choice([1, 24, 40, 56, 100, 200, 700])
        self.take(self.heap.alloc(size, self.rng.choice([0, 0, 64])))

    def free(self) -> None:
        if self.live:
            block = self.rng.choice(sorted(self.live))
            self.heap.free(block)
            del self.live[block]

    def realloc(self) -> None:
        if self.live:
            block = self.rng.choice(sorted(self.live))
            size = self.rng.choice([1, 40, 100, 300])
            moved = self.heap.realloc(block, size)
            content = self.live.pop(block)
            kept = min(size, len(content))
            assert self.heap.read(moved, kept) == content[:kept]
            self.take(moved)


@pytest.mark.parametrize("seed", range(150))
def test_one_flipped_bit_never_costs_a_live_block(seed):
    rng = random.Random(seed)
    heap, live = mixed_heap(seed, blocks=rng.randrange(2, 60))
    flip(heap, rng.choice(metadata(heap)).address, rng.randrange(32))
    Survivor(heap, live, rng).run(60)


def test_no_flipped_bit_is_survived_by_a_free_of_its_neighbours():
    """The header, links or footer next to a freed block is looked at before it is used."""
    heap, live = mixed_heap(7)
    walk = list(heap.walk())
    refused = 0
    for before, block in zip(walk, walk[1:], strict=False):
        if before.used:
            for bit in range(32):
                flip(heap, block.address - 8, bit)
                assert refusal(Kind.DAMAGED, heap.free, before.address).address == block.address
                flip(heap, block.address - 8, bit)
                refused += 1
    assert refused > 500 and live


def exercise(heap: Heap, rng: random.Random) -> None:
    """Every function, with every kind of pointer; any answer is right as long as there is one."""
    pointers = [block.address for block in heap.walk()]
    pointers += [heap.base + 16 * rng.randrange(heap.size // 16) for _ in range(20)]
    for pointer in rng.sample(pointers, len(pointers)):
        heap.usable(pointer)
        for call in (
            lambda: heap.alloc(rng.randrange(1, 1000), rng.choice([0, 32, 256])),
            lambda p=pointer: heap.realloc(p, rng.randrange(1, 1000)),
            lambda p=pointer: heap.free(p),
        ):
            try:
                call()
            except HeapError as error:
                assert error.kind != Kind.OK
    heap.check()
    assert isinstance(heap.stats(), StatsStruct)
    assert len(list(heap.walk())) <= heap.size // 32


@pytest.mark.parametrize("seed", range(150))
def test_no_scribble_makes_any_call_crash_or_hang(seed):
    rng = random.Random(seed)
    heap, _live = mixed_heap(seed, blocks=rng.randrange(1, 60))
    for _ in range(rng.randrange(1, 6)):
        length = rng.choice([1, 4, 8, 16, 64, 512])
        offset = rng.randrange(heap.size - length)
        pattern = rng.choice([bytes(length), b"\xff" * length, rng.randbytes(length)])
        heap.write(heap.base + offset, pattern)
    exercise(heap, rng)


@pytest.mark.parametrize("byte", [0x00, 0x01, 0x10, 0x7F, 0x80, 0xFF])
def test_a_region_filled_with_one_byte_is_only_refused(byte):
    heap, live = mixed_heap(1)
    heap.write(heap.base, bytes([byte]) * heap.size)
    assert heap.check()[0] > 0
    assert list(heap.walk()) == []
    for block in live:
        refusal(Kind.DAMAGED, heap.free, block)
    refusal(Kind.DAMAGED, heap.alloc, 24)
