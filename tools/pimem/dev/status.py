# SPDX-License-Identifier: MIT
"""Makes the status tables: what is there, and what was proven where.

    python -m pimem.dev.status [--take | --add]

Two tables are in the README, one with the features of `machine` in docs/machine.md; their rows are
in status_rows.py. They are made of result files in docs/results/: `emulated.json`, the results of
`make test` and `make test-micropython` on emulated boards, and `bringup-*.json`, which people sent
in from real ones (docs/hardware-day.md). With --take the results of the last `make test` and of
`make test-micropython`, in build/test/, become emulated.json; with --add those of a run of some
tests replace the results of the same files. The tables have no counts of tests: they change when
results are taken, not when a test is added.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pimem import BUILD, ROOT
from pimem.dev.status_rows import ABSENT, FEATURES, MACHINES, PROVEN, STATES, Feature, Row, State
from pimem.exits import OK, CommandError, Refusal, complain, report

README = ROOT / "README.md"
MACHINE = ROOT / "docs" / "machine.md"
RESULTS = ROOT / "docs" / "results"
EMULATED = "emulated.json"
REAL = "bringup-*.json"
TESTS = BUILD / "test" / "results.json"
SUITE = "suite-*.json"
BEGIN, END = "<!-- {}: python -m pimem.dev.status -->", "<!-- end of {} -->"
REAL_HEAD = "a real Pi 3 or 4"
PLAYED_HEAD = "host, devices played"
SUITE_ROW = "MicroPython's own test suite"
NOT_REAL = "not run on a board yet"
NONE_RUN = "No real board has run this yet."
PASSED = "passed"


def load(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as exc:
        raise Refusal(f"no {path}: `make test` writes it") from exc
    except ValueError as exc:
        raise Refusal(f"{path} is not JSON: {exc}") from exc


def cell(globs: Sequence[str], files: dict[str, dict[str, Any]]) -> str:
    """Tell what came of the tests of some files: '-' where there are none."""
    if not globs:
        return "-"
    fitting = [[files[name] for name in fnmatch.filter(files, glob)] for glob in globs]
    bad = sum(each["failed"] + each["error"] for found in fitting for each in found)
    if bad:
        return f"**{bad} failed**"
    return PASSED if all(any(each["passed"] for each in found) for found in fitting) else "not run"


def real_cell(row: Row, results: Sequence[dict[str, Any]]) -> str:
    """Tell on which boards the row's steps passed, and where one failed."""
    words = []
    for result in results:
        status = {step["name"]: step["status"] for step in result["steps"]}
        found = [status[name] for name in row.steps if name in status]
        if found:
            passed = all(word == "passed" for word in found)
            words.append(f"{result['board']} {'passed' if passed else '**failed**'}")
    return ", ".join(words) or NOT_REAL


def suite_cell(suites: dict[str, dict[str, int]]) -> str:
    words = [
        f"{board} **{result['failed']} failed**" if result["failed"] else f"{board} passed"
        for board, result in sorted(suites.items())
    ]
    listed = max((result["listed"] for result in suites.values()), default=0)
    words += [f"{listed} of its tests are on the skip list, with reasons"] if listed else []
    return ", ".join(words) or "not run"


def line(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def heads(*words: str) -> list[str]:
    return [line("", *words), "|" + "---|" * (len(words) + 1)]


class Results:
    """What ran, and where: the results of emulated boards and of real ones."""

    def __init__(self, emulated: dict[str, Any], real: Sequence[dict[str, Any]]) -> None:
        self.emulated = emulated
        self.real = real
        self.files: dict[str, dict[str, Any]] = emulated["files"]

    def qemu_head(self) -> str:
        version = ".".join(map(str, self.emulated["qemu"]))
        return f"QEMU {version}: {', '.join(self.emulated['boards'])}"

    def proven(self) -> str:
        """Return the table of what was proven where, in Markdown."""
        lines = heads(PLAYED_HEAD, self.qemu_head(), REAL_HEAD)
        for row in PROVEN:
            what = f"{row.what} ({row.note})" if row.note else row.what
            host, qemu = cell(row.host, self.files), cell(row.qemu, self.files)
            lines.append(line(what, host, qemu, real_cell(row, self.real)))
        suites = suite_cell(self.emulated.get("suites", {}))
        return "\n".join([*lines, line(SUITE_ROW, "-", suites, NOT_REAL)])

    def there(self) -> str:
        """Return the table of what is there, and what is not."""
        lines = heads("state", PLAYED_HEAD, "QEMU", REAL_HEAD)
        lines += [self.state_line(row) for row in STATES]
        return "\n".join(lines + [line(what, why, "-", "-", "-") for what, why in ABSENT])

    def state_line(self, row: State) -> str:
        host, qemu = cell(row.host, self.files), cell(row.qemu, self.files)
        limited = f"{qemu}; {row.limits}" if row.limits else qemu
        return line(row.what, row.state, host, limited, real_cell(row, self.real))

    def features(self) -> str:
        """Return the table of the features of `machine`."""
        lines = heads(PLAYED_HEAD, *(f"QEMU {name}" for name in MACHINES), REAL_HEAD)
        return "\n".join(lines + [self.feature_line(row) for row in FEATURES])

    def feature_line(self, row: Feature) -> str:
        host, qemu = cell(row.host, self.files), cell(row.qemu, self.files)
        cells = [row.on(name) if qemu == PASSED else qemu for name in MACHINES]
        return line(row.what, host, *cells, real_cell(row, self.real))


def dates(emulated: dict[str, Any]) -> str:
    found = sorted({counts["date"] for counts in emulated["files"].values()})
    return f"on {found[0]}" if len(found) == 1 else f"from {found[0]} to {found[-1]}"


def results() -> Results:
    found = [load(path) for path in sorted(RESULTS.glob(REAL))]
    return Results(load(RESULTS / EMULATED), [each for each in found if not each["emulated"]])


def proven(found: Results) -> str:
    """Return the table of what was proven where, and when."""
    run = f"{len(found.real)} results from real boards." if found.real else NONE_RUN
    version, when = found.emulated["pimem"], dates(found.emulated)
    return (
        f"{found.proven()}\n\nTests of pimem {version} ran {when}; `make test` prints more. {run}"
    )


SECTIONS: tuple[tuple[Path, str, Callable[[Results], str]], ...] = (
    (README, "status", proven),
    (README, "state", Results.there),
    (MACHINE, "features", Results.features),
)


def updated(text: str, name: str, new: str) -> str:
    """Return a page with another text between the marks of a name."""
    begin, end = BEGIN.format(name), END.format(name)
    try:
        before, rest = text.split(begin)
        _, after = rest.split(end)
    except ValueError as exc:
        raise Refusal(f"the page must have {begin!r} and {end!r}, once each") from exc
    return f"{before}{begin}\n{new}\n{end}{after}"


def write() -> None:
    """Bring the tables of all pages up to date."""
    found = results()
    for page, name, make in SECTIONS:
        text = page.read_text(encoding="utf-8")
        page.write_text(updated(text, name, make(found)), encoding="utf-8")


def test_files() -> set[str]:
    """Return the files of the tests that every run of `make test` has."""
    return {path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("test_*.py")}


def take(add: bool = False) -> None:
    """Make the last run's results those that the table shows; with `add`, of its files only."""
    result = load(TESTS)
    files = result["files"]
    bad = [name for name, counts in files.items() if counts["failed"] or counts["error"]]
    if bad:
        raise Refusal(f"tests failed, so nothing is taken: {', '.join(bad)}")
    missing = sorted(test_files() - set(files))
    if missing and not add:
        raise Refusal(
            f"the last run lacks {len(missing)} files of tests, such as {missing[0]}: run "
            "`make test` without TEST_OPTIONS, or use --add"
        )
    known = load(RESULTS / EMULATED) if (RESULTS / EMULATED).exists() else {}
    dated = {name: counts | {"date": result["date"]} for name, counts in files.items()}
    result["files"] = dict(sorted(((known.get("files", {}) if add else {}) | dated).items()))
    result["suites"] = known.get("suites", {}) | {
        path.stem.removeprefix("suite-"): load(path) for path in TESTS.parent.glob(SUITE)
    }
    del result["date"]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / EMULATED).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m pimem.dev.status")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--take", action="store_true", help="from the last whole `make test`")
    which.add_argument("--add", action="store_true", help="from the last run of some tests")
    options = parser.parse_args(argv)
    try:
        if options.take or options.add:
            take(options.add)
        write()
    except CommandError as exc:
        return report(exc)
    complain("the status tables are up to date")
    return OK


if __name__ == "__main__":
    sys.exit(main())
