# SPDX-License-Identifier: MIT
"""Figures that a run prints at its end: record_property(PROPERTY, (section, line)) in a test."""

from __future__ import annotations

from collections import defaultdict

import pytest

PROPERTY = "figure"


class Collector:
    """Collects them in the process that prints: reports of workers arrive there too."""

    def __init__(self) -> None:
        self.lines: dict[str, list[str]] = defaultdict(list)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in report.user_properties:
            if name == PROPERTY and report.when == "call":
                section, line = value
                self.lines[section].append(line if report.passed else f"{line}: FAILED")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for section, lines in sorted(self.lines.items()):
            terminalreporter.section(section)
            for line in sorted(lines):
                terminalreporter.line(line)


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Collector())
