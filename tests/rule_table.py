# SPDX-License-Identifier: MIT
"""The rules of the hardware checker and the programs of tests/hwcheck: a table at a run's end."""

from __future__ import annotations

from collections import defaultdict

import pytest

PROPERTY = "hardware rule"
Results = dict[str, dict[str, str]]


def table(results: dict[tuple[str, str], Results]) -> list[str]:
    """Return a line for each rule and program: which variants were reported, and on which boards
    the one that keeps the rule was silent."""
    lines = []
    for (rule, program), variants in sorted(results.items()):
        cells = []
        for variant, boards in sorted(variants.items()):
            failed = [board for board, result in sorted(boards.items()) if result != "ok"]
            told = f"FAILED on {', '.join(failed)}" if failed else f"ok on {len(boards)}"
            cells.append(f"{variant}: {told}")
        lines.append(f"{rule:26} {program:12} {'; '.join(cells)}")
    return lines


class Collector:
    """Collects results in the process that prints: reports of workers arrive there too."""

    def __init__(self) -> None:
        self.bad: dict[tuple[str, str], Results] = defaultdict(lambda: defaultdict(dict))
        self.good: dict[str, dict[str, str]] = defaultdict(dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in report.user_properties:
            if name == PROPERTY and (report.when == "call" or report.failed):
                rules, program, variant, board = value
                result = "ok" if report.passed else "FAILED"
                if not rules:
                    self.good[program][board] = result
                for rule in rules:
                    self.bad[rule, program][variant][board] = result

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for (_, program), variants in self.bad.items():
            if program in self.good:
                variants["good"] = self.good[program]
        if self.bad:
            terminalreporter.section("rules of the hardware checker x programs x boards")
            for line in table(self.bad):
                terminalreporter.line(line)


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Collector())
