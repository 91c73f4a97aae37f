# SPDX-License-Identifier: MIT
"""Frames on the machine: allocation, views of them, and who gives them back when."""

from __future__ import annotations

import pytest
from on_board import EBUSY, EFAULT, ENOMEM, PAGE, VA, ask, ask_all, names

from pimem.testing.board_session import Machine

pytestmark = pytest.mark.usefixtures("nothing_left")


def test_frames_have_an_address_a_count_and_a_size(board: Machine) -> None:
    pa, count, size, length, text = ask(
        board,
        """
        with memory.frames.alloc(3) as f:
            print((f.pa, f.count, f.size, len(f), repr(f)))
        """,
    )
    assert pa % PAGE == 0
    assert (count, size, length) == (3, 3 * PAGE, 3 * PAGE)
    assert text == f"<Frames 0x{pa:x} +3>"


@pytest.mark.parametrize("align", [1, 2, 64, 512, 1024, 4096])
def test_frames_are_aligned_as_asked_for(board: Machine, align: int) -> None:
    pas = ask(
        board,
        f"""
        some = [memory.frames.alloc(n, align={align}, zero=False) for n in (1, 3, 512)]
        print([f.pa for f in some])
        for f in some:
            f.close()
        """,
    )
    assert [pa % (align * PAGE) for pa in pas] == [0, 0, 0]


def test_frames_come_from_the_address_asked_for_and_only_once(board: Machine) -> None:
    pa, got, state, refused = ask_all(
        board,
        """
        with memory.frames.alloc(600) as f:
            pa = f.pa + 590 * 4096  # not where the next record or table is taken from
        print(pa)
        with memory.frames.alloc(2, at=pa + 4096) as f:
            print(f.pa)
            print(memory.frames.state(f.pa))
            print(refused(memory.frames.alloc, 4, at=pa))
        """,
    )
    assert got == pa + PAGE
    assert state == ("used", None)
    assert refused[:2] == ("OSError", EBUSY) and names(refused[2], pa + PAGE, "in use")


def test_reserved_frames_are_refused_by_name(board: Machine) -> None:
    start, name, refused = ask(
        board,
        """
        for start, end, state, name in memory.frames.runs():
            if state == "reserved":
                break
        else:  # the virt machine has nothing reserved: its image is in use
            start, name = _memory.boot_info()["image"][0], "in use"
        print((start, name, refused(memory.frames.alloc, 1, at=start)))
        """,
    )
    assert refused[:2] == ("OSError", EBUSY) and names(refused[2], start, name)


def test_each_reserved_range_is_refused_with_its_purpose(board: Machine) -> None:
    reserved = ask(
        board,
        """
        print([(name, refused(memory.frames.alloc, 1, at=at))
               for start, end, name in _memory.boot_info()["reserved"]
               for at in (start & -PAGE, (end - 1) & -PAGE)])
        """,
    )
    purposes = [name for name, _ in reserved]  # ranges may overlap
    for _, (kind, errno, text) in reserved:
        assert (kind, errno) == ("OSError", EBUSY)
        assert text.split(" is reserved for ")[-1] in purposes


@pytest.mark.parametrize("pa", [1 << 40, (1 << 48) - PAGE, 1 << 63])
def test_frames_outside_ram_are_refused(board: Machine, pa: int) -> None:
    refused = ask(board, f"print(refused(memory.frames.alloc, 1, at={pa}))")
    assert refused[:2] == ("OSError", EFAULT) and names(refused[2], pa, "not in RAM")


def test_frames_below_a_limit_are_below_it(board: Machine) -> None:
    limit, end = ask(
        board,
        """
        limit = _memory.boot_info()["ram"][0][0] + (32 << 20)
        with memory.frames.alloc(256, below=limit) as f:
            print((limit, f.pa + f.size))
        """,
    )
    assert end <= limit


def test_frames_are_zeroed_unless_told_otherwise(board: Machine) -> None:
    kept, zeroed = ask(
        board,
        """
        with memory.frames.alloc(2) as f:
            pa = f.pa
            memoryview(f)[:] = b"\\xa5" * 8192
        with memory.frames.alloc(2, at=pa, zero=False) as f:
            kept = sum(memoryview(f))
        with memory.frames.alloc(2, at=pa) as f:
            print((kept, sum(memoryview(f))))
        """,
    )
    assert kept == 0xA5 * 8192
    assert zeroed == 0


def test_a_view_is_the_memory_itself(board: Machine) -> None:
    word, tail, length = ask(
        board,
        """
        with memory.frames.alloc(513) as f:
            view = memoryview(f)
            view[0:4] = b"\\x78\\x56\\x34\\x12"
            machine.mem32[LINEAR + f.pa + f.size - 4] = 0x11223344
            print((machine.mem32[LINEAR + f.pa], bytes(view[-4:]), len(view)))
        """,
    )
    assert (word, tail, length) == (0x12345678, b"\x44\x33\x22\x11", 513 * PAGE)


def test_the_next_view_of_the_same_frames_is_at_another_address(board: Machine) -> None:
    first, second, pas = ask(
        board,
        """
        from uctypes import addressof
        with memory.frames.alloc(8) as f:
            first, pa = addressof(f), f.pa
        with memory.frames.alloc(8, at=pa) as f:
            second = addressof(f)
            pas = memory.kernel.translate(second), pa
        print((first, second, pas))
        """,
    )
    assert first + 8 * PAGE < second, "with an unmapped page in between"
    assert pas[0] == pas[1]


def test_code_written_through_a_view_can_be_run(board: Machine) -> None:
    answer = ask(
        board,
        """
        with memory.frames.alloc() as f:
            view = memoryview(f)
            # add x0, x0, x1; ret
            view[0:8] = b"\\x00\\x00\\x01\\x8b\\xc0\\x03\\x5f\\xd6"
            memory.kernel.map(FREE, f, prot="rx")
            print(memory.call(FREE, 40, 2))
            memory.kernel.unmap(FREE, 4096)
        """,
    )
    assert answer == 42


def test_closed_frames_say_so_and_close_again(board: Machine) -> None:
    pa, text, answers = ask(
        board,
        """
        f = memory.frames.alloc(2)
        pa = f.pa
        f.close()
        f.close()
        calls = (lambda: f.pa, lambda: f.count, lambda: f.size, lambda: len(f), f.__enter__,
                 lambda: memoryview(f), lambda: bytes(f), lambda: memory.kernel.map(FREE, f))
        print((pa, repr(f), [refused(call) for call in calls]))
        """,
    )
    assert text == f"<Frames 0x{pa:x} +2 closed>"
    for kind, _, message in answers:
        assert kind == "ValueError" and names(message, pa, "closed")


def test_mapped_frames_refuse_to_close(board: Machine) -> None:
    pa, refused, still, free = ask(
        board,
        """
        free = memory.frames.stats()["free"]
        f = memory.frames.alloc(2)
        view = memoryview(f)
        view[7] = 7
        space = memory.AddressSpace()
        space.map(VA, f)
        answer = refused(f.close)
        still = view[7], space.translate(VA + 4096) - f.pa
        pa = f.pa
        space.unmap(VA, 8192)
        f.close()
        space.close()
        print((pa, answer, still, memory.frames.stats()["free"] - free))
        """,
    )
    assert refused[:2] == ("OSError", EBUSY) and names(refused[2], pa, VA)
    assert still == (7, PAGE)


def test_garbage_gives_its_frames_back(board: Machine) -> None:
    free, taken, after = ask(
        board,
        """
        def work():
            frames = [memory.frames.alloc(50) for _ in range(4)]
            memoryview(frames[0])[0] = 1
            return memory.frames.stats()["free"]
        gc.collect()
        free = memory.frames.owners().get("frames", 0)
        work()
        taken = memory.frames.owners()["frames"]
        gc.collect()
        print((free, taken, memory.frames.owners().get("frames", 0)))
        """,
    )
    assert taken - free >= 200
    assert after == free


def test_mappings_inherit_the_frames_of_garbage(board: Machine) -> None:
    before, mapped, word, after = ask(
        board,
        """
        def work(space):
            f = memory.frames.alloc(5)
            machine.mem32[LINEAR + f.pa] = 0xC0FFEE
            space.map(VA, f)
        def owned():
            return memory.frames.owners().get("frames", 0)
        gc.collect()
        before = owned()
        space = memory.AddressSpace()
        work(space)
        gc.collect()
        gc.collect()
        mapped = owned()
        word = machine.mem32[LINEAR + space.translate(VA)]
        space.close()
        print((before, mapped, word, owned()))
        """,
    )
    assert (mapped - before, word, after) == (5, 0xC0FFEE, before)


def test_garbage_is_collected_when_frames_run_out(board: Machine) -> None:
    assert ask(
        board,
        """
        def take(n):
            f = memory.frames.alloc(n, zero=False)
            return f.count == n
        gc.collect()
        n = memory.frames.stats()["largest_run"] * 2 // 3
        print(all([take(n) for _ in range(4)]))
        gc.collect()
        """,
    )


def test_more_frames_than_there_are_is_no_memory(board: Machine) -> None:
    total, refused, problems = ask(
        board,
        """
        total = memory.frames.stats()["total"]
        print((total, refused(memory.frames.alloc, total + 1), memory.check()))
        """,
    )
    assert refused[:2] == ("OSError", ENOMEM) and names(refused[2], str(total + 1))
    assert problems == []


def test_runs_cover_every_bank_and_agree_with_the_counters(board: Machine) -> None:
    runs, ram, stats = ask(
        board,
        """
        gc.collect()
        for _ in range(2):  # the second list is made when the collector has grown for the first
            runs = memory.frames.runs()
        print((runs, [tuple(r) for r in _memory.boot_info()["ram"]], memory.frames.stats()))
        """,
    )
    count = {"free": 0, "used": 0, "reserved": 0}
    for start, end, state, name in runs:
        count[state] += (end - start) // PAGE
        assert (name is not None) == (state == "reserved")
    assert count == {state: stats[state] for state in count}
    assert sum(count.values()) == stats["total"] == sum(end - start for start, end in ram) // PAGE
    free = max(((e - s) // PAGE for s, e, state, _ in runs if state == "free"), default=0)
    assert stats["largest_run"] == free
    assert sum(n << order for order, n in enumerate(stats["free_by_order"])) == stats["free"]
    assert stats["used"] <= stats["peak_used"] <= stats["total"]


def test_owners_add_up_to_the_frames_in_use(board: Machine) -> None:
    owners, used, problems = ask(
        board,
        """
        f = memory.frames.alloc(9)
        heap = memory.Heap(65536)
        space = memory.AddressSpace()
        space.map(VA, f)
        gc.collect()
        memory.frames.owners(), memory.frames.stats()
        print((memory.frames.owners(), memory.frames.stats()["used"], memory.check()))
        space.close()
        f.close()
        heap.close()
        """,
    )
    assert sum(owners.values()) == used
    assert owners["frames"] >= 9 and owners["heaps"] >= 16 and owners["space tables"] >= 4
    assert owners["kernel heap"] == 256
    assert problems == []


def test_every_free_frame_can_be_taken_and_given_back(board: Machine) -> None:
    before, taken, after, problems = ask(
        board,
        """
        gc.collect()
        def free():
            return memory.frames.stats()["free"]
        free()
        before = free()
        taken = _memory.take_all()
        print((before, taken, free(), memory.check()))
        """,
    )
    runs, frames, largest = taken
    assert frames == before == after
    assert 1 <= runs <= frames and largest <= frames
    assert problems == []


def test_a_reserved_range_stays_out_of_use(fresh: Machine) -> None:
    pa, answers = ask_all(
        fresh,
        """
        with memory.frames.alloc(4, align=4) as f:
            pa = f.pa
            answers = [refused(memory.frames.reserve, pa, 4096, "spare")]
        memory.frames.reserve(pa + 5, 4096, "spare")
        answers.append(memory.frames.state(pa + 4096))
        answers.append(refused(memory.frames.alloc, 1, at=pa + 4096))
        answers.append(refused(memory.frames.reserve, pa, 16384, "again"))
        print(pa)
        print(answers)
        """,
    )
    assert answers[0][:2] == ("OSError", EBUSY) and names(answers[0][2], pa, "in use")
    assert answers[1] == ("reserved", "spare")
    assert answers[2][:2] == ("OSError", EBUSY) and names(answers[2][2], pa + PAGE, "spare")
    assert answers[3][:2] == ("OSError", EBUSY) and names(answers[3][2], pa, "spare")
    fresh.soft_reset()
    state, problems = ask(fresh, f"print((memory.frames.state({pa}), memory.check()))")
    assert state == ("reserved", "spare")
    assert problems == []
