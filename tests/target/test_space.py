# SPDX-License-Identifier: MIT
"""Address spaces on the machine: mappings, translations, walks, blocks, activation."""

from __future__ import annotations

from typing import Any

import pytest
from on_board import (
    BLOCK,
    EBUSY,
    EEXIST,
    EFAULT,
    ERANGE,
    PAGE,
    VA,
    ask,
    ask_all,
    ask_lines,
    names,
)
from socs import soc_of

from pimem.testing.board_session import Machine

pytestmark = pytest.mark.usefixtures("nothing_left")


def test_a_mapping_translates_to_its_frames(board: Machine) -> None:
    pa, translated, mappings = ask_all(
        board,
        """
        with memory.frames.alloc(3) as frames:
            space = memory.AddressSpace()
            space.map(VA, frames)
            print(frames.pa)
            print([space.translate(VA + i) for i in (0, 1, 0x1234, 0x2FFF)])
            print([tuple(m) for m in space.mappings()])
            space.close()
        """,
    )
    assert translated == [pa, pa + 1, pa + 0x1234, pa + 0x2FFF]
    assert mappings == [(VA, VA + 3 * PAGE, pa, "rw", "normal", None)]


def test_the_fields_of_a_mapping_have_names(board: Machine) -> None:
    assert ask(
        board,
        """
        m = memory.identity.mappings()[-1]
        print((m.start, m.end, m.pa, m.prot, m.memtype, m.name) == tuple(m))
        """,
    )


def test_an_unmapped_address_has_no_translation(board: Machine) -> None:
    answers = ask_all(
        board,
        """
        space = memory.AddressSpace()
        print(refused(space.translate, VA + 5))
        print(refused(space.translate, 1 << 48))
        print(refused(memory.kernel.translate, VA))
        space.close()
        """,
    )
    assert answers[0][:2] == ("OSError", EFAULT) and names(answers[0][2], VA + 5)
    assert answers[1][:2] == ("OSError", ERANGE) and names(answers[1][2], 1 << 48)
    assert answers[2][:2] == ("OSError", ERANGE) and names(answers[2][2], VA)


def test_part_of_a_frames_object_can_be_mapped(board: Machine) -> None:
    mappings, too_much = ask_all(
        board,
        """
        with memory.frames.alloc(3) as frames:
            space = memory.AddressSpace()
            space.map(VA, frames, 2 * PAGE, "r")
            print([m.end - m.start for m in space.mappings()])
            print(refused(space.map, VA + BLOCK, frames, size=4 * PAGE))
            space.close()
        """,
    )
    assert mappings == [2 * PAGE]
    assert too_much[0] == "ValueError" and names(too_much[2], str(4 * PAGE), str(3 * PAGE))


def test_unmapping_leaves_a_hole(board: Machine) -> None:
    pa, mappings, hole, again = ask_all(
        board,
        """
        with memory.frames.alloc(3) as frames:
            space = memory.AddressSpace()
            space.map(VA, frames)
            space.unmap(VA + PAGE, PAGE)
            print(frames.pa)
            print([tuple(m)[:3] for m in space.mappings()])
            print(refused(space.translate, VA + PAGE))
            print(refused(space.unmap, VA, 3 * PAGE))
            assert len(space.mappings()) == 2
            space.close()
        """,
    )
    assert mappings == [(VA, VA + PAGE, pa), (VA + 2 * PAGE, VA + 3 * PAGE, pa + 2 * PAGE)]
    assert hole[:2] == ("OSError", EFAULT) and names(hole[2], VA + PAGE)
    assert again[:2] == ("OSError", EFAULT) and names(again[2], VA + PAGE)


def test_a_mapped_address_is_not_mapped_again(board: Machine) -> None:
    pa, refusal, same = ask_all(
        board,
        """
        with memory.frames.alloc(2) as frames, memory.frames.alloc(4) as others:
            space = memory.AddressSpace()
            space.map(VA, frames)
            before = space.mappings(), space.tables, _memory.frames_stats()["free"]
            print(frames.pa)
            print(refused(space.map, VA - 2 * PAGE, others))
            print(before == (space.mappings(), space.tables, _memory.frames_stats()["free"]))
            space.close()
        """,
    )
    assert refusal[:2] == ("OSError", EEXIST) and names(refusal[2], VA, pa)
    assert same


def test_protect_is_what_the_processor_sees(board: Machine) -> None:
    pa, prots, reads, writes = ask_all(
        board,
        """
        probe = Probe()
        frames = memory.frames.alloc(3)
        with memory.AddressSpace() as space:
            space.map(VA, frames)
            probe(VA + PAGE, True)  # the entry is in the TLB now
            space.protect(VA + PAGE, PAGE, "r")
            print(frames.pa)
            print([m.prot for m in space.mappings()])
            print([probe(VA + i * PAGE) for i in range(4)])
            print([probe(VA + i * PAGE, True) for i in range(4)])
        space.close()
        frames.close()
        probe.close()
        """,
    )
    assert prots == ["rw", "r", "rw"]
    assert reads == [pa, pa + PAGE, pa + 2 * PAGE, None]
    assert writes == [pa, None, pa + 2 * PAGE, None]


def test_an_unmapped_page_is_gone_for_the_processor(board: Machine) -> None:
    before, after = ask(
        board,
        """
        probe = Probe()
        frames = memory.frames.alloc()
        with memory.AddressSpace() as space:
            space.map(VA, frames)
            before = probe(VA) == frames.pa
            space.unmap(VA, PAGE)
            print((before, probe(VA)))
        space.close()
        frames.close()
        probe.close()
        """,
    )
    assert before and after is None


def check_leaf(step: tuple[Any, ...], level: int, pa: int, *, writable: bool, user: bool) -> None:
    """A leaf descriptor of the lower half, decoded by the Arm ARM's bit numbers."""
    descriptor = step[3]
    assert step[0] == level
    assert descriptor & 3 == (3 if level == 3 else 1)
    assert descriptor & 0x0000_FFFF_FFFF_F000 == pa
    assert (descriptor >> 2) & 7 == 0  # AttrIndx: Normal write-back
    assert (descriptor >> 6) & 1 == user
    assert (descriptor >> 7) & 1 == (not writable)
    assert (descriptor >> 8) & 3 == 3  # inner shareable
    assert (descriptor >> 10) & 3 == 3  # AF, nG
    assert (descriptor >> 53) & 3 == 3  # PXN, UXN


def test_walk_reads_the_tables_as_they_are_in_memory(board: Machine) -> None:
    pa, root, steps, words = ask_all(
        board,
        """
        with memory.frames.alloc() as frames:
            space = memory.AddressSpace()
            space.map(VA + 5 * PAGE, frames, prot="ru")
            steps = space.walk(VA + 5 * PAGE + 0x123)
            print(frames.pa)
            print(space.root)
            print([tuple(s) for s in steps])
            print([machine.mem64[LINEAR + s.table + 8 * s.index] for s in steps])
            space.close()
        """,
    )
    assert [s[0] for s in steps] == [0, 1, 2, 3]
    assert [s[4] for s in steps] == ["table", "table", "table", "page"]
    assert [s[1] for s in steps] == [root, *(s[5] for s in steps[:3])]
    assert [s[2] for s in steps] == [(VA + 5 * PAGE) >> (39 - 9 * i) & 511 for i in range(4)]
    assert [s[3] for s in steps] == words
    assert steps[3][5:8] == (pa, "ru", "normal")
    assert steps[3][8] == "AttrIndx=0 AP=3 SH=3 AF nG PXN UXN"
    check_leaf(steps[3], 3, pa, writable=False, user=True)


def test_show_prints_the_walk_in_hexadecimal(board: Machine) -> None:
    lines = ask_lines(
        board,
        """
        with memory.frames.alloc() as page:
            space = memory.AddressSpace()
            space.map(VA, page, prot="r")
            step = space.walk(VA)[-1]
            print("%016x" % step.descriptor, "%012x" % page.pa)
            print(step)
            space.show(VA + 0x123)
            space.show(VA + PAGE)
            space.close()
        """,
    )
    descriptor, pa = lines[0].split()
    assert f"descriptor={int(descriptor, 16):#x}, kind='page', pa={int(pa, 16):#x}," in lines[1]
    shown = lines[2:]
    assert [line[:7] for line in shown if line[0] == "l"] == [f"level {n}" for n in range(4)] * 2
    assert shown[3].endswith(f"= {descriptor} page -> {pa} r normal")
    assert shown[4].split() == ["AttrIndx=0", "AP=2", "SH=3", "AF", "nG", "PXN", "UXN"]
    assert shown[8].endswith("= 0000000000000000 invalid")


def test_a_walk_ends_where_nothing_is_mapped(board: Machine) -> None:
    far, near = ask_all(
        board,
        """
        with memory.frames.alloc() as frames:
            space = memory.AddressSpace()
            space.map(VA, frames)
            print([(s.level, s.kind, s.descriptor) for s in space.walk(VA + (1 << 39))])
            print([s.kind for s in space.walk(VA + PAGE)])
            space.close()
        """,
    )
    assert far == [(0, "invalid", 0)]
    assert near == ["table", "table", "table", "invalid"]


def test_a_block_is_split_and_rejoined(board: Machine) -> None:
    whole, split, joined, runs, freed, kept = ask_all(
        board,
        """
        frames = memory.frames.alloc(512, align=512)
        def look():
            kinds = [s.kind for s in space.walk(VA + 7 * PAGE)]
            return space.tables, kinds, space.walk(VA)[-1].level
        with memory.AddressSpace() as space:
            space.map(VA, frames)
            for i in range(512):
                machine.mem64[VA + i * PAGE] = i * 0x10001
            print(look())
            space.protect(VA + 7 * PAGE, PAGE, "r")
            print(look())
            runs = [(m.start, m.end, m.prot) for m in space.mappings()]
            space.protect(VA + 7 * PAGE, PAGE, "rw")
            freed = space.compact(), space.compact()
            print(look())
            print(runs)
            print(freed)
            print(all(machine.mem64[VA + i * PAGE] == i * 0x10001 for i in range(512)))
        space.close()
        frames.close()
        """,
    )
    tables = whole[0]
    assert whole == (tables, ["table", "table", "block"], 2)
    assert split == (tables + 1, ["table", "table", "table", "page"], 3)
    assert joined == whole
    at = VA + 7 * PAGE
    assert runs == [(VA, at, "rw"), (at, at + PAGE, "r"), (at + PAGE, VA + BLOCK, "rw")]
    assert freed == (1, 0)
    assert kept


def test_compact_takes_a_range(board: Machine) -> None:
    assert ask(
        board,
        """
        space = memory.AddressSpace()
        frames = memory.frames.alloc(3 * 512, align=512)
        space.map(VA, frames)
        for va in VA, VA + BLOCK, VA + 2 * BLOCK:
            space.unmap(va, PAGE)
            space.map(va, frames.pa + va - VA, PAGE)
        counts = space.compact(VA + BLOCK, BLOCK), space.compact()
        space.close()
        frames.close()
        print(counts)
        """,
    ) == (1, 2)


def test_activation_writes_the_register(board: Machine) -> None:
    spaces, registers, ttbr1, flags = ask_all(
        board,
        """
        a, b = memory.AddressSpace(), memory.AddressSpace()
        ttbr0 = lambda: memory.regs()["ttbr0"]
        seen = [ttbr0()]
        with a:
            seen.append(ttbr0())
            with b:
                seen.append(ttbr0())
                flags = [s.active for s in (a, b, memory.identity, memory.kernel)]
            seen.append(ttbr0())
            memory.identity.activate()
            seen.append(ttbr0())
        seen.append(ttbr0())
        b.activate()
        seen.append(ttbr0())
        memory.identity.activate()
        print([(s.asid, s.root) for s in (memory.identity, a, b)])
        print(seen)
        print((memory.regs()["ttbr1"], memory.kernel.root))
        print(flags)
        a.close()
        b.close()
        """,
    )
    identity, a, b = (asid << 48 | root for asid, root in spaces)
    assert registers == [identity, a, b, a, identity, identity, b]
    assert len({asid for asid, _ in spaces} | {0}) == 4
    assert ttbr1[0] == ttbr1[1]
    assert flags == [False, True, False, True]


def test_an_exception_leaves_the_space(board: Machine) -> None:
    assert ask(
        board,
        """
        space = memory.AddressSpace()
        before = memory.regs()["ttbr0"]
        try:
            with space:
                inside = memory.regs()["ttbr0"]
                raise RuntimeError("on purpose")
        except RuntimeError:
            pass
        space.close()
        print(inside != before and memory.regs()["ttbr0"] == before)
        """,
    )


def test_closing_the_space_one_came_from_leads_back_to_identity(board: Machine) -> None:
    assert ask(
        board,
        """
        a, b = memory.AddressSpace(), memory.AddressSpace()
        a.activate()
        with b:
            a.close()
        b.close()
        print(memory.identity.active)
        """,
    )


def test_what_is_written_through_one_mapping_is_read_through_another(board: Machine) -> None:
    assert ask(
        board,
        """
        frames = memory.frames.alloc(2)
        memory.kernel.map(FREE, frames)
        with memory.AddressSpace() as space:
            space.map(VA, frames)
            space.map(VA + BLOCK, frames.pa + PAGE, PAGE)
            machine.mem32[VA + PAGE + 8] = 0xC0FFEE11
            places = VA + BLOCK + 8, FREE + PAGE + 8, LINEAR + frames.pa + PAGE + 8
            same = all(machine.mem32[p] == 0xC0FFEE11 for p in places)
            view = memoryview(frames)
            view[PAGE + 9] = 0x55
            same = same and machine.mem32[VA + BLOCK + 8] == 0xC0FF5511
        space.close()
        memory.kernel.unmap(FREE, 2 * PAGE)
        frames.close()
        print(same)
        """,
    )


def test_two_spaces_map_one_address_to_different_frames(board: Machine) -> None:
    assert ask(
        board,
        """
        a, b = memory.AddressSpace(), memory.AddressSpace()
        x, y = memory.frames.alloc(), memory.frames.alloc()
        a.map(VA, x)
        b.map(VA, y)
        with a:
            machine.mem32[VA] = 1
            with b:
                machine.mem32[VA] = 2
            seen = machine.mem32[VA]
        with b:
            seen = seen, machine.mem32[VA]
        for thing in a, b, x, y:
            thing.close()
        print(seen)
        """,
    ) == (1, 2)


def test_device_registers_can_be_mapped(board: Machine) -> None:
    window, mapping, same = ask_all(
        board,
        """
        start, end, name = [w for w in _memory.mmio() if w[2] == "peripherals"][0]
        pa = UART
        with memory.AddressSpace() as space:
            space.map(VA, pa, PAGE, "r", "device")
            print((start <= pa < end, pa))
            print(tuple(space.mappings()[0]))
            # The identification registers of the PL011.
            print([machine.mem32[VA + 0xFE0 + 4 * i] & 0xFF for i in range(2)])
        space.close()
        """.replace("UART", hex(soc_of(board.board).uart)),
    )
    inside, pa = window
    assert inside
    assert mapping == (VA, VA + PAGE, pa, "r", "device", None)
    assert same == [0x11, 0x10]


def test_close_gives_every_table_frame_back(board: Machine) -> None:
    before, tables, during, after = ask(
        board,
        """
        gc.collect()
        before = free()
        space = memory.AddressSpace()
        pa = memory.report()["ram"][0][1] - PAGE
        for i in range(40):
            space.map(VA + i * (1 << 30), pa, PAGE, "r")
        tables, during = space.tables, free()
        space.close()
        space.close()
        print((before, tables, during, free()))
        """,
    )
    assert tables >= 1 + 1 + 2 * 40
    assert during <= before - tables
    assert after == before


@pytest.mark.usefixtures("reset_at_the_end")
def test_a_dropped_space_is_closed_by_the_collector(board: Machine) -> None:
    left, active = ask(
        board,
        """
        def drop():
            for i in range(20):
                memory.AddressSpace().map(VA, memory.report()["ram"][0][1] - PAGE, PAGE, "r")
        def deep(n):
            return n and deep(n - 1)
        gc.collect()
        before = owned("space tables")
        drop()
        deep(20)  # nothing of drop() stays on the stack
        gc.collect()
        left = owned("space tables") - before
        memory.AddressSpace().activate()
        gc.collect()
        active = memory.regs()["ttbr0"] & ~(0xFFFF << 48) != memory.identity.root
        memory.identity.activate()
        gc.collect()
        print((left, active))
        """,
    )
    assert left <= 4  # one space at most, had a word on the stack looked like it
    assert active


def test_frames_are_not_closed_while_they_are_mapped(board: Machine) -> None:
    pa, busy, after_one, state = ask_all(
        board,
        """
        frames = memory.frames.alloc(2)
        a, b = memory.AddressSpace(), memory.AddressSpace()
        a.map(VA, frames)
        b.map(VA + BLOCK, frames, PAGE)
        pa = frames.pa
        print(pa)
        a.unmap(VA, PAGE)
        print(refused(frames.close))
        a.close()
        print(refused(frames.close))
        b.unmap(VA + BLOCK, PAGE)
        frames.close()
        print(repr(_memory.frames_state(pa)[0]))
        b.close()
        """,
    )
    assert busy[:2] == ("OSError", EBUSY) and names(busy[2], pa)
    assert after_one[:2] == ("OSError", EBUSY) and names(after_one[2], pa, VA + BLOCK)
    assert state == "free"


@pytest.mark.usefixtures("reset_at_the_end")
def test_dropped_frames_live_as_long_as_their_mapping(board: Machine) -> None:
    seen, held, freed = ask(
        board,
        """
        space = memory.AddressSpace()
        def fill():
            pas = []
            for i in range(8):
                frames = memory.frames.alloc()
                machine.mem32[LINEAR + frames.pa] = 100 + i
                space.map(VA + i * PAGE, frames)
                pas.append(frames.pa)
            return pas
        def deep(n):
            return n and deep(n - 1)
        pas = fill()
        deep(20)
        gc.collect()
        with space:
            seen = [machine.mem32[VA + i * PAGE] for i in range(8)]
        held = [_memory.frames_state(pa)[0] for pa in pas]
        space.unmap(VA, 4 * PAGE)
        space.close()
        gc.collect()
        print((seen, held, [_memory.frames_state(pa)[0] for pa in pas]))
        """,
    )
    assert seen == [100 + i for i in range(8)]
    assert held == ["used"] * 8
    assert freed.count("free") >= 7  # one, at most, by a word on the stack that looked like it


def test_a_bare_address_owns_nothing(board: Machine) -> None:
    assert ask(
        board,
        """
        frames = memory.frames.alloc()
        pa = frames.pa
        space = memory.AddressSpace()
        space.map(VA, pa, PAGE)
        frames.close()
        free = _memory.frames_state(pa)[0]
        space.close()
        print((free, _memory.frames_state(pa)[0]))
        """,
    ) == ("free", "free")
