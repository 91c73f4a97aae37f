# SPDX-License-Identifier: MIT
"""Heaps on the machine: blocks, statistics, damage, and who frees what when."""

from __future__ import annotations

import pytest
from on_board import EBUSY, EFAULT, ENOMEM, EPERM, PAGE, ask, ask_all, names

from pimem.testing.board_session import Machine

pytestmark = pytest.mark.usefixtures("nothing_left")


def test_the_kernel_heap_is_one_mebibyte_between_guard_pages(board: Machine) -> None:
    base, size, stats, ends, guards = ask(
        board,
        """
        h = memory.heap
        ends = [memory.kernel.translate(va) % 4096 for va in (h.base, h.base + h.size - 1)]
        guards = [refused(memory.kernel.translate, va) for va in (h.base - 1, h.base + h.size)]
        print((h.base, h.size, h.stats(), ends, guards))
        """,
    )
    assert size == 1 << 20 and base % PAGE == 0
    assert stats["size"] == size and stats["live_blocks"] == 0
    assert ends == [0, PAGE - 1]
    assert [guard[:2] for guard in guards] == [("OSError", EFAULT)] * 2


def test_a_block_is_memory_and_every_byte_comes_back(board: Machine) -> None:
    before, block, inside, after = ask(
        board,
        """
        h = memory.heap
        before = h.stats()["free"]
        with h.alloc(1000) as b:
            view = memoryview(b)
            view[:] = bytes(range(250)) * 4
            word = machine.mem32[b.address]
            block = b.address, b.size, len(b), repr(b), word, sum(view)
            inside = h.stats()
        print((before, block, inside, h.stats()["free"]))
        """,
    )
    address, size, length, text, word, total = block
    assert address % 16 == 0 and (size, length) == (1000, 1000)
    assert text == f"<Block 0x{address:x} +1000>"
    assert (word, total) == (0x03020100, 4 * sum(range(250)))
    assert inside["live_blocks"] == 1 and inside["used"] >= 1000
    assert inside["used"] + inside["free"] + inside["overhead"] == inside["size"]
    assert after == before


@pytest.mark.parametrize("align", [1, 16, 64, 4096, 65536])
def test_blocks_are_aligned_as_asked_for(board: Machine, align: int) -> None:
    addresses = ask(
        board,
        f"""
        blocks = [memory.heap.alloc(n, align={align}) for n in (1, 24, 5000)]
        print([b.address for b in blocks])
        for b in blocks:
            b.close()
        """,
    )
    assert [address % max(align, 16) for address in addresses] == [0, 0, 0]


def test_a_block_stays_itself_when_it_grows_and_shrinks(board: Machine) -> None:
    sizes, kept, same, live = ask(
        board,
        """
        h = memory.heap
        b, wall = h.alloc(32), h.alloc(16)
        memoryview(b)[:] = bytes(range(32))
        sizes, kept, same = [], [], True
        for size in (64, 40000, 33, 500000):
            same = same and h.realloc(b, size) is b
            sizes.append((size, b.size, len(memoryview(b))))
            kept.append(bytes(b)[:32] == bytes(range(32)))
        live = h.stats()["live_blocks"]
        b.close()
        wall.close()
        print((sizes, kept, same, live))
        """,
    )
    assert all(asked == size == length for asked, size, length in sizes)
    assert all(kept) and same and live == 2


def test_a_walk_meets_every_block_once(board: Machine) -> None:
    walk, blocks, base, size = ask(
        board,
        """
        h = memory.heap
        blocks = [h.alloc(100 * n) for n in range(1, 9)]
        blocks[3].close()
        live = [(b.address, b.size) for i, b in enumerate(blocks) if i != 3]
        print((h.walk(), live, h.base, h.size))
        for b in blocks:
            b.close()
        """,
    )
    used = {address: length for address, length, in_use in walk if in_use}
    assert set(used) == {address for address, _ in blocks}
    assert all(used[address] >= length for address, length in blocks)
    assert walk == sorted(walk)
    ends = [address + length for address, length, _ in walk]
    assert all(end <= walk[i + 1][0] for i, end in enumerate(ends[:-1]))
    assert base < walk[0][0] and ends[-1] <= base + size


def test_closed_blocks_say_so_and_close_again(board: Machine) -> None:
    address, text, answers = ask(
        board,
        """
        h = memory.heap
        b = h.alloc(10)
        address = b.address
        b.close()
        b.close()
        calls = (lambda: b.address, lambda: b.size, lambda: len(b), lambda: memoryview(b),
                 b.__enter__, lambda: h.realloc(b, 20))
        print((address, repr(b), [refused(call) for call in calls]))
        """,
    )
    assert text == f"<Block 0x{address:x} +10 closed>"
    for kind, _, message in answers:
        assert kind == "ValueError" and names(message, address, "closed")


def test_a_full_heap_says_what_it_has(board: Machine) -> None:
    refused, problems, live = ask(
        board,
        """
        h = memory.heap
        b = h.alloc(600000)
        print((refused(h.alloc, 600001), h.check(), h.stats()["live_blocks"]))
        b.close()
        """,
    )
    assert refused[:2] == ("OSError", ENOMEM) and names(refused[2], "600001")
    assert (problems, live) == ([], 1)


def test_a_failed_realloc_leaves_the_block(board: Machine) -> None:
    refused, block, size = ask(
        board,
        """
        with memory.heap.alloc(16) as b:
            memoryview(b)[:] = b"sixteen bytes ok"
            answer = refused(memory.heap.realloc, b, 2 << 20)
            print((answer, bytes(b), b.size))
        """,
    )
    assert refused[:2] == ("OSError", ENOMEM) and names(refused[2], str(2 << 20))
    assert (block, size) == (b"sixteen bytes ok", 16)


def test_garbage_blocks_are_freed_when_the_heap_is_full(board: Machine) -> None:
    assert ask(
        board,
        """
        def take(n):
            return memory.heap.alloc(n).size == n
        print(all([take(400000) for _ in range(6)]))
        gc.collect()
        """,
    )


def test_another_heap_has_memory_of_its_own(board: Machine) -> None:
    owned, base, size, inside, guards, owned_after = ask(
        board,
        """
        with memory.Heap(100000) as h:
            base, size = h.base, h.size
            b = h.alloc(50000)
            inside = h.contains(b.address), memory.heap.contains(b.address)
            guards = [refused(memory.kernel.translate, va) for va in (base - 1, base + size)]
            b.close()
            owned = memory.frames.owners()["heaps"]
        print((owned, base, size, inside, guards, "heaps" in memory.frames.owners()))
        """,
    )
    assert size == 25 * PAGE, "whole pages"
    assert owned == 25 and owned_after is False
    assert inside == (True, False)
    assert [guard[:2] for guard in guards] == [("OSError", EFAULT)] * 2


def test_a_heap_with_live_blocks_refuses_to_close(board: Machine) -> None:
    base, refused, closed = ask_all(
        board,
        """
        h = memory.Heap(65536)
        a, b = h.alloc(100), h.alloc(200)
        print(h.base)
        print(refused(h.close))
        a.close()
        b.close()
        h.close()
        h.close()
        calls = (lambda: h.base, lambda: h.size, h.stats, h.check, h.walk, h.__enter__,
                 lambda: h.alloc(1), lambda: h.realloc(b, 1), lambda: h.contains(0))
        print([refused(call) for call in calls])
        """,
    )
    assert refused[:2] == ("OSError", EBUSY) and names(refused[2], base, "2 live blocks")
    for kind, _, message in closed:
        assert kind == "ValueError" and names(message, base, "closed")


def test_the_last_block_of_a_garbage_heap_gives_its_memory_back(board: Machine) -> None:
    during, content, after = ask(
        board,
        """
        def heaps():
            return memory.frames.owners().get("heaps", 0)
        def work():
            b = memory.Heap(65536).alloc(16)
            memoryview(b)[:] = b"still here, sir."
            return b
        def overwrite(depth):  # what is left of the heap's address on the stack
            return depth and sorted([2, 1], key=lambda n: n)[0] * overwrite(depth - 1)
        b = work()
        overwrite(20)
        gc.collect()
        gc.collect()
        during, content = heaps(), bytes(b)
        overwrite(20)
        b.close()
        print((during, content, heaps()))
        """,
    )
    assert (during, content, after) == (16, b"still here, sir.", 0)


def test_a_block_belongs_to_one_heap(board: Machine) -> None:
    address, base, refused = ask(
        board,
        """
        with memory.Heap(65536) as h, memory.heap.alloc(10) as b:
            print((b.address, h.base, refused(h.realloc, b, 20)))
        """,
    )
    assert refused[0] == "ValueError" and names(refused[2], address, base)


def test_the_kernel_heap_cannot_be_closed(board: Machine) -> None:
    base, refused, size = ask(
        board, "print((memory.heap.base, refused(memory.heap.close), memory.heap.size))"
    )
    assert refused[:2] == ("OSError", EPERM) and names(refused[2], base)
    assert size == 1 << 20


def test_an_overflow_is_found_and_named(board: Machine) -> None:
    healthy, base, victim, found, system, freed, repaired = ask(
        board,
        """
        h = memory.Heap(65536)
        a, b = h.alloc(48), h.alloc(48)
        healthy = h.check()
        header = b.address - 8
        saved = machine.mem32[header], machine.mem32[header + 4]
        machine.mem8[header] = 0x41
        machine.mem8[header + 1] = 0x41
        found, system, freed = h.check(), memory.check(), refused(b.close)
        machine.mem32[header], machine.mem32[header + 4] = saved
        repaired = h.check()
        victim, base = b.address, h.base
        a.close()
        b.close()
        h.close()
        print((healthy, base, victim, found, system, freed, repaired))
        """,
    )
    assert healthy == repaired == []
    assert len(found) == 1 and names(found[0], base, victim)
    assert found[0] in system
    assert freed[:2] == ("OSError", EFAULT) and names(freed[2], base, victim)


def test_a_thousand_blocks_in_random_order_leave_no_trace(board: Machine) -> None:
    before, after, problems, blocks = ask(
        board,
        """
        import random
        random.seed(7)
        h = memory.heap
        before, live = h.stats()["free"], []
        for _ in range(1000):
            if live and (random.getrandbits(2) == 0 or len(live) > 60):
                live.pop(random.randrange(len(live))).close()
            elif live and random.getrandbits(2) == 0:
                h.realloc(random.choice(live), random.randrange(1, 9000))
            else:
                live.append(h.alloc(random.randrange(1, 9000), 1 << random.randrange(4, 10)))
        problems = h.check()
        for b in live:
            b.close()
        print((before, h.stats()["free"], problems + h.check(), len(h.walk())))
        """,
    )
    assert after == before
    assert problems == []
    assert blocks == 1, "one free block again"


def test_the_largest_free_size_is_never_refused(board: Machine) -> None:
    refusals, before, after = ask(
        board,
        """
        import random
        random.seed(3)
        with memory.Heap(256 << 10) as heap:
            before = heap.stats()["free"]
            # Sizes of one bin, one block freed and one kept in turn: the largest are found last.
            blocks = [heap.alloc(1000 + i % 14) for i in range(200)]
            rest = heap.alloc(heap.stats()["largest_free"])
            refusals = 0
            for i in range(100):
                blocks.pop(i).close()
                try:
                    heap.alloc(heap.stats()["largest_free"]).close()
                except OSError:
                    refusals += 1
            for block in blocks:
                block.close()
            rest.close()
            print((refusals, before, heap.stats()["free"]))
        """,
    )
    assert refusals == 0
    assert after == before
