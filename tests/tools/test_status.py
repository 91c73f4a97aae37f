# SPDX-License-Identifier: MIT
"""The status tables of the pages are made of result files."""

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


@pytest.mark.parametrize("page", [status.README, status.MACHINE], ids=lambda page: page.name)
def test_a_page_has_what_the_results_say(page: Path) -> None:
    """Whoever takes results, or changes a row, runs the command; adding a test changes nothing."""
    text, found = page.read_text(encoding="utf-8"), status.results()
    for place, name, make in status.SECTIONS:
        if place == page:
            assert status.updated(text, name, make(found)) == text, "python -m pimem.dev.status"
    if not found.real:
        assert page != status.README or status.NONE_RUN in text
        assert status.NOT_REAL in text


def results(qemu: dict[str, int]) -> status.Results:
    files = {
        "tests/emulator/test_spi.py": qemu,
        "tests/host/test_drivers_spi.py": counts(passed=1),
    }
    return status.Results({"files": files, "qemu": [1], "boards": ["RPI3"]}, [])


def feature_line(found: status.Results, start: str) -> str:
    (line,) = (line for line in found.features().splitlines() if line.startswith(f"| {start}"))
    return line


def test_what_qemu_lacks_is_told_of_where_its_tests_passed() -> None:
    line = feature_line(results(counts(passed=3)), "`SPI(1)`")
    absent = "absent: `OSError(ENODEV)`"
    wanted = ("`SPI(1)`", "passed", absent, absent, "no class", status.NOT_REAL)
    assert line == status.line(*wanted)


@pytest.mark.parametrize(
    ("qemu", "told"), [(counts(skipped=3), "not run"), (counts(failed=2), "**2 failed**")]
)
def test_a_state_that_no_test_showed_is_not_told(qemu: dict[str, int], told: str) -> None:
    line = feature_line(results(qemu), "`SPI(1)`")
    assert line == status.line("`SPI(1)`", "passed", told, told, told, status.NOT_REAL)
    assert f"| passed | {told}; number 0 only |" in results(qemu).there()


def test_every_subject_has_a_state() -> None:
    table = results(counts(passed=1)).there().splitlines()
    assert len(table) == 2 + len(status.STATES) + len(status.ABSENT)
    assert all(cell.strip() for row in table[2:] for cell in row.split("|")[1:-1])


def test_a_real_board_counts_by_the_steps_of_the_row() -> None:
    results = [
        real("RPI3", boot="passed", code="passed", paste="failed"),
        real("RPI4", boot="passed", code="failed"),
        real("RPI4", clock="passed"),
    ]
    assert status.real_cell(ROW, results) == "RPI3 passed, RPI4 **failed**"
    assert status.real_cell(ROW, []) == status.NOT_REAL


def test_each_row_names_files_that_exist() -> None:
    for row in (*status.PROVEN, *status.STATES, *status.FEATURES):
        assert row.files, row.what
        for glob in row.files:
            assert list(ROOT.glob(glob)), glob


def test_the_section_is_replaced_between_its_marks() -> None:
    begin, end = status.BEGIN.format("a"), status.END.format("a")
    text = f"before\n{begin}\nold\n{end}\nafter\n"
    assert status.updated(text, "a", "new") == f"before\n{begin}\nnew\n{end}\nafter\n"
    with pytest.raises(Refusal, match="once each"):
        status.updated(text, "b", "new")


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
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is docs/results, and build/test as well."""
    monkeypatch.setattr(status, "TESTS", tmp_path / "results.json")
    monkeypatch.setattr(status, "RESULTS", tmp_path)
    return tmp_path


def write_run(folder: Path, date: str, **files: dict[str, int]) -> None:
    run = {"date": date, "pimem": "1", "qemu": [10, 0, 2], "boards": ["RPI4"], "files": files}
    (folder / "results.json").write_text(json.dumps(run))


def test_a_run_of_some_tests_is_added_not_taken(folder: Path) -> None:
    write_run(folder, "2026-01-01", a=counts(passed=1), b=counts(passed=1))
    with pytest.raises(Refusal, match=r"lacks \d+ files of tests, such as tests/.*--add"):
        status.take()
    status.take(add=True)
    write_run(folder, "2026-02-02", b=counts(passed=2))
    status.take(add=True)
    emulated = json.loads((folder / status.EMULATED).read_text())
    assert [(n, c["date"], c["passed"]) for n, c in emulated["files"].items()] == [
        ("a", "2026-01-01", 1),
        ("b", "2026-02-02", 2),
    ]
    assert status.dates(emulated) == "from 2026-01-01 to 2026-02-02"


def test_a_whole_run_replaces_all_that_was_there(folder: Path) -> None:
    write_run(folder, "2026-01-01", gone=counts(passed=1))
    status.take(add=True)
    write_run(folder, "2026-02-02", **dict.fromkeys(status.test_files(), counts(passed=1)))
    status.take()
    emulated = json.loads((folder / status.EMULATED).read_text())
    assert set(emulated["files"]) == status.test_files()
    assert status.dates(emulated) == "on 2026-02-02"
    found = status.Results(emulated, [])
    assert "not run |" not in found.proven().rpartition("\n")[0]
    assert "not run |" not in found.there() + found.features()
