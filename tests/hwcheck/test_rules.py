# SPDX-License-Identifier: MIT
"""Each rule of the hardware checker has its place in the docs, tests event by event, and a program
that breaks it and one that keeps it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import programs
import pytest

from pimem import ROOT
from pimem.board import hwcheck

FOLDER = Path(__file__).parent
RULE = r"\d+(?:[a-z](?:-[a-z-]+)?|-[a-z-]+)"
#: Rules that no program of programs/ breaks, and why.
NO_PROGRAM = {
    "2a": "QEMU raises the alignment fault itself: no access that could be reported ends",
    "10-exception-loop": "its program does not end: test_command.py runs a file that is no kernel",
    "5i": "only an error of QEMU breaks it: what a program leaves out, another rule reports first",
}


def documented() -> set[str]:
    """Return the rules in the tables of the docs, in their first column."""
    page = (ROOT / "docs" / "hwcheck.md").read_text()
    return set(re.findall(rf"^\| ({RULE}) \|", page, re.MULTILINE))


def in_sources() -> set[str]:
    texts = [path.read_text() for path in sorted(hwcheck.folder().glob("*.c"))]
    return {rule for text in texts for rule in re.findall(rf'"({RULE})"', text)}


def named_in(function: ast.FunctionDef) -> set[str]:
    """Return the rules of which a test says that they are reported."""
    return {
        node.value
        for node in ast.walk(function)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(RULE, node.value)
    }


def driven_rules() -> set[str]:
    """Return the rules with a test of their name that drives the state machines."""
    found: set[str] = set()
    for path in sorted(FOLDER.glob("test_*.py")):
        text = path.read_text()
        if re.search(r"^(from|import) events\b", text, re.MULTILINE):
            for node in ast.parse(text).body:
                if isinstance(node, ast.FunctionDef):
                    named = re.match(r"test_(\d+[a-z]?)_", node.name)
                    rules = named_in(node) if named else set()
                    found |= {each for each in rules if named and each.startswith(named[1])}
    return found


RULES = sorted(documented())


def test_the_docs_have_each_rule_of_the_sources() -> None:
    assert documented() == in_sources()


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_is_tested_event_by_event(rule: str) -> None:
    assert rule in driven_rules()


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_has_a_bad_and_a_good_program(rule: str) -> None:
    listed = programs.programs()
    bad = {each.name for each in listed if rule in each.rules}
    good = {each.name for each in listed if not each.rules}
    assert bad <= good
    assert bool(bad) != (rule in NO_PROGRAM)
