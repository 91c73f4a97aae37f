# SPDX-License-Identifier: MIT
"""Settings common to all tests."""

from pathlib import Path

import lab
import pytest

pytest_plugins = ["side_by_side"]

ROOT = Path(__file__).parents[1]
TRANSCRIPTS = ROOT / "build" / "test" / "transcripts"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("boards")
    group.addoption("--board", metavar="BOARD", help="target tests: this board only")
    group.addoption(
        "--port",
        action="append",
        metavar="[BOARD=]URL",
        help="target tests: a real board's serial line; several are tested side by side",
    )
    group.addoption(
        "--transcripts",
        type=Path,
        default=TRANSCRIPTS,
        metavar="DIR",
        help="where the serial lines of failed tests are kept",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "emulator: a target test that no real board can run")
    lab.places(config)  # complains of what it cannot understand


def pytest_sessionstart(session: pytest.Session) -> None:
    worker = hasattr(session.config, "workerinput")  # of pytest-xdist: one check is enough
    if not worker and not session.config.option.collectonly:
        if session.config.getoption("--transcripts") == TRANSCRIPTS:
            lab.remove_old(TRANSCRIPTS)
        lab.check_ports(lab.places(session.config))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    if not config.getoption("--port"):
        return None
    from side_by_side import OnPorts

    return OnPorts(config, log, list(map(str, lab.places(config))))
