# SPDX-License-Identifier: MIT
"""Each rule of the hardware checker: a program that breaks it is reported, one that keeps it is
not."""

from __future__ import annotations

import programs
import pytest

RUNS = [(program, board) for program in programs.programs() for board in program.boards]


@pytest.mark.parametrize(("program", "board"), RUNS, ids=[f"{p}-{board}" for p, board in RUNS])
def test_a_program_is_reported_by_its_rules(program: programs.Program, board: str) -> None:
    violations = programs.run(program, board)
    assert {each.rule for each in violations} == program.rules, "\n".join(map(str, violations))
