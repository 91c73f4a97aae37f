# SPDX-License-Identifier: MIT
"""The life of address spaces: many of them, what they say of themselves, soft reset."""

from __future__ import annotations

from on_board import EFAULT, ENOMEM, PAGE, VA, ask, ask_all

from pimem.testing.board_session import Machine

ASIDS = 65535  # beside ASID 0, which no space has


def test_every_space_has_an_asid_of_its_own_until_there_is_no_more(board: Machine) -> None:
    count, distinct, errno, text, before, after = ask(
        board,
        """
        gc.collect()
        before = free() + owned("kernel tables")  # which map Python's own heap
        spaces = []
        try:
            while True:
                spaces.append(memory.AddressSpace())
        except OSError as e:
            error = e
        asids = len({s.asid for s in spaces} | {0, memory.identity.asid})
        count = len(spaces)
        spaces = s = None
        gc.collect()
        print((count, asids, error.errno, error.args[1], before, free() + owned("kernel tables")))
        """,
    )
    assert errno == ENOMEM
    assert distinct == count + 2
    if count == ASIDS - 1:  # one is the identity view's
        assert str(ASIDS) in text
    else:  # a machine with less memory than that many spaces need
        assert "no free frame" in text
        assert count >= 0.9 * before
    assert after >= before - 16  # some spaces, had words on the stack looked like them


def test_garbage_makes_room_for_new_spaces(board: Machine) -> None:
    assert ask(
        board,
        """
        gc.disable()  # nothing but the lack of ASIDs or frames brings the collector on
        for i in range(70000):
            memory.AddressSpace()
        gc.enable()
        print(True)
        """,
    )


def test_spaces_say_what_they_are(board: Machine) -> None:
    asid, texts, table = ask_all(
        board,
        """
        space = memory.AddressSpace()
        print(space.asid)
        print([repr(space), repr(memory.kernel), memory.kernel.name, space.name, space.tables])
        print(dir(space))
        space.close()
        """,
    )
    assert texts == [f"<AddressSpace ASID {asid}>", "<AddressSpace kernel>", "kernel", None, 1]
    assert {"map", "unmap", "protect", "walk", "mappings", "show", "close", "asid"} <= set(table)


def test_show_prints_a_line_for_each_mapping(board: Machine) -> None:
    lines = board.exec("import memory; memory.identity.show(); memory.kernel.show()").splitlines()
    assert any("device" in line and "peripherals" in line for line in lines)
    assert any(" rx " in line and line.endswith("text") for line in lines)


def test_regions_list_the_guards_too(board: Machine) -> None:
    base, regions, held = ask_all(
        board,
        """
        print(memory.heap.base)
        print([tuple(r) for r in memory.kernel.regions()])
        frames = memory.frames.alloc()
        space = memory.AddressSpace()
        space.map(VA, frames)
        space.map(VA + PAGE, frames.pa, PAGE, "r")
        print([(r.start, r.prot, r.locked, r.held) for r in space.regions()])
        space.close()
        frames.close()
        """,
    )
    guards = [r for r in regions if r[5] == "heap guard"]
    assert [r[0] for r in guards] == [base - PAGE, base + (1 << 20)]
    assert all(r[2:5] == (None, None, None) and r[6] for r in guards)
    assert all(a[1] <= b[0] for a, b in zip(regions, regions[1:], strict=False))
    assert held == [(VA, "rw", False, True), (VA + PAGE, "r", False, False)]


def test_spaces_in_use_at_a_soft_reset_are_closed(board: Machine) -> None:
    before = ask_all(
        board,
        """
        gc.collect()
        print(free())
        print([tuple(m) for m in memory.identity.mappings()])
        spaces = [memory.AddressSpace() for i in range(50)]
        frames = memory.frames.alloc(512, align=512)
        lost = memory.frames.alloc()
        for i, space in enumerate(spaces):
            space.map(VA + i * BLOCK, frames)
            space.map(VA - PAGE, lost.pa, PAGE)
        memory.kernel.map(FREE, frames, 8 * PAGE)
        memory.identity.unmap(frames.pa, 5 * PAGE)
        memory.identity.map(VA, frames, prot="r")
        spaces[7].activate()
        with spaces[9]:
            spaces[11].activate()
        spaces[13].activate()
        del frames, lost
        """,
    )
    printed = board.soft_reset()
    assert "leaked" not in printed
    after = ask_all(
        board,
        """
        gc.collect()
        print(free())
        print([tuple(m) for m in memory.identity.mappings()])
        print((memory.check(), memory.identity.active, owned("space tables"), owned("frames")))
        print(refused(memory.kernel.translate, FREE))
        print(memory.regs()["ttbr0"] & 0xFFFFFFFFFFFF == memory.identity.root)
        """,
    )
    assert after[:2] == before
    assert after[2] == ([], True, 0, 0)
    assert after[3][:2] == ("OSError", EFAULT)
    assert after[4]
