# SPDX-License-Identifier: MIT
"""Settings common to all tests: shorter names of the plugin's options, and every board."""

from __future__ import annotations

import os
from pathlib import Path

import boot_stub
import pytest

from pimem.board import boards, hwcheck
from pimem.testing import board_session, port_options, transcript

pytest_plugins = ["results", "side_by_side", "boot_ways", "rule_table", "figures"]

ROOT = Path(__file__).parents[1]
TRANSCRIPTS = ROOT / "build" / "test" / "transcripts"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("boards")
    group.addoption(
        "--board",
        dest="pimem_board",
        action="append",
        metavar="BOARD",
        help="target tests: this board only (--pimem-board)",
    )
    group.addoption(
        "--port",
        dest="pimem_port",
        action="append",
        metavar="[BOARD=]URL",
        help="target tests: a real board's serial line; several are tested side by side",
    )
    group.addoption(
        "--transcripts",
        dest="pimem_transcripts",
        type=Path,
        metavar="DIR",
        help="where the serial lines of failed tests are kept",
    )


def pytest_configure(config: pytest.Config) -> None:
    os.environ.setdefault(hwcheck.VARIABLE, "1")
    if config.option.pimem_transcripts is None:
        config.option.pimem_transcripts = TRANSCRIPTS
    if not config.option.pimem_board and not config.option.pimem_port:
        config.option.pimem_board = boards.names()
    port_options.places(config)  # complains of what it cannot understand


def pytest_report_header() -> str:
    return f"hardware checker: {hardware_checker()}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.write_line(f"hardware checker: {hardware_checker()}")


def hardware_checker() -> str:
    if hwcheck.wanted():
        return "on for the boards of the target tests, but for runs that count instructions"
    return f"off: ${hwcheck.VARIABLE} is {os.environ.get(hwcheck.VARIABLE)!r}, not '1'"


def pytest_sessionstart(session: pytest.Session) -> None:
    config = session.config
    runs = not hasattr(config, "workerinput") and not config.option.collectonly
    if runs and config.option.pimem_transcripts == TRANSCRIPTS:
        transcript.remove_old(TRANSCRIPTS)


@pytest.fixture(scope="session")
def board_start(tmp_path_factory: pytest.TempPathFactory) -> board_session.StartArgs:
    """Emulated Pis start as their firmware starts them: at EL3 on four cores, with a tree."""

    def args(name: str) -> list[str] | None:
        board = boards.load(name)
        folder = tmp_path_factory.mktemp("stub")
        return boot_stub.usual_start(board, folder) if board.family == "rpi" else None

    return args
