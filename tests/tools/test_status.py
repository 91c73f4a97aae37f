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


def test_a_cell_tells_whether_the_tests_of_its_files_passed() -> None:
    files = {
        "tests/a/test_1.py": counts(passed=1200, skipped=2),
        "tests/a/test_2.py": counts(passed=34),
        "tests/b/test_1.py": counts(failed=9),
        "tests/c/test_1.py": counts(skipped=9),
    }
    assert status.cell(ROW.files, files) == "passed"
    assert status.cell(("tests/a/test_1.py",), files) == "passed"
    assert status.cell((), files) == "-"


def test_what_did_not_run_did_not_pass() -> None:
    files = {"tests/b/test_1.py": counts(passed=9), "tests/a/test_1.py": counts(skipped=3)}
    assert status.cell(ROW.files, files) == "not run"
    assert status.cell(ROW.files, {}) == "not run"


def test_failures_are_not_hidden() -> None:
    files = {"tests/a/test_1.py": counts(passed=1, failed=2, error=3)}
    assert status.cell(ROW.files, files) == "**5 failed**"


def test_a_suite_tells_each_board() -> None:
    suites = {
        "RPI4": {"passed": 9, "failed": 1, "skipped": 0, "listed": 2},
        "RPI3": {"passed": 9, "failed": 0, "skipped": 0, "listed": 2},
    }
    assert status.suite_cell(suites).startswith("RPI3 passed, RPI4 **1 failed**, 2 of its tests")
    assert status.suite_cell({}) == "not run"


def test_the_readme_has_what_the_results_say() -> None:
    """Whoever takes results, or changes a row, runs the command; adding a test changes nothing."""
    text = status.README.read_text(encoding="utf-8")
    assert status.updated(text, status.section()) == text
    real = [json.loads(path.read_text()) for path in status.RESULTS.glob(status.REAL)]
    if not any(not result["emulated"] for result in real):
        assert "No real board has run this yet." in text and status.NOT_REAL in text


def test_a_real_board_counts_by_the_steps_of_the_row() -> None:
    results = [
        real("RPI3", boot="passed", code="passed", paste="failed"),
        real("RPI4", boot="passed", code="failed"),
        real("RPI4", clock="passed"),
    ]
    assert status.real_cell(ROW, results) == "RPI3 passed, RPI4 **failed**"
    assert status.real_cell(ROW, []) == status.NOT_REAL


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


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is docs/results, and build/test as well."""
    monkeypatch.setattr(status, "TESTS", tmp_path / "results.json")
    monkeypatch.setattr(status, "RESULTS", tmp_path)
    return tmp_path


def write_run(folder: Path, date: str, **files: dict[str, int]) -> None:
    run = {"date": date, "pimem": "1", "qemu": [10, 0, 2], "boards": ["RPI4"], "files": files}
    (folder / "results.json").write_text(json.dumps(run))


def test_a_run_of_some_tests_is_added_not_taken(results: Path) -> None:
    write_run(results, "2026-01-01", a=counts(passed=1), b=counts(passed=1))
    with pytest.raises(Refusal, match=r"lacks \d+ files of tests, such as tests/.*--add"):
        status.take()
    status.take(add=True)
    write_run(results, "2026-02-02", b=counts(passed=2))
    status.take(add=True)
    emulated = json.loads((results / status.EMULATED).read_text())
    assert [(n, c["date"], c["passed"]) for n, c in emulated["files"].items()] == [
        ("a", "2026-01-01", 1),
        ("b", "2026-02-02", 2),
    ]
    assert status.dates(emulated) == "from 2026-01-01 to 2026-02-02"


def test_a_whole_run_replaces_all_that_was_there(results: Path) -> None:
    write_run(results, "2026-01-01", gone=counts(passed=1))
    status.take(add=True)
    write_run(results, "2026-02-02", **dict.fromkeys(status.test_files(), counts(passed=1)))
    status.take()
    emulated = json.loads((results / status.EMULATED).read_text())
    assert set(emulated["files"]) == status.test_files()
    assert status.dates(emulated) == "on 2026-02-02"
    assert "not run |" not in status.table(emulated | {"suites": {}}, []).rpartition("\n")[0]
