# SPDX-License-Identifier: MIT
"""The README's status table is made of result files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pimem import ROOT
from pimem.dev import status
from pimem.exits import Refusal

ROW = status.Row("what", ("tests/a/test_*.py",), ("boot", "code"), "a note")


def counts(passed: int = 0, skipped: int = 0, failed: int = 0, error: int = 0) -> dict[str, int]:
    return {"passed": passed, "skipped": skipped, "failed": failed, "error": error}


def real(board: str, **steps: str) -> dict[str, Any]:
    listed = [{"name": name, "status": word} for name, word in steps.items()]
    return {"board": board, "emulated": False, "steps": listed}


def test_a_row_counts_the_tests_of_its_files() -> None:
    files = {
        "tests/a/test_1.py": counts(passed=1200, skipped=2),
        "tests/a/test_2.py": counts(passed=34),
        "tests/b/test_1.py": counts(passed=9),
    }
    assert status.emulated_cell(ROW, files) == "1,234 tests passed, 2 skipped; a note"


def test_a_row_without_tests_is_no_row() -> None:
    assert status.emulated_cell(ROW, {"tests/b/test_1.py": counts(passed=9)}) == ""


def test_failures_are_not_hidden() -> None:
    files = {"tests/a/test_1.py": counts(passed=1, failed=2, error=3)}
    assert "**5 failed**" in status.emulated_cell(ROW, files)


def test_a_real_board_counts_by_the_steps_of_the_row() -> None:
    results = [
        real("RPI3", boot="passed", code="passed", paste="failed"),
        real("RPI4", boot="passed", code="failed"),
        real("RPI4", clock="passed"),
    ]
    assert status.real_cell(ROW, results) == "RPI3 passed, RPI4 **failed**"
    assert status.real_cell(ROW, []) == "not yet run"


def test_each_row_names_files_that_exist() -> None:
    for row in status.ROWS:
        for glob in row.files:
            assert list(ROOT.glob(glob)), glob


def test_the_section_is_replaced_between_its_marks() -> None:
    text = f"before\n{status.BEGIN}\nold\n{status.END}\nafter\n"
    assert status.updated(text, "new") == "before\nnew\nafter\n"
    with pytest.raises(Refusal, match="once each"):
        status.updated("nothing\n", "new")


def test_results_of_a_run_that_failed_are_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps({"files": {"tests/a/test_1.py": counts(failed=1)}}))
    monkeypatch.setattr(status, "TESTS", path)
    with pytest.raises(Refusal, match="tests/a/test_1.py"):
        status.take()


def test_what_was_not_run_is_said_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "TESTS", tmp_path / "results.json")
    with pytest.raises(Refusal, match="make test"):
        status.take()
