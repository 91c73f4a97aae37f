# SPDX-License-Identifier: MIT
"""The heap, rule by rule."""

import ctypes
import random

import host_library
import pytest
from heap_lib import (
    ALIGN,
    ALIGN_MAX,
    HEADER,
    SECRET,
    SMALLEST_BLOCK,
    Heap,
    HeapError,
    HeapStruct,
    Kind,
    load,
)

MIB = 1 << 20


@pytest.fixture
def heap() -> Heap:
    return Heap()


def refused(kind: Kind, function, *args) -> HeapError:
    """Calls, expects this refusal and that nothing at all changed."""
    heap = function.__self__
    before = heap.snapshot()
    with pytest.raises(HeapError) as caught:
        function(*args)
    assert caught.value.kind == kind
    assert heap.snapshot() == before
    return caught.value


def healthy(heap: Heap) -> None:
    """The check finds nothing, and the numbers add up."""
    found, damage = heap.check()
    assert (found, damage.kind) == (0, 0)
    stats = heap.stats()
    assert stats.used + stats.free + stats.overhead == stats.size


def fill(heap: Heap, size: int) -> list[int]:
    """Blocks of one size until there is no room."""
    blocks = []
    while True:
        try:
            blocks.append(heap.alloc(size))
        except HeapError as error:
            assert error.kind == Kind.FULL
            return blocks


def test_a_new_heap_is_one_free_block(heap):
    (block,) = heap.walk()
    assert not block.used
    stats = heap.stats()
    assert (stats.live_blocks, stats.free_blocks, stats.used) == (0, 1, 0)
    assert stats.free == stats.largest_free == block.size
    healthy(heap)


def test_the_bookkeeping_of_an_empty_mebibyte_is_below_two_kibibytes():
    assert Heap(MIB).stats().overhead < 2048


def test_a_block_lies_inside_is_aligned_and_large_enough(heap):
    for size in range(1, 600):
        block = heap.alloc(size)
        assert block % ALIGN == 0
        assert size <= heap.usable(block) < size + SMALLEST_BLOCK
        assert heap.base <= block and block + size <= heap.base + heap.size
        heap.free(block)
    healthy(heap)


def test_the_smallest_block_costs_thirty_two_bytes(heap):
    first, second = heap.alloc(1), heap.alloc(24)
    assert second - first == SMALLEST_BLOCK
    assert heap.usable(first) == SMALLEST_BLOCK - HEADER


@pytest.mark.parametrize("align", [1, 2, 4, 8, 16, 32, 64, 256, 4096, 65536, ALIGN_MAX])
def test_every_power_of_two_up_to_the_largest_is_an_alignment(align):
    heap = Heap(4 * MIB)
    initial = heap.stats().free
    blocks = [heap.alloc(size, align) for size in (1, 40, 1000)]
    assert all(block % max(align, ALIGN) == 0 for block in blocks)
    healthy(heap)
    for block in blocks:
        heap.free(block)
    assert heap.stats().free == initial


@pytest.mark.parametrize("align", [3, 17, 24, 48, 4097, ALIGN_MAX * 2, 1 << 63, (1 << 64) - 1])
def test_any_other_alignment_is_refused_with_its_value(heap, align):
    assert refused(Kind.BAD_ALIGNMENT, heap.alloc, 10, align).value == align


def test_an_aligned_block_is_found_wherever_it_fits_in_the_only_free_block():
    """The gap in front may take almost nothing: no worst case is demanded."""
    heap = Heap(64 << 10)
    (free,) = heap.walk()
    aligned = -(-free.address // 4096) * 4096
    size = free.address + free.size - aligned
    assert heap.alloc(size, 4096) == aligned
    healthy(heap)


def test_a_gap_too_small_for_a_block_moves_the_start_to_the_next_multiple():
    heap = Heap(64 << 10)
    (free,) = heap.walk()
    # Leaves the free block 16 bytes before a multiple of 64: too little for a header and links.
    heap.alloc((48 - free.address) % 64 + 64 - HEADER)
    free = list(heap.walk())[-1]
    assert free.address % 64 == 48
    block = heap.alloc(100, 64)
    assert block == free.address + 16 + 64
    healthy(heap)


@pytest.mark.parametrize("align", [16, 256, 4096])
def test_a_block_that_is_surely_large_enough_is_found_behind_any_number_that_are_not(align):
    """The search gives up its close fit after a few blocks, but never the request."""
    heap = Heap(256 << 10)
    # Free blocks of 66 granules, which share their bin with the 67 that the request takes.
    holes = [heap.alloc(66 * 16 - HEADER) for _ in range(2 * 20)][::2]
    worst = 67 * 16 + (align + 16 if align > ALIGN else 0)
    large, _keep = heap.alloc(worst + worst // 32 + 32), heap.alloc(1)
    heap.alloc(heap.stats().largest_free)
    for hole in [large, *holes]:
        heap.free(hole)
    block = heap.alloc(67 * 16 - HEADER, align)
    assert large <= block < large + worst
    healthy(heap)


@pytest.mark.parametrize("unfit", [0, 1, 3])
def test_a_close_fit_is_found_behind_a_few_blocks_that_are_too_small(unfit):
    heap = Heap(64 << 10)
    sizes = [67] + [66] * unfit  # granules: the same bin
    blocks = [heap.alloc(size * 16 - HEADER) for size in sizes for _ in range(2)][::2]
    heap.alloc(heap.stats().largest_free)
    for block in blocks:  # what is freed last is looked at first
        heap.free(block)
    assert heap.alloc(67 * 16 - HEADER) == blocks[0]
    healthy(heap)


def test_a_size_of_zero_is_refused(heap):
    block = heap.alloc(10)
    refused(Kind.ZERO_SIZE, heap.alloc, 0)
    refused(Kind.ZERO_SIZE, heap.realloc, block, 0)


@pytest.mark.parametrize("size", [1 << 16, 1 << 32, 1 << 63, (1 << 64) - 1, (1 << 64) - 16])
def test_a_size_beyond_the_heap_is_too_large_and_named(heap, size):
    block = heap.alloc(10)
    assert refused(Kind.TOO_LARGE, heap.alloc, size).value == size
    assert refused(Kind.TOO_LARGE, heap.realloc, block, size).value == size


def test_the_largest_free_size_can_be_taken_and_one_byte_more_cannot(heap):
    largest = heap.stats().largest_free
    refused(Kind.TOO_LARGE, heap.alloc, largest + 1)
    block = heap.alloc(largest)
    assert heap.stats().free == 0 and heap.stats().largest_free == 0
    assert refused(Kind.FULL, heap.alloc, 1).value == 1
    heap.free(block)
    assert heap.stats().largest_free == largest


@pytest.mark.parametrize("behind", range(8))
def test_the_largest_free_size_is_never_refused(behind):
    heap = Heap(64 << 10)
    sizes = [67] + behind * [66]  # blocks of one bin: what is freed last is found first
    blocks = [heap.alloc(size * 16 - HEADER) for size in sizes for _ in range(2)][::2]
    heap.alloc(heap.stats().largest_free)
    for block in blocks:
        heap.free(block)
    largest = heap.stats().largest_free
    refused(Kind.FULL, heap.alloc, largest + 1)
    assert heap.usable(heap.alloc(largest)) == largest
    assert largest == (66 if behind >= 4 else 67) * 16 - HEADER


@pytest.mark.parametrize("order", [(67, 66), (66, 67)])
def test_the_largest_free_size_is_that_of_the_largest_block_of_a_bin(order):
    heap = Heap(64 << 10)
    blocks = [heap.alloc(size * 16 - HEADER) for size in order for _ in range(2)][::2]
    heap.alloc(heap.stats().largest_free)
    for block in blocks:
        heap.free(block)
    assert heap.stats().largest_free == 67 * 16 - HEADER
    assert heap.alloc(heap.stats().largest_free)


@pytest.mark.parametrize("order", ["first to last", "last to first", "random"])
def test_every_byte_comes_back_in_any_order(order):
    heap = Heap(64 << 10)
    initial, pristine = heap.stats().free, list(heap.walk())
    blocks = fill(heap, 100)
    if order == "last to first":
        blocks.reverse()
    elif order == "random":
        random.Random(1).shuffle(blocks)
    for block in blocks:
        heap.free(block)
    assert heap.stats().free == initial
    assert list(heap.walk()) == pristine
    healthy(heap)


def test_the_peak_stays_when_the_blocks_go(heap):
    blocks = [heap.alloc(1000) for _ in range(5)]
    peak = heap.stats().used
    assert peak == sum(map(heap.usable, blocks))
    for block in blocks:
        heap.free(block)
    assert (heap.stats().used, heap.stats().peak_used) == (0, peak)


def test_a_second_free_is_refused_as_one(heap):
    block, _keep = heap.alloc(100), heap.alloc(100)
    heap.free(block)
    error = refused(Kind.DOUBLE_FREE, heap.free, block)
    assert error.address == block


@pytest.mark.parametrize("first", [0, 1, 2])
def test_a_second_free_after_merging_is_refused_as_one(heap, first):
    blocks = [heap.alloc(100) for _ in range(4)]
    for i in range(3):
        heap.free(blocks[(first + i) % 3])
    for block in blocks[:3]:
        refused(Kind.DOUBLE_FREE, heap.free, block)


def test_a_pointer_into_a_block_is_refused(heap):
    block = heap.alloc(1000)
    ctypes.memset(block, 0, 1000)
    for offset in (1, 8, 16, 32, 992):
        error = refused(Kind.NOT_A_BLOCK, heap.free, block + offset)
        assert error.address == block + offset
        refused(Kind.NOT_A_BLOCK, heap.realloc, block + offset, 10)


@pytest.mark.parametrize("small", [0, 1000, 1100])
def test_a_pointer_far_into_a_large_block_is_refused(small):
    heap = Heap(1 << 20)
    for _ in range(small):
        heap.alloc(40)
    block = heap.alloc(1 << 19)
    ctypes.memset(block, 0, 1 << 19)
    for offset in (16, 1023 * 16, 1024 * 16, 1025 * 16, 1 << 18, (1 << 19) - 16):
        refused(Kind.NOT_A_BLOCK, heap.free, block + offset)


@pytest.mark.parametrize(
    ("small", "size", "kind"),
    [
        (0, 1 << 18, Kind.DAMAGED),
        (1022, 1 << 18, Kind.DAMAGED),
        (1023, 1 << 18, Kind.DAMAGED),
        (1024, 1 << 18, Kind.NOT_A_BLOCK),  # as heap.h says
        (1100, 1024 * 16 - HEADER, Kind.DAMAGED),
        (1100, 1025 * 16 - HEADER, Kind.NOT_A_BLOCK),
    ],
)
def test_a_block_whose_header_a_large_block_overran(small, size, kind):
    heap = Heap(1 << 20)
    for _ in range(small):
        heap.alloc(40)
    before, block = heap.alloc(size), heap.alloc(100)
    heap.write(before + heap.usable(before), b"A" * HEADER)
    with pytest.raises(HeapError) as caught:
        heap.free(block)
    assert caught.value.kind == kind


def test_the_heads_and_the_end_mark_are_not_blocks(heap):
    refused(Kind.NOT_A_BLOCK, heap.free, heap.base)
    refused(Kind.NOT_A_BLOCK, heap.free, heap.base + 64)
    refused(Kind.NOT_A_BLOCK, heap.free, heap.base + heap.size - 16)


def test_a_pointer_outside_is_refused(heap):
    other = Heap(4096)
    foreign = other.alloc(10)
    for address in (0, 16, heap.base - 16, heap.base + heap.size, foreign, (1 << 64) - 16):
        refused(Kind.OUTSIDE, heap.free, address)
        refused(Kind.OUTSIDE, heap.realloc, address, 10)
        assert heap.usable(address) == 0
        assert not heap.contains(address)
    assert heap.contains(heap.base) and heap.contains(heap.base + heap.size - 1)


def test_a_block_copied_elsewhere_is_not_a_block(heap):
    """The checksum holds for one address only."""
    victim, block = heap.alloc(200), heap.alloc(40)
    heap.write(victim + 64 - HEADER, heap.read(block - HEADER, 40 + HEADER))
    refused(Kind.NOT_A_BLOCK, heap.free, victim + 64)


def test_a_header_of_a_heap_with_another_secret_does_not_pass():
    heap = Heap(4096)
    block = heap.alloc(40)
    header = heap.read(block - HEADER, HEADER)
    heap.lib.heap_init(heap.struct, heap.base, heap.size, SECRET + 1)
    assert heap.alloc(40) == block
    assert heap.read(block - HEADER, 4) == header[:4]
    assert heap.read(block - 4, 4) != header[4:]


def test_a_usable_size_is_for_live_blocks_only(heap):
    block, _keep = heap.alloc(100), heap.alloc(1)
    assert heap.usable(block) == 104
    assert heap.usable(block + 16) == 0
    heap.free(block)
    assert heap.usable(block) == 0


def test_the_walk_names_every_block_in_order_without_gaps(heap):
    blocks = [heap.alloc(50 + i) for i in range(6)]
    heap.free(blocks[1])
    heap.free(blocks[4])
    seen = list(heap.walk())
    assert [b.address for b in seen[:6]] == blocks
    assert [b.used for b in seen] == [True, False, True, True, False, True, False]
    for one, following in zip(seen, seen[1:], strict=False):
        assert one.address + one.size + HEADER == following.address
    assert seen[-1].address + seen[-1].size + HEADER == heap.base + heap.size


def test_errors_are_optional(heap):
    assert heap.lib.heap_alloc(heap.struct, 0, 0, None) is None
    assert heap.lib.heap_alloc(heap.struct, 1, 3, None) is None
    assert heap.lib.heap_free(heap.struct, 16, None) == -34
    assert heap.lib.heap_realloc(heap.struct, 16, 10, None) is None
    block = heap.lib.heap_alloc(heap.struct, 10, 0, None)
    assert heap.lib.heap_free(heap.struct, block, None) == 0
    assert heap.lib.heap_free(heap.struct, block, None) == -114
    assert heap.lib.heap_check(heap.struct, None) == 0


@pytest.mark.parametrize(
    ("offset", "size", "result"),
    [
        (0, 511, -22),
        (0, 0, -22),
        (8, 4096, -22),
        (1, 4096, -22),
        (0, (1 << 30) + 16, -34),
        (0, (1 << 64) - 1, -22),
        (0, 512, 0),
        (16, 1000, 0),
        (0, 4095, 0),
    ],
)
def test_a_region_is_accepted_or_refused_with_a_reason(offset, size, result):
    memory = host_library.Memory(4096 + 16)
    struct = HeapStruct()
    assert load().heap_init(struct, memory.address + offset, size, 1) == result
    if result != 0:
        assert memory.data() == bytes([host_library.Memory.JUNK]) * memory.size
        assert bytes(struct) == bytes(len(bytes(struct)))


def test_a_region_at_null_is_refused():
    assert load().heap_init(HeapStruct(), None, 4096, 1) == -22


def test_the_smallest_region_serves_a_block():
    heap = Heap(512)
    block = heap.alloc(24)
    healthy(heap)
    heap.free(block)
    healthy(heap)


@pytest.mark.parametrize("size", [512, 528, 1024, 4096 - 16, 5000, 1 << 16, (1 << 16) + 16, MIB])
def test_heaps_of_any_size_fill_and_empty(size):
    heap = Heap(size)
    initial = heap.stats().free
    blocks = fill(heap, 24)
    healthy(heap)
    for block in blocks:
        heap.free(block)
    assert heap.stats().free == initial
    whole = heap.alloc(initial)
    healthy(heap)
    heap.free(whole)


def test_every_kind_has_its_own_words():
    lib = load()
    for function, count in ((lib.heap_error_text, 9), (lib.heap_damage_text, 7)):
        texts = {function(kind) for kind in range(count)}
        assert len(texts) == count and all(texts)
        assert function(count).startswith(b"unknown")
        assert function(-1).startswith(b"unknown")


def churn(rng: random.Random, heap: Heap, sizes: range) -> int:
    """Two allocations for each free until the first refusal: the requested bytes then alive."""
    live: list[tuple[int, int]] = []
    total = 0
    while True:
        if live and rng.randrange(3) == 0:
            index = rng.randrange(len(live))
            live[index], live[-1] = live[-1], live[index]
            block, size = live.pop()
            heap.free(block)
            total -= size
            continue
        size = rng.choice(sizes)
        try:
            live.append((heap.alloc(size), size))
        except HeapError as error:
            assert error.kind == Kind.FULL
            return total
        total += size


@pytest.mark.parametrize("seed", range(5))
def test_92_percent_of_a_mebibyte_are_live_bytes_at_the_first_failure(seed):
    heap = Heap(MIB)
    live = churn(random.Random(seed), heap, range(16, 513))
    assert 100 * live / MIB >= 92.0
    healthy(heap)
