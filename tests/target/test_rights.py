# SPDX-License-Identifier: MIT
"""What a page may do: rights that no call gives, what check() says of rights, room for views."""

from __future__ import annotations

import layout
import pytest
from on_board import EPERM, PAGE, VA, ask, names

from pimem.testing.board_session import Machine

pytestmark = pytest.mark.usefixtures("nothing_left")


def test_kernel_text_in_a_range_with_a_pager_stays_read_only(board: Machine) -> None:
    got, problems, prot = ask(
        board,
        """
        s = memory.AddressSpace()
        s.reserve(VA, 1 << 20, "rw", pager=lambda a, b: None)
        s.map(VA, _memory.sections()[0][2], PAGE, "r")
        got = refused(s.protect, VA, PAGE, "rw")
        print((got, memory.check(), s.walk(VA)[-1].prot))
        s.close()
        """,
    )
    assert tuple(got[:2]) == ("OSError", EPERM)
    assert "read-only in every mapping" in got[2]
    assert (problems, prot) == ([], "r")


@pytest.mark.parametrize(("mine", "theirs"), [("rw", "rx"), ("rx", "rw")])
def test_a_page_meets_no_other_right_elsewhere(board: Machine, mine: str, theirs: str) -> None:
    got, legal, problems = ask(
        board,
        f"""
        f = memory.frames.alloc()
        other = memory.AddressSpace()
        other.map(VA, f, prot="{theirs}")
        s = memory.AddressSpace()
        s.reserve(VA, 1 << 20, "{mine}", pager=lambda a, b: None)
        s.map(VA, f.pa, PAGE, "r")
        legal = memory.check()
        got = refused(s.protect, VA, PAGE, "{mine}")
        print((got, legal, memory.check()))
        s.close()
        other.close()
        f.close()
        """,
    )
    assert tuple(got[:2]) == ("OSError", EPERM) and names(got[2], VA)
    assert (legal, problems) == ([], [])


def test_what_the_kernel_writes_is_never_executable(board: Machine) -> None:
    """Its data, stacks, crash record and the first arena, by each call that gives rights."""
    answers, heap, problems = ask(
        board,
        """
        s = memory.AddressSpace()
        s.reserve(VA, 1 << 20, "rx", pager=lambda a, b: None)
        answers = []
        for name, va, pa, size, prot in _memory.sections():
            for page in (pa, pa + size - PAGE) if prot == "rw" else ():
                s.map(VA, page, PAGE, "r")
                s.map(VA + BLOCK, page, PAGE, "rw")
                calls = [refused(s.map, VA + 2 * BLOCK, page, PAGE, "rx"),
                    refused(s.map, VA + 2 * BLOCK, page, PAGE, "rxu"),
                    refused(memory.kernel.map, FREE, page, PAGE, "rx"),
                    refused(memory.identity.protect, page, PAGE, "rx"),
                    refused(s.map, VA, page, PAGE, "rx"),
                    refused(s.protect, VA, PAGE, "rx"),
                    refused(s.protect, VA + BLOCK, PAGE, "rx")]
                answers.append((name, page, calls, s.walk(VA)[-1].prot))
                s.unmap(VA + BLOCK, PAGE)
        heap = refused(s.map, VA + BLOCK, memory.kernel.translate(memory.heap.base), PAGE, "rx")
        print((answers, heap, memory.check()))
        s.close()
        """,
    )
    named = {"data", "crash record", "thread stack", "exception stack", "first arena"}
    assert {name for name, *_ in answers} >= named
    for name, page, calls, prot in answers:
        for kind, errno, text in calls:
            assert (kind, errno) == ("OSError", EPERM) and names(text, page, f"'{name}'")
        assert prot == "r"
    assert heap[:2] == ("OSError", EPERM)
    assert problems == []


def test_code_that_protect_makes_is_run(board: Machine) -> None:
    """Written through a view while the page was to be read only, never synchronised by hand."""
    results = ask(
        board,
        """
        f = memory.frames.alloc()
        s = memory.AddressSpace()
        s.reserve(VA, 1 << 20, "rx", pager=lambda a, b: None)
        s.map(VA, f.pa, PAGE, "r")
        view = memoryview(f)
        results = []
        for n in range(20):
            struct.pack_into("<II", view, 0, 0xd2800000 | n << 5, 0xd65f03c0)
            s.protect(VA, PAGE, "rx")
            with s:
                results.append(memory.call(VA))
            s.protect(VA, PAGE, "r")
        print(results)
        del view
        s.close()
        f.close()
        """,
    )
    assert results == list(range(20))


@pytest.mark.parametrize("prot", ["ru", "rwu", "rxu"])
def test_the_kernel_half_is_never_opened_to_el0(board: Machine, prot: str) -> None:
    mapped, changed, after = ask(
        board,
        f"""
        f = memory.frames.alloc()
        mapped = refused(memory.kernel.map, FREE, f, prot="{prot}")
        memory.kernel.map(FREE, f, prot="r")
        changed = refused(memory.kernel.protect, FREE, PAGE, "{prot}")
        print((mapped, changed, memory.kernel.walk(FREE)[-1].prot))
        memory.kernel.unmap(FREE, PAGE)
        f.close()
        """,
    )
    for got in (mapped, changed):
        assert tuple(got[:2]) == ("OSError", EPERM) and "EL0" in got[2]
    assert after == "r"


@pytest.mark.parametrize("prot", ["rwu\\0", "rw\\0x", "\\0", "r\\0"])
def test_a_text_with_a_zero_byte_is_no_protection(board: Machine, prot: str) -> None:
    space, reserve, memtype, action = ask(
        board,
        f"""
        s = memory.AddressSpace()
        f = memory.frames.alloc()
        answers = (
            refused(s.map, VA, f, prot="{prot}"),
            refused(s.reserve, VA, PAGE, "{prot}"),
            refused(s.map, VA, f, memtype="normal\\0"),
            refused(memory.crash_action, "halt\\0"),
        )
        print(answers)
        s.close()
        f.close()
        """,
    )
    for got in (space, reserve, memtype, action):
        assert got[0] == "ValueError" and "\\x00" in got[2]


def test_check_names_space_address_level_and_entry(board: Machine) -> None:
    told, asid, table, after = ask(
        board,
        """
        s = memory.AddressSpace()
        f = memory.frames.alloc(3)
        s.map(VA, f, prot="rw")
        step = s.walk(VA + PAGE)[-1]
        entry = LINEAR + step.table + 8 * step.index
        mem64[entry] = step.descriptor | 1 << 7
        told = memory.check()
        mem64[entry] = step.descriptor
        print((told, s.asid, step.table, memory.check()))
        s.close()
        f.close()
        """,
    )
    (line,) = told
    assert line.startswith("spaces: 1 broken invariants; the first: ")
    assert names(line, VA + PAGE, f"the space with ASID {asid}", "level 3", "entry 1 ", table)
    assert after == []


VIEWS = """
size = memory.frames.stats()["largest_run"] // 2 * PAGE
total = 0
while total < 130 << 30:
    f = memory.frames.alloc(size // PAGE, zero=False)
    v = memoryview(f)
    v[0] = 1
    f.close()
    total += size
try:
    v[0]
except memory.Fault as e:
    print((e.access, hex(e.address)))
del f, v
"""


def test_views_do_not_run_out_after_130_gib(board: Machine) -> None:
    """All the room there was before was 124 GiB; stale views still fault."""
    access, address = ask(board, VIEWS)
    assert access == "read" and layout.VIEW <= int(address, 16) < layout.VIEW_END
