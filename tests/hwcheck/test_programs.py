# SPDX-License-Identifier: MIT
"""Each rule of the hardware checker: a program that breaks it is reported, one that keeps it is
not."""

from __future__ import annotations

from collections.abc import Callable

import programs
import pytest
import rule_table

RUNS = [(program, board) for program in programs.programs() for board in program.boards]


@pytest.mark.parametrize(("program", "board"), RUNS, ids=[f"{p}-{board}" for p, board in RUNS])
def test_a_program_is_reported_by_its_rules(
    program: programs.Program, board: str, record_property: Callable[[str, object], None]
) -> None:
    variant = f"bad {program.bad}" if program.bad else "good"
    told = [sorted(program.rules), program.name, variant, board]
    record_property(rule_table.PROPERTY, told)
    violations = programs.run(program, board)
    assert {each.rule for each in violations} == program.rules, "\n".join(map(str, violations))
