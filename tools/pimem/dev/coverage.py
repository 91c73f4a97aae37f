# SPDX-License-Identifier: MIT
"""`make coverage`: which lines of the memory mechanism the host tests run, by gcov.

The host libraries are built with counters (HOST_COVERAGE tells tests/host/host_library.py), the
host tests run, and gcov's own summary is read. Lines of headers count where they are compiled.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from pimem import BUILD, ROOT
from pimem.exits import FAILED, OK, complain

WORK = BUILD / "coverage"
MECHANISM = ROOT / "modules" / "memory" / "core"
WANTED = 95.0
TEST_SECONDS = 1200

#: For each file: line number to how often it ran.
Lines = dict[str, dict[int, int]]


def run_tests() -> bool:
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    command = [sys.executable, "-m", "pytest", "-q", "tests/host"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=dict(os.environ, HOST_COVERAGE=str(WORK)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        timeout=TEST_SECONDS,
    )
    return done.returncode == 0


def read(notes: Path) -> list[dict[str, Any]]:
    """Return what gcov says about each source file of one object."""
    done = subprocess.run(
        ["gcov", "--json-format", "--stdout", str(notes)],
        cwd=notes.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return list(json.loads(done.stdout)["files"])


def collect() -> Lines:
    """Return the lines of the mechanism, each with the sum of its counts over all libraries."""
    lines: Lines = defaultdict(lambda: defaultdict(int))
    for notes in sorted(WORK.rglob("*.gcda")):
        for file in read(notes):
            path = (ROOT / file["file"]).resolve()
            if path.is_relative_to(MECHANISM):
                for line in file["lines"]:
                    lines[path.name][line["line_number"]] += line["count"]
    return lines


def spans(numbers: list[int]) -> str:
    """Return line numbers as a short list: 3-5, 9."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)


def show(lines: Lines) -> float:
    """Print a line for each file; return the percentage over all."""
    total = ran = 0
    for name in sorted(lines):
        counts = lines[name]
        missed = sorted(number for number, count in counts.items() if count == 0)
        total += len(counts)
        ran += len(counts) - len(missed)
        part = 100 * (len(counts) - len(missed)) / len(counts)
        print(f"{name:20} {len(counts):5} lines {part:6.1f} %  {spans(missed)}")
    percent = 100 * ran / total if total else 0.0
    print(f"{'all':20} {total:5} lines {percent:6.1f} %  (bar {WANTED:g} %)")
    return percent


def main() -> int:
    if not run_tests():
        complain("the host tests fail: no coverage")
        return FAILED
    return OK if show(collect()) >= WANTED else FAILED


if __name__ == "__main__":
    sys.exit(main())
