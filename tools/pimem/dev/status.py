# SPDX-License-Identifier: MIT
"""Makes the README's status table: what was proven where.

    python -m pimem.dev.status [--take | --add]

The table is made of result files in docs/results/: `emulated.json`, what came of `make test` and
`make test-micropython` on emulated boards, and `bringup-*.json`, what people sent in from real
ones (docs/hardware-day.md). With --take the results of the last `make test` and of
`make test-micropython`, in build/test/, become emulated.json; with --add those of a run of some
tests replace what is there of the same files. The table has no counts of tests: it changes when
results are taken, not when a test is added.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pimem import BUILD, ROOT
from pimem.exits import OK, CommandError, Refusal, complain, report

README = ROOT / "README.md"
RESULTS = ROOT / "docs" / "results"
EMULATED = "emulated.json"
REAL = "bringup-*.json"
TESTS = BUILD / "test" / "results.json"
SUITE = "suite-*.json"
#: Tests in these folders run on this machine, with devices that are played; others in QEMU.
HOST = ("tests/host/", "tests/tools/")
BEGIN, END = "<!-- status: python -m pimem.dev.status -->", "<!-- end of status -->"
SUITE_ROW = "MicroPython's own test suite"
NOT_REAL = "not run on a board yet"


@dataclass(frozen=True)
class Row:
    """A property, the files of its tests, the steps of `pimem bringup` that show it on a board."""

    what: str
    files: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    note: str = ""


ROWS = (
    Row(
        "boot to the prompt from EL1, EL2 and EL3; device tree, mailbox or neither",
        ("tests/emulator/test_boot*.py", "tests/target/test_boot_report.py"),
        ("boot", "facts"),
    ),
    Row(
        "kernel map, switch of TTBR1, W^X in every alias (tables read out and walked)",
        (
            "tests/emulator/test_live_tables.py",
            "tests/emulator/test_wx_walk.py",
            "tests/target/test_rights.py",
            "tests/target/test_space*.py",
        ),
        ("health",),
    ),
    Row(
        "faults raised, paged and stepped; programs at EL0",
        (
            "tests/target/test_fault.py",
            "tests/target/test_pager*.py",
            "tests/target/test_user*.py",
            "tests/target/test_watch.py",
        ),
        ("programs",),
    ),
    Row(
        "bus errors",
        ("tests/emulator/test_serror.py", "tests/host/test_serror_windows.py"),
        ("probes",),
        "injected through EL2",
    ),
    Row(
        "order of barriers and TLB maintenance; exclusives",
        (
            "tests/host/test_paging.py",
            "tests/host/test_trampoline.py",
            "tests/host/test_el2.py",
            "tests/host/test_chain.py",
            "tests/emulator/test_image.py",
        ),
        note="asserted on the host and in the disassembly",
    ),
    Row(
        "caches, TLB, memory types",
        ("tests/hwcheck/*.py",),
        ("code",),
        "QEMU has none of them: judged by a model, [hwcheck](docs/hwcheck.md)",
    ),
    Row(
        "UART clock, pins, overrun",
        ("tests/host/test_drivers*.py", "tests/host/test_early_uart.py"),
        ("paste", "clock"),
        "registers of a played device; QEMU sends at any rate",
    ),
    Row(
        "SD card image and flashing",
        (
            "tests/emulator/test_sdcard.py",
            "tests/tools/test_image*.py",
            "tests/tools/test_flash.py",
        ),
        note="loop devices; `--update` of a card mounted by fusefat, not by Linux's vfat",
    ),
    Row(
        "files on a card and on the RAM disk, power cuts, ROMFS, other programs that copy files",
        (
            "tests/host/test_drivers_sd*.py",
            "tests/emulator/test_card*.py",
            "tests/emulator/test_power_cut.py",
            "tests/emulator/test_client_files.py",
            "tests/target/test_romfs.py",
        ),
        note="QEMU's card is neither slow nor damaged: a played one is",
    ),
    Row(
        "a kernel booted over the serial line; resets",
        ("tests/emulator/test_bootloader.py",),
        ("resets",),
    ),
    Row(
        "the target tests through a port",
        ("tests/emulator/test_ports.py", "tests/emulator/test_plugin.py"),
        note="on the ptys of emulators, and behind `rfc2217://`",
    ),
    Row(
        "an ESP32 bridge flashed",
        ("tests/emulator/test_bridge.py",),
        note="**no chip was available**: esptool's calls are recorded",
    ),
)


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
    found = [
        counts
        for name, counts in files.items()
        if any(fnmatch.fnmatch(name, glob) for glob in globs)
    ]
    passed = sum(counts["passed"] for counts in found)
    bad = sum(counts["failed"] + counts["error"] for counts in found)
    if bad:
        return f"**{bad} failed**"
    return "passed" if passed else "not run"


def on_host(glob: str) -> bool:
    return glob.startswith(HOST)


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


def table(emulated: dict[str, Any], real: Sequence[dict[str, Any]]) -> str:
    """Return the table, in Markdown."""
    version = ".".join(map(str, emulated["qemu"]))
    boards = ", ".join(emulated["boards"])
    heads = ("", "host, devices played", f"QEMU {version}: {boards}", "a real Pi 3 or 4")
    lines = [line(*heads), "|---|---|---|---|"]
    for row in ROWS:
        host = cell([glob for glob in row.files if on_host(glob)], emulated["files"])
        qemu = cell([glob for glob in row.files if not on_host(glob)], emulated["files"])
        what = f"{row.what} ({row.note})" if row.note else row.what
        lines.append(line(what, host, qemu, real_cell(row, real)))
    suites = suite_cell(emulated.get("suites", {}))
    lines.append(line(SUITE_ROW, "-", suites, NOT_REAL))
    return "\n".join(lines)


def dates(emulated: dict[str, Any]) -> str:
    found = sorted({counts["date"] for counts in emulated["files"].values()})
    return f"on {found[0]}" if len(found) == 1 else f"from {found[0]} to {found[-1]}"


def section() -> str:
    """Return what stands between the two marks in the README."""
    emulated = load(RESULTS / EMULATED)
    real = [load(path) for path in sorted(RESULTS.glob(REAL))]
    run = [result for result in real if not result["emulated"]]
    said = f"{len(run)} results from real boards." if run else "No real board has run this yet."
    ran = f"Tests of pimem {emulated['pimem']} ran {dates(emulated)}; `make test` prints more."
    return f"{BEGIN}\n{table(emulated, run)}\n\n{ran} {said}\n{END}"


def updated(text: str, new: str) -> str:
    """Return the README with another section."""
    try:
        before, rest = text.split(BEGIN)
        _, after = rest.split(END)
    except ValueError as exc:
        raise Refusal(f"{README.name} must have {BEGIN!r} and {END!r}, once each") from exc
    return f"{before}{new}{after}"


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
        README.write_text(updated(README.read_text(encoding="utf-8"), section()), encoding="utf-8")
    except CommandError as exc:
        return report(exc)
    complain(f"{README.name}: the status table is up to date")
    return OK


if __name__ == "__main__":
    sys.exit(main())
