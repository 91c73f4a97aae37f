# SPDX-License-Identifier: MIT
"""Pagers: a Python function makes the page that an access needs, then the access happens."""

from __future__ import annotations

import pytest
from machine_code import code
from on_board import (
    EBUSY,
    EEXIST,
    EFAULT,
    PAGE,
    PAGED,
    PAGED_END,
    VA,
    ask,
    ask_all,
    ask_lines,
    start,
)

from pimem.testing.board_session import Machine

pytestmark = [pytest.mark.usefixtures("nothing_left"), pytest.mark.also_raw]


def test_the_first_touch_of_a_page_calls_the_pager(board: Machine) -> None:
    got = ask_all(
        board,
        PAGED
        + """
space.reserve(VA, 3 * PAGE, 'rw', zero)
print(calls)
space.activate()
mem64[VA + 8] = 7
print([(mem64[VA + 8], mem64[VA], mem8[VA + PAGE + 1]), calls])
"""
        + PAGED_END,
    )
    assert got == [[], [(7, 0, 0), [(VA + 8, "write"), (VA + PAGE + 1, "read")]]]


def test_a_gibibyte_costs_what_is_touched(board: Machine) -> None:
    before, after, given = ask_all(
        board,
        PAGED
        + """
space.reserve(VA, 1 << 30, 'rw', lambda va, access: memory.frames.alloc())
space.activate()
gc.collect()
start, tables, records = free(), space.tables, owned('records')
for i in range(1000):
    mem8[VA + i * 1047 * 1024] = i & 255
gc.collect()
print((owned('paged'), start - free() - (space.tables - tables) - (owned('records') - records)))
print((all(mem8[VA + i * 1047 * 1024] == i & 255 for i in range(1000)), memory.check()))
"""
        + PAGED_END
        + "gc.collect()\nprint((owned('paged'), free() - start - tables))\n",
    )
    assert before == (1000, 1000)
    assert after == (True, [])
    assert given[0] == 0


def test_what_a_pager_raises_surfaces_at_the_faulting_line(board: Machine) -> None:
    lines = ask_lines(
        board,
        PAGED
        + """
def refuse(va, access):
    raise ValueError("no page for", hex(va))
space.reserve(VA, PAGE, 'rw', refuse)
space.activate()
def touch():
    return mem32[VA]
try:
    touch()
except ValueError as e:
    sys.print_exception(e, sys.stdout)
"""
        + PAGED_END,
    )
    assert lines[-1] == f"ValueError: ('no page for', '{VA:#x}')"
    assert [line.split("in ")[-1] for line in lines[1:-1]] == ["<module>", "touch", "refuse"]


def test_a_forbidden_access_calls_the_pager_too(board: Machine) -> None:
    got = ask(
        board,
        PAGED
        + """
def pager(va, access):
    calls.append(access)
    if len(calls) == 1:
        return memory.frames.alloc()
    space.protect(va & -PAGE, PAGE, 'rw')
space.reserve(VA, PAGE, 'rw', pager)
space.activate()
mem8[VA] = 1
space.protect(VA, PAGE, 'r')
seen = mem8[VA], list(calls)
mem8[VA] = 2
print((seen, mem8[VA], calls))
"""
        + PAGED_END,
    )
    assert got == ((1, ["write"]), 2, ["write", "write"])


def test_a_pager_that_does_not_help_is_a_fault(board: Machine) -> None:
    got = ask(
        board,
        PAGED
        + """
space.reserve(VA, PAGE, 'rw', lambda va, access: None)
space.activate()
try:
    mem8[VA + 3] = 1
except memory.Fault as e:
    print((e.errno, e.address, e.access, 'did not' in str(e)))
"""
        + PAGED_END,
    )
    assert got == (14, VA + 3, "write", True)


#: What a pager does, and how the access that called it ends: errno or 0, part of the text.
WRONG = {
    "int": ("lambda va, access: 5", "TypeError", None, "int"),
    "one too many": (
        "lambda va, access: memory.frames.alloc(3)",
        "OSError",
        EFAULT,
        f"{VA + 2 * PAGE:016x}",
    ),
    "closed": ("lambda va, access: used", "ValueError", None, "is closed"),
    "mapped": ("lambda va, access: held", "OSError", EBUSY, "mapped at 0x0000000000001000 of"),
    "no arguments": ("lambda: None", "TypeError", None, "2 were given"),
    "closes the space": ("lambda va, access: space.close()", "OSError", EBUSY, "is active"),
    "unmaps its range": ("unmaps", "OSError", EFAULT, "not in a range with a pager"),
    "another space": ("leaves", "Fault", EFAULT, "did not make the access possible"),
    "the space is gone": ("drops", "ValueError", None, "is closed"),
    "exit": ("exits", "SystemExit", None, "3"),
    "no heap": ("locks", "MemoryError", None, ""),
    "itself": ("recurses", "RuntimeError", None, "recursion"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_a_pager_does_wrong_surfaces_and_leaves_nothing(board: Machine, case: str) -> None:
    pager, kind, errno, text = WRONG[case]
    got = ask(
        board,
        PAGED
        + f"""
import micropython
used, held, other = memory.frames.alloc(), memory.frames.alloc(), memory.AddressSpace()
used.close()
other.map(0x1000, held)
def unmaps(va, access):
    space.unmap(VA, 2 * PAGE)
    return memory.frames.alloc()
def leaves(va, access):
    other.activate()
def drops(va, access):
    memory.identity.activate()
    space.close()
    return memory.frames.alloc()
def exits(va, access):
    sys.exit(3)
def locks(va, access):
    micropython.heap_lock()
    try:
        return [va] * 100
    finally:
        micropython.heap_unlock()
def recurses(va, access):
    return recurses(va, access)
space.reserve(VA, 2 * PAGE, 'rw', {pager})
space.activate()
try:
    mem8[VA]
except BaseException as e:
    got = type(e).__name__, e.errno if isinstance(e, OSError) else None, str(e)
memory.identity.activate()
other.close()
held.close()
print(got)
"""
        + PAGED_END,
    )
    assert got[:2] == (kind, errno) and text in got[2]


def test_ctrl_c_in_a_pager_surfaces_at_the_access(board: Machine) -> None:
    start(
        board,
        "import time",
        "def slow(va, access):",
        "    print('begun')",
        "    time.sleep(60)",
        "space = memory.AddressSpace()",
        f"space.reserve({VA}, {PAGE}, pager=slow)",
        "space.activate()",
        "try:",
        f"    machine.mem8[{VA}]",
        "finally:",
        "    memory.identity.activate()",
        "    space.close()",
    )
    board.link.read_until(b"begun", total=20)
    board.link.write(b"\x03")
    text = board.link.read_until(b"\x04>", total=20)
    assert text.count(b"File") == 2 and b"in slow\r\nKeyboardInterrupt" in text
    assert board.eval("memory.check()", "import memory") == []


def test_a_pager_that_needs_its_own_page_is_told(board: Machine) -> None:
    got = ask(
        board,
        PAGED
        + """
def pager(va, access):
    calls.append(peek(va))
    return memory.frames.alloc()
def peek(va):
    try:
        return mem8[va]
    except OSError as e:
        return e.errno
space.reserve(VA, PAGE, 'rw', pager)
space.activate()
print((mem8[VA], calls))
"""
        + PAGED_END,
    )
    assert got == (0, [35])


def test_a_reserve_that_fails_does_not_keep_the_space(board: Machine) -> None:
    got = ask(
        board,
        PAGED
        + """
def dropped(pager):
    other = memory.AddressSpace()
    other.reserve(VA, PAGE)
    return refused(other.reserve, VA, PAGE, 'rw', pager)[1]
def clear(n):
    return clear(n - 1) if n else [0] * 50
tables = owned('space tables')
codes = {dropped(zero) for _ in range(8)}
clear(20)
gc.collect()
# A stale word of the stack may look like a reference to one of them, not to most.
got = [codes, owned('space tables') - tables <= 2]
# One that has a pager already keeps it.
space.reserve(VA, PAGE, 'rw', zero)
got += [refused(space.reserve, VA, PAGE, 'rw', zero)[1]]
with space:
    got += [mem8[VA], len(calls)]
print(got)
"""
        + PAGED_END,
    )
    assert got == [{EEXIST}, True, EEXIST, 0, 1]


@pytest.mark.parametrize("sp", ["VA + 2 * PAGE", "VA + PAGE - 8"], ids=["elsewhere", "misaligned"])
def test_code_with_a_stack_of_its_own_is_not_paged_for(board: Machine, sp: str) -> None:
    got = ask(
        board,
        PAGED
        + f"""
program = {code("mov x9, sp; mov sp, x1; ldr x0, [x0]; mov sp, x9; ret")}
code = memory.frames.alloc()
memoryview(code)[: len(program)] = program
space.map(VA + (1 << 30), code, prot='rx')
space.reserve(VA, PAGE, 'rw', zero)
space.activate()
try:
    memory.call(VA + (1 << 30), VA + 16, {sp})
except memory.Fault as e:
    print((e.address - VA, e.access, calls, 'in a range with a pager' in str(e)))
"""
        + PAGED_END
        + "code.close()\n",
    )
    assert got == (16, "read", [], True)
