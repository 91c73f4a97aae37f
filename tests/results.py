# SPDX-License-Identifier: MIT
"""A plugin of pytest: counts what came of the tests of each file, for the README's status table.

build/test/results.json; `python -m pimem.dev.status` makes the table of it.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from pathlib import Path

import pytest

import pimem
from pimem.board.boards import names
from pimem.setup import packages

FILE = Path("build") / "test" / "results.json"
OUTCOMES = ("passed", "skipped", "failed", "error")


def count(stats: dict[str, list[object]]) -> dict[str, dict[str, int]]:
    """Return, for each file of tests, how many had each outcome."""
    files: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(OUTCOMES, 0))
    for outcome in OUTCOMES:
        for report in stats.get(outcome, []):
            nodeid = getattr(report, "nodeid", "")
            if "::" in nodeid:
                files[nodeid.partition("::")[0]][outcome] += 1
    return dict(sorted(files.items()))


def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if hasattr(config, "workerinput") or reporter is None or config.option.collectonly:
        return
    result = {
        "date": time.strftime("%Y-%m-%d"),
        "pimem": pimem.__version__,
        "qemu": packages.qemu_version(packages.qemu_program()),
        "boards": names(),
        "files": count(reporter.stats),
    }
    path = config.rootpath / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")
