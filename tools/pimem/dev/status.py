# SPDX-License-Identifier: MIT
"""Makes the README's status table: what was proven where.

    python -m pimem.dev.status [--take]

The table is made of result files in docs/results/: `emulated.json`, what came of `make test` and
`make test-micropython` on emulated boards, and `bringup-*.json`, what people sent in from real
ones (docs/hardware-day.md). With --take the results of the last `make test` and of
`make test-micropython`, in build/test/, become emulated.json.
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
BEGIN, END = "<!-- status: python -m pimem.dev.status -->", "<!-- end of status -->"
SUITE_ROW = "MicroPython's own test suite"


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


def emulated_cell(row: Row, files: dict[str, dict[str, int]]) -> str:
    """Count the tests of a row; '' if there are none."""
    names = [name for name in files if any(fnmatch.fnmatch(name, glob) for glob in row.files)]
    total = {
        key: sum(files[name][key] for name in names)
        for key in ("passed", "skipped", "failed", "error")
    }
    bad = total["failed"] + total["error"]
    if not names or not (total["passed"] or bad):
        return ""
    words = [f"{total['passed']:,} tests passed"]
    words += [f"**{bad} failed**"] if bad else []
    words += [f"{total['skipped']} skipped"] if total["skipped"] else []
    return "; ".join([", ".join(words), row.note] if row.note else [", ".join(words)])


def real_cell(row: Row, results: Sequence[dict[str, Any]]) -> str:
    """Tell on which boards the row's steps passed, and where one failed."""
    words = []
    for result in results:
        status = {step["name"]: step["status"] for step in result["steps"]}
        found = [status[name] for name in row.steps if name in status]
        if found:
            passed = all(word == "passed" for word in found)
            words.append(f"{result['board']} {'passed' if passed else '**failed**'}")
    return ", ".join(words) or "not yet run"


def suite_cell(suites: dict[str, dict[str, int]]) -> str:
    words = [
        f"{board}: {result['passed']} passed, {result['failed']} failed, "
        f"{result['skipped']} skipped by the tests, {result['listed']} on the skip list"
        for board, result in sorted(suites.items())
    ]
    return "; ".join(words) or "not yet run"


def table(emulated: dict[str, Any], real: Sequence[dict[str, Any]]) -> str:
    """Return the table, in Markdown."""
    qemu = ".".join(map(str, emulated["qemu"]))
    lines = [
        f"| | QEMU {qemu}: {', '.join(emulated['boards'])} | a real Pi 3 or 4 |",
        "|---|---|---|",
    ]
    for row in ROWS:
        cell = emulated_cell(row, emulated["files"])
        if cell:
            lines.append(f"| {row.what} | {cell} | {real_cell(row, real)} |")
    lines.append(f"| {SUITE_ROW} | {suite_cell(emulated.get('suites', {}))} | not yet run |")
    return "\n".join(lines)


def section() -> str:
    """Return what stands between the two marks in the README."""
    emulated = load(RESULTS / EMULATED)
    real = [load(path) for path in sorted(RESULTS.glob(REAL))]
    run = [result for result in real if not result["emulated"]]
    said = f"{len(run)} results from real boards." if run else "No real board has run this yet."
    total = sum(counts["passed"] for counts in emulated["files"].values())
    return (
        f"{BEGIN}\n{table(emulated, run)}\n\n"
        f"{total:,} tests passed on {emulated['date']}. {said}\n{END}"
    )


def updated(text: str, new: str) -> str:
    """Return the README with another section."""
    try:
        before, rest = text.split(BEGIN)
        _, after = rest.split(END)
    except ValueError as exc:
        raise Refusal(f"{README.name} must have {BEGIN!r} and {END!r}, once each") from exc
    return f"{before}{new}{after}"


def take() -> None:
    """Make the last runs' results those that the table shows."""
    result = load(TESTS)
    bad = [name for name, counts in result["files"].items() if counts["failed"] or counts["error"]]
    if bad:
        raise Refusal(f"tests failed, so nothing is taken: {', '.join(bad)}")
    known = load(RESULTS / EMULATED).get("suites", {}) if (RESULTS / EMULATED).exists() else {}
    result["suites"] = known | {
        path.stem.removeprefix("suite-"): load(path) for path in TESTS.parent.glob(SUITE)
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / EMULATED).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m pimem.dev.status")
    parser.add_argument("--take", action="store_true", help="from the last `make test`")
    options = parser.parse_args(argv)
    try:
        if options.take:
            take()
        README.write_text(updated(README.read_text(encoding="utf-8"), section()), encoding="utf-8")
    except CommandError as exc:
        return report(exc)
    complain(f"{README.name}: the status table is up to date")
    return OK


if __name__ == "__main__":
    sys.exit(main())
