# SPDX-License-Identifier: MIT
"""What address spaces refuse: W^X, the kernel's own memory, closed spaces, senseless arguments."""

from __future__ import annotations

import layout
import pytest
from on_board import (
    BLOCK,
    EBUSY,
    EEXIST,
    EFAULT,
    EPERM,
    ERANGE,
    PAGE,
    VA,
    ask,
    ask_all,
    names,
)

from pimem.testing.board_session import Machine

pytestmark = pytest.mark.usefixtures("nothing_left")


# --- W^X ---


def test_no_frame_is_writable_and_executable_in_two_spaces(board: Machine) -> None:
    pa, mapped, read, unmapped, reverse = ask_all(
        board,
        """
        frames = memory.frames.alloc(2)
        a, b = memory.AddressSpace(), memory.AddressSpace()
        a.map(VA, frames, prot="rw")
        print(frames.pa)
        print(refused(b.map, VA + BLOCK, frames, prot="rx"))
        a.unmap(VA, PAGE)
        print(refused(b.map, VA + BLOCK, frames, prot="rx"))
        a.unmap(VA + PAGE, PAGE)
        print(refused(b.map, VA + BLOCK, frames, prot="rx"))
        print(refused(a.map, VA, frames, prot="rw"))
        assert refused(a.map, VA, frames, prot="r")[0] == "not refused"
        a.close()
        b.close()
        frames.close()
        """,
    )
    assert mapped[:2] == ("OSError", EPERM) and names(mapped[2], pa, VA)
    assert read[:2] == ("OSError", EPERM) and names(read[2], pa + PAGE, VA + PAGE)
    assert unmapped[0] == "not refused"
    assert reverse[:2] == ("OSError", EPERM) and names(reverse[2], pa, VA + BLOCK)


def test_protect_is_judged_like_map(board: Machine) -> None:
    refusal, alone, back = ask_all(
        board,
        """
        frames = memory.frames.alloc()
        a = memory.AddressSpace()
        a.map(VA, frames, prot="rw")
        a.map(VA + PAGE, frames, prot="r")
        print(refused(a.protect, VA + PAGE, PAGE, "rx"))
        print(refused(a.protect, VA, 2 * PAGE, "rx"))
        print(refused(a.protect, VA, PAGE, "rw"))
        assert [m.prot for m in a.mappings()] == ["rx", "rx"]
        a.close()
        frames.close()
        """,
    )
    assert refusal[:2] == ("OSError", EPERM) and names(refusal[2], VA)
    assert alone[0] == "not refused"  # both mappings change together
    assert back[:2] == ("OSError", EPERM) and names(back[2], VA + PAGE)


def test_code_written_through_a_view_runs(board: Machine) -> None:
    total = ask(
        board,
        """
        frames = memory.frames.alloc()
        memoryview(frames)[:8] = bytes.fromhex("0000018bc0035fd6")  # add x0, x0, x1; ret
        with memory.AddressSpace() as space:
            space.map(VA, frames, prot="rx")
            total = memory.call(VA, 40, 2)
        space.close()
        frames.close()
        print(total)
        """,
    )
    assert total == 42


@pytest.mark.parametrize("section", ["text", "rodata"])
def test_text_and_rodata_are_read_only_in_every_alias(board: Machine, section: str) -> None:
    refusals, reads, writes = ask_all(
        board,
        f"""
        probe = Probe()
        va, pa = [s[1:3] for s in _memory.sections() if s[0] == "{section}"][0]
        with memory.AddressSpace() as space:
            print([refused(space.map, VA, pa, PAGE, "rw"),
                refused(memory.kernel.map, FREE, pa, PAGE, "rw"),
                refused(memory.identity.protect, pa, PAGE, "rw")])
            space.map(VA, pa, PAGE, "r")
            refusal = refused(space.protect, VA, PAGE, "rw")
            assert refusal[:2] == ("OSError", 1), refusal
            aliases = VA, va, LINEAR + pa
            reads = [probe(a) == pa for a in aliases]
            writes = [probe(a, True) for a in aliases]
        reads.append(probe(pa) == pa)
        writes.append(probe(pa, True))
        print(reads)
        print(writes)
        space.close()
        probe.close()
        """,
    )
    for kind, errno, text in refusals:
        assert (kind, errno) == ("OSError", EPERM) and names(text, f"'kernel {section}'")
    assert reads == [True] * 4
    assert writes == [None] * 4


def test_kernel_text_can_be_executed_through_a_mapping_of_ones_own(board: Machine) -> None:
    prot = ask(
        board,
        """
        pa = [pa for name, va, pa, size, prot in _memory.sections() if name == "text"][0]
        space = memory.AddressSpace()
        space.map(VA, pa, PAGE, "rx")
        prot = space.mappings()[0].prot
        space.close()
        print(repr(prot))
        """,
    )
    assert prot == "rx"


def test_memory_types_follow_the_memory(board: Machine) -> None:
    ram, device, beyond, executable = ask_all(
        board,
        """
        space = memory.AddressSpace()
        frames = memory.frames.alloc()
        mmio = _memory.mmio()[0][0]
        print(refused(space.map, VA, frames, memtype="device"))
        print(refused(space.map, VA, mmio, PAGE))
        print(refused(space.map, VA, 1 << 50, PAGE))
        print(refused(space.map, VA, mmio, PAGE, "rx", "device"))
        space.close()
        frames.close()
        """,
    )
    assert ram[:2] == ("OSError", EPERM) and "RAM" in ram[2]
    assert device[:2] == ("OSError", ERANGE) and "not RAM" in device[2]
    assert beyond[:2] == ("OSError", ERANGE) and names(beyond[2], 1 << 50)
    assert executable[0] == "ValueError" and names(executable[2], "'rx'", "'device'")


# --- the kernel half ---


def test_what_boot_mapped_is_locked(board: Machine) -> None:
    answers = ask(
        board,
        """
        answers = []
        frames = memory.frames.alloc()
        for name, va, pa, size, prot in _memory.sections():
            answers.append((name, va, refused(memory.kernel.unmap, va, PAGE)))
            answers.append((name, va, refused(memory.kernel.protect, va, PAGE, "rw")))
            answers.append((name, va, refused(memory.kernel.map, va, frames)))
        va = LINEAR + frames.pa
        answers.append(("linear map", va, refused(memory.kernel.unmap, va, PAGE)))
        va = memory.heap.base
        answers.append(("heap", va, refused(memory.kernel.protect, va, PAGE, "r")))
        va -= PAGE
        answers.append(("heap guard", va, refused(memory.kernel.map, va, frames)))
        frames.close()
        print(answers)
        """,
    )
    assert len(answers) >= 3 * 5 + 3
    for name, va, (kind, errno, text) in answers:
        assert (kind, errno) == ("OSError", EPERM), (name, text)
        assert names(text, va) and name in text


def test_the_kernel_half_is_changed_in_its_free_window_by_pages(board: Machine) -> None:
    pages, seen, gone = ask_all(
        board,
        """
        frames = memory.frames.alloc(512, align=512)
        memory.kernel.map(FREE, frames)
        print([s.kind for s in memory.kernel.walk(FREE)])
        machine.mem64[FREE + BLOCK - 8] = 77
        seen = machine.mem64[LINEAR + frames.pa + BLOCK - 8]
        print((seen, memory.kernel.translate(FREE) == frames.pa))
        memory.kernel.protect(FREE + PAGE, PAGE, "r")
        memory.kernel.unmap(FREE, BLOCK)
        print(refused(memory.kernel.translate, FREE)[1])
        frames.close()
        """,
    )
    assert pages == ["table", "table", "table", "page"]
    assert seen == (77, True)
    assert gone == EFAULT


def test_other_windows_of_the_kernel_half_are_not_for_map(board: Machine) -> None:
    heap, outside, compact = ask_all(
        board,
        """
        frames = memory.frames.alloc()
        base, size = _memory.layout["heap"]
        print((base + size - PAGE, refused(memory.kernel.map, base + size - PAGE, frames)))
        print(refused(memory.kernel.map, (1 << 64) - PAGE, frames))
        print(refused(memory.kernel.compact))
        frames.close()
        """,
    )
    va, refusal = heap
    assert refusal[:2] == ("OSError", EPERM) and names(refusal[2], va, "'heap'")
    assert outside[:2] == ("OSError", EPERM) and names(outside[2], (1 << 64) - PAGE)
    assert compact[:2] == ("OSError", EPERM)


def test_the_handles_are_not_closed_and_the_kernel_is_not_activated(board: Machine) -> None:
    kernel, identity, activate, double = ask_all(
        board,
        """
        print(refused(memory.kernel.close))
        print(refused(memory.identity.close))
        print(refused(memory.kernel.activate))
        print((memory.kernel is memory.kernel, refused(_memory.switch)[:2]))
        """,
    )
    assert kernel[:2] == ("OSError", EPERM) and "kernel" in kernel[2]
    assert identity[:2] == ("OSError", EPERM) and "identity" in identity[2]
    assert activate[:2] == ("OSError", EPERM)
    assert double == (True, ("OSError", EPERM))


def test_the_identity_view_can_be_edited(board: Machine) -> None:
    before, hole, after = ask_all(
        board,
        """
        probe = Probe()
        frames = memory.frames.alloc(512, align=512)
        pa = frames.pa
        tables = memory.identity.tables
        print(probe(pa, True) == pa)
        memory.identity.unmap(pa, PAGE)
        print((probe(pa), probe(pa + PAGE) == pa + PAGE))
        memory.identity.map(pa, pa, PAGE)
        memory.identity.compact(pa, BLOCK)
        # A bank of a whole GiB was one block.
        memory.identity.compact(pa & -(1 << 30), 1 << 30)
        print((probe(pa) == pa, memory.identity.tables - tables))
        frames.close()
        probe.close()
        """,
    )
    assert before
    assert hole == (None, True)
    assert after == (True, 0)


def test_a_reserved_range_is_named_as_one(board: Machine) -> None:
    mapped, paged, again, kernel = ask_all(
        board,
        """
        frames = memory.frames.alloc()
        space = memory.AddressSpace()
        space.reserve(VA, PAGE)
        space.reserve(VA + PAGE, PAGE, pager=lambda va, access: None)
        print(refused(space.map, VA, frames))
        print(refused(space.map, VA + PAGE, frames))
        print(refused(space.reserve, VA + PAGE, PAGE))
        start = _memory.layout["heap"][0]
        print(refused(_memory.window_add, start, start + PAGE, 0, "mine"))
        space.close()
        frames.close()
        """,
    )
    for got, va in ((mapped, VA), (paged, VA + PAGE), (again, VA + PAGE)):
        assert got[:2] == ("OSError", EEXIST) and names(got[2], va, "reserved already")
    assert "('pager')" in paged[2] and "('pager')" in again[2]
    assert kernel[:2] == ("OSError", EEXIST) and "reserved already ('heap')" in kernel[2]


# --- closed spaces ---


def test_the_active_space_is_not_closed(board: Machine) -> None:
    asid, refusal = ask(
        board,
        """
        space = memory.AddressSpace()
        with space:
            refusal = refused(space.close)
        print((space.asid, refusal))
        space.close()
        """,
    )
    assert refusal[:2] == ("OSError", EBUSY) and f"ASID {asid}" in refusal[2]


def test_every_use_of_a_closed_space_says_that_it_is_closed(board: Machine) -> None:
    asid, answers, text = ask_all(
        board,
        """
        space = memory.AddressSpace()
        print(space.asid)
        space.close()
        space.close()
        frames = memory.frames.alloc()
        answers = [
            refused(space.map, VA, frames), refused(space.unmap, VA, PAGE),
            refused(space.protect, VA, PAGE, "r"), refused(space.translate, VA),
            refused(space.walk, VA), refused(space.mappings), refused(space.regions),
            refused(space.compact), refused(space.activate), refused(space.__enter__),
            refused(space.show),
        ]
        for name in "asid", "tables", "root", "active", "name":
            answers.append(refused(getattr, space, name))
        print(answers)
        print(repr(repr(space)))
        frames.close()
        """,
    )
    assert len(answers) == 16
    for kind, _, message in answers:
        assert kind == "ValueError"
        assert f"ASID {asid} is closed" in message
    assert "closed" in text


def test_closed_frames_are_not_mapped(board: Machine) -> None:
    pa, refusal = ask(
        board,
        """
        frames = memory.frames.alloc()
        pa = frames.pa
        frames.close()
        space = memory.AddressSpace()
        print((pa, refused(space.map, VA, frames)))
        space.close()
        """,
    )
    assert refusal[0] == "ValueError" and names(refusal[2], pa, "closed")


# --- arguments ---

BAD_ARGUMENTS = [
    ("space.map(VA + 1, frames)", "ValueError", None, VA + 1),
    ("space.map(-4096, frames)", "ValueError", None, "-4096"),
    ("space.map(1 << 64, frames)", "ValueError", None, str(1 << 64)),
    ("space.map(-1 << 200, frames)", "ValueError", None, str(-1 << 200)),
    ("space.map(1 << 48, frames)", "OSError", ERANGE, 1 << 48),
    ("space.map(1 << 63, frames)", "OSError", ERANGE, 1 << 63),
    ("space.map((1 << 48) - PAGE, frames.pa, 2 * PAGE)", "OSError", ERANGE, (1 << 48) - PAGE),
    ("space.map(LINEAR, frames)", "OSError", ERANGE, layout.LINEAR),
    ("space.map(1.5, frames)", "TypeError", None, "float"),
    ("space.map('x', frames)", "TypeError", None, "str"),
    ("space.map(None, frames)", "TypeError", None, "NoneType"),
    ("space.map(VA, 'frames')", "TypeError", None, "str"),
    ("space.map(VA, frames, 0)", "ValueError", None, "0"),
    ("space.map(VA, frames, -4096)", "ValueError", None, "-4096"),
    ("space.map(VA, frames, 100)", "ValueError", None, "100"),
    ("space.map(VA, frames, 1 << 62)", "ValueError", None, str(1 << 62)),
    ("space.map(VA, frames.pa)", "TypeError", None, "size"),
    ("space.map(VA, frames.pa + 8, PAGE)", "ValueError", None, "4096"),
    ("space.map(VA, -4096, PAGE)", "ValueError", None, "-4096"),
    ("space.map(VA, (1 << 64) - PAGE, PAGE)", "OSError", ERANGE, (1 << 64) - PAGE),
    ("space.map(VA, 0, 1 << 63)", "OSError", ERANGE, 1 << 63),
    ("space.map(VA, frames, prot='w')", "ValueError", None, "'w'"),
    ("space.map(VA, frames, prot='rwx')", "ValueError", None, "'rwx'"),
    ("space.map(VA, frames, prot='')", "ValueError", None, "''"),
    ("space.map(VA, frames, prot=3)", "TypeError", None, "int"),
    ("space.map(VA, frames, memtype='noncached')", "ValueError", None, "'noncached'"),
    ("space.map(VA, frames, memtype=None)", "TypeError", None, "NoneType"),
    ("space.map(VA)", "TypeError", None, ""),
    ("space.map(VA, frames, colour=1)", "TypeError", None, ""),
    ("space.unmap(VA, PAGE)", "OSError", EFAULT, VA),
    ("space.unmap(VA + 8, PAGE)", "ValueError", None, VA + 8),
    ("space.unmap(VA, 8)", "ValueError", None, "8"),
    ("space.unmap(VA, -PAGE)", "ValueError", None, "-4096"),
    ("space.unmap(VA, (1 << 64) - PAGE)", "ValueError", None, (1 << 64) - PAGE),
    ("space.protect(VA, PAGE, 'r')", "OSError", EFAULT, VA),
    ("space.protect(VA, PAGE, 'x')", "ValueError", None, "'x'"),
    ("space.protect(VA, PAGE, None)", "TypeError", None, "NoneType"),
    ("space.compact(VA)", "TypeError", None, "size"),
    ("space.compact(VA, 100)", "ValueError", None, "100"),
    ("space.compact(VA, 1 << 50)", "OSError", ERANGE, 1 << 50),
    ("space.translate(-1)", "ValueError", None, "-1"),
    ("space.translate(1 << 100)", "ValueError", None, str(1 << 100)),
    ("space.walk('here')", "TypeError", None, "str"),
    ("space.walk(1 << 60)", "OSError", ERANGE, 1 << 60),
    ("memory.AddressSpace(1)", "TypeError", None, ""),
    ("memory.kernel.map(VA, frames)", "OSError", ERANGE, VA),
]


def test_senseless_arguments_are_refused_by_name(board: Machine) -> None:
    calls = [call for call, *_ in BAD_ARGUMENTS]
    answers = ask_all(
        board,
        f"""
        space = memory.AddressSpace()
        frames = memory.frames.alloc()
        def state():
            return free(), space.tables, space.mappings()
        for call in {calls!r}:
            before = state()
            answer = refused(eval, call)
            print((answer, state() == before))
        space.close()
        frames.close()
        """,
    )
    wrong = []
    for (call, *expected, value), (answer, unchanged) in zip(BAD_ARGUMENTS, answers, strict=True):
        if [*answer[:2]] != expected or not names(answer[2], value) or not unchanged:
            wrong.append((call, answer, unchanged))
    assert wrong == []
