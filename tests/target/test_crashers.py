# SPDX-License-Identifier: MIT
"""Python code alone never damages memory: published crashers, and siblings of theirs.

Each ends in an exception or in CPython's value; afterwards what Python holds is as it was, after a
collection too, and memory.check() finds nothing. docs/crashers.md lists them.
"""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path
from textwrap import dedent

import pytest
from crashers import PUBLISHED, Crasher
from crashers_calls import CALLS, NUMBERS_AND_TEXT
from crashers_files import RE_ENTERED
from crashers_more import MORE
from crashers_ours import OURS

from pimem.testing.board_session import Machine

ALL = PUBLISHED + CALLS + NUMBERS_AND_TEXT
PAGE = Path(__file__).parents[2] / "docs" / "crashers.md"
GROUP = 13
NEW = OURS + MORE + RE_ENTERED
GROUPS = [(ALL + NEW)[i : i + GROUP] for i in range(0, len(ALL + NEW), GROUP)]
SECONDS = 180

# What Python holds while a crasher runs, and whether it is still the same. run() gives every
# crasher names of its own.
HELD = """
import gc, memory
pattern = bytes(range(256)) * 4
held = [bytearray(pattern) for i in range(200)]
table = {str(i): [i, (i, str(i))] for i in range(500)}

def damage():
    gc.collect()
    gc.collect()
    bytes_lost = [i for i in range(len(held)) if held[i] != pattern]
    entries_lost = [i for i in range(500) if table[str(i)] != [i, (i, str(i))]]
    return memory.check() + bytes_lost + entries_lost

def run(source):
    scope = {}
    try:
        exec(source, scope)
        return "= " + repr(scope.get("got"))
    except BaseException as e:
        return type(e).__name__
"""


def ends_well(board: Machine, crasher: Crasher) -> str:
    """Nothing, or what is wrong with how it ended."""
    source = dedent(crasher.code).strip("\n")
    output = board.exec(f"print(repr((run({source!r}), damage())))", SECONDS)
    got, damage = ast.literal_eval(output.strip().splitlines()[-1])
    right = (crasher.ends,) if isinstance(crasher.ends, str) else crasher.ends
    return "" if got in right and not damage else f"{got}, damage {damage}, not {right}"


@pytest.mark.parametrize("group", range(len(GROUPS)))
def test_python_code_alone_does_not_damage_memory(board: Machine, group: int) -> None:
    board.exec(HELD)
    wrong = {}
    for crasher in GROUPS[group]:
        if problem := ends_well(board, crasher):
            wrong[f"#{crasher.issue} {crasher.function}"] = problem
    assert wrong == {}


def test_there_are_sixty_published_crashers_of_many_functions() -> None:
    assert len(ALL) >= 60
    assert [issue for issue, n in Counter(c.issue for c in ALL).items() if n > 1] == []
    assert len({c.function for c in ALL}) >= 25
    assert [issue for issue in (c.issue for c in NEW) if issue] == []


def test_the_page_lists_every_crasher() -> None:
    lines = PAGE.read_text().splitlines()
    rows = [line for line in lines if line.startswith("| [#") or line.startswith("| new ")]
    assert rows == [row(crasher) for crasher in ALL + NEW]


def row(crasher: Crasher) -> str:
    where = "new"
    if crasher.issue:
        number = crasher.issue
        where = f"[#{number}](https://github.com/micropython/micropython/issues/{number})"
    ends = (crasher.ends,) if isinstance(crasher.ends, str) else crasher.ends
    after = " or ".join("the right value" if e.startswith("= ") else f"`{e}`" for e in ends)
    return f"| {where} | `{crasher.function}` | {crasher.what} | {crasher.before} | {after} |"
