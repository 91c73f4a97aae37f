# SPDX-License-Identifier: MIT
"""memory.check() on a live machine: each thing that is broken is noticed, and nothing else is."""

from __future__ import annotations

import re
import subprocess

import pytest
from on_board import VA, ask, names

from pimem.testing import board_session
from pimem.testing.board_session import Machine

pytestmark = pytest.mark.usefixtures("nothing_left")

# Writes one word of the tables through the linear map, checks, and puts it back. Nothing is
# accessed through it meanwhile that could not be before.
DAMAGE = """
def damaged(slot, word):
    at = LINEAR + slot
    before = machine.mem64[at]
    machine.mem64[at] = word & 0xffffffffffffffff
    try:
        return memory.check()
    finally:
        machine.mem64[at] = before

def entry(space, va, level=-1):
    step = space.walk(va)[level]
    return step.table + 8 * step.index, step.descriptor
"""

SPACES = """
a, b = memory.AddressSpace(), memory.AddressSpace()
fa, fb = memory.frames.alloc(2), memory.frames.alloc()
a.map(VA, fa)
b.map(VA, fb, prot="rx")
"""
END = """
a.close()
b.close()
fa.close()
fb.close()
print((answers, memory.check()))
"""

BROKEN = {
    "a page that no record knows": "slot, d = entry(a, VA + PAGE); "
    "answers = damaged(slot + 8, d + PAGE)",
    "a page that is gone": "slot, d = entry(a, VA); answers = damaged(slot, 0)",
    "memory as a device": "slot, d = entry(a, VA); answers = damaged(slot, d & ~0x1c | 4)",
    "written in a, run in b": "slot, d = entry(a, VA); "
    "answers = damaged(slot, d & ~0xfffffffff000 | fb.pa)",
    "a table of two spaces": "slot, d = entry(b, VA, 0); "
    "answers = damaged(slot, entry(a, VA, 0)[1])",
    "a table linked twice": "slot, d = entry(a, VA, 1); answers = damaged(slot + 8, d)",
    "kernel text writable": "slot, d = entry(memory.kernel, memory.report()['kernel']['text'][0]);"
    " answers = damaged(slot, d & ~0x80)",
    "kernel data executable": "slot, d = entry(memory.kernel, "
    "memory.report()['kernel']['data'][0]); answers = damaged(slot, d & ~(1 << 53))",
}


#: Rules of the hardware checker that some of them break.
RULES = {
    "a table of two spaces": "5b",
    "kernel text writable": "7c",
    "kernel data executable": "7c",
}
DAMAGES = [
    pytest.param(what, marks=pytest.mark.breaks_hardware(RULES[what]) if what in RULES else ())
    for what in BROKEN
]


@pytest.mark.parametrize("what", DAMAGES)
def test_damage_to_the_tables_is_noticed(board: Machine, what: str) -> None:
    answers, after = ask(board, f"{DAMAGE}\n{SPACES}\n{BROKEN[what]}\n{END}")
    assert len(answers) == 1 and answers[0].startswith("spaces: "), answers
    assert after == []


def test_damage_to_the_tables_of_the_collector_is_noticed(board: Machine) -> None:
    """A mark that a collection would have left, in the second area."""
    (told,), after, pool = ask(
        board,
        """
import gc
gc.collect()
area = [each.start for each in memory.kernel.mappings() if each.name == "gc"][0]
gc.disable()
marks = machine.mem64[area + 16]
machine.mem64[area + 16] = marks | 1
answers = memory.check()
machine.mem64[area + 16] = marks
gc.enable()
print((answers, memory.check(), area))
""",
    )
    assert told.startswith("gc: 1 broken invariants; the first: a mark of a collection was left ")
    assert pool < int(told.split()[-1], 16) < pool + (1 << 18) and after == []


@pytest.mark.parametrize("level", [1, 2, 3])
def test_the_entry_that_was_cleared_is_named(board: Machine, level: int) -> None:
    """The only one of its table."""
    lines = f"{DAMAGE}\n{SPACES}\nat, slot = b.walk(VA)[{level}], entry(b, VA, {level})[0]\n"
    lines += "answers = damaged(slot, 0), b.asid, at.table, at.index\n"
    (told, asid, table, index), after = ask(board, lines + END)
    (line,) = told
    assert names(line, VA, f"the space with ASID {asid}, level {level}, entry {index} ", table)
    assert line.endswith(": 0x0000000000000000")
    assert after == []


def test_a_table_in_a_free_frame_is_noticed(board: Machine) -> None:
    answers, after = ask(
        board,
        DAMAGE
        + SPACES
        + """
with memory.frames.alloc() as spare:
    pa = spare.pa
slot, d = entry(a, VA, 1)
answers = damaged(slot + 8, pa | 3)
"""
        + END,
    )
    assert any(text.startswith("spaces: ") for text in answers)
    assert after == []


@pytest.mark.emulator
def test_a_used_frame_without_an_owner_is_noticed(board: Machine) -> None:
    """The allocator's count of used frames, found by its value, is made one too high."""
    listing = subprocess.run(
        ["aarch64-linux-gnu-nm", "-S", str(board_session.elf(board.board))],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout
    symbol = re.search(r"^(\w+) (\w+) \w memory_system$", listing, re.MULTILINE)
    assert symbol
    start, size = (int(part, 16) for part in symbol.groups())
    answers = ask(
        board,
        f"""
        gc.collect()
        answers = []
        for at in range({start}, {start} + {size}, 8):
            used = _memory.frames_stats()["used"]
            if machine.mem64[at] == used:
                machine.mem64[at] += 1
                try:
                    answers += memory.check()
                finally:
                    machine.mem64[at] -= 1
        print((answers, memory.check()))
        """,
    )
    found, after = answers
    owned = [re.match(r"owners: they have (\d+) frames, but (\d+) are used$", t) for t in found]
    counts = [tuple(map(int, match.groups())) for match in owned if match]
    assert counts and all(used == have + 1 for have, used in counts)
    assert after == []
