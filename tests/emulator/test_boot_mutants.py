# SPDX-License-Identifier: MIT
"""Boots with damaged device trees: to a prompt, or to safe mode with a reason.

Never a hang, a crash, or memory handed out that the tree keeps back. $BOOT_MUTANTS says how many
are booted (`make test-long`: 200); the first ones are the same in every run.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import tree_mutants
from boot_trees import Row
from test_boot_trees import STUB_AREA, booted, check_tables, no_ram, without_ram
from tree_reading import inward, merged, outward, without

from pimem.testing import Machine

COUNT = int(os.environ.get("BOOT_MUTANTS", "12"))
MAX_BANKS = 8  # port.h; a split needs one more
SPACES = "(memory.identity, 0)"


def check_managed(machine: Machine, row: Row) -> None:
    """The frames that programs can have, against the tree's independent reading."""
    report = machine.eval("memory.report()", "import memory")
    runs = machine.eval("[list(r)[:3] for r in _memory.frames_runs()]", "import _memory")
    managed = merged([(start, end) for start, end, state in runs if state != "reserved"])
    told = merged([(start, end) for start, end, _ in report["reserved"]])
    banks = merged([tuple(bank) for bank in report["ram"]])
    assert managed == without(inward(banks), outward(told))
    assert without(managed, [STUB_AREA, *no_ram(row)]) == managed
    if reading := tree_mutants.reading(row.blob):
        ram, kept = reading
        assert without(managed, outward(kept)) == managed, "reserved memory is handed out"
        expected = without_ram(merged(ram), row)
        if report["ram_from"] == "device tree":
            assert without(banks, expected) == []
            assert len(ram) >= MAX_BANKS - 1 or banks == expected
        else:
            assert not ram, "a good tree is not used"
    check_tables(machine, managed, SPACES)
    assert machine.eval("memory.check()", "import memory") == []


@pytest.mark.parametrize("number", range(COUNT))
def test_a_damaged_tree_leads_to_a_prompt_or_a_reason(number: int, tmp_path: Path) -> None:
    row = tree_mutants.mutant(number)
    print(row)
    with booted(row, tmp_path) as machine:
        reason = machine.eval("memory.report()['safe_mode']", "import memory")
        if reason is None:
            check_managed(machine, row)
        else:
            assert len(reason) > 20 and f"memory: {reason}" in machine.report
            assert machine.eval("memory.report()['frames']['free']") == 0
        assert machine.exec("print(6 * 7)") == "42\n"


def test_a_number_gives_the_same_tree_again() -> None:
    assert [tree_mutants.mutant(n) for n in range(40)] == [
        tree_mutants.mutant(n) for n in range(40)
    ]
    readings = [tree_mutants.reading(tree_mutants.mutant(n).blob) for n in range(200)]
    assert 60 < sum(each is not None for each in readings) < 180, "of both kinds enough"
