# SPDX-License-Identifier: MIT
"""Settings common to all tests."""

import os

import pytest

# The test command preloads the address sanitiser's run-time for the sanitised host libraries.
# It is in this process by now; compilers, emulators and tools started from here must not get it.
os.environ.pop("LD_PRELOAD", None)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("boards")
    group.addoption("--board", metavar="BOARD", help="target tests: this board only")
    group.addoption("--port", metavar="URL", help="target tests: a real board's serial line")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "emulator: a target test that no real board can run")
    if config.getoption("--port") and not config.getoption("--board"):
        raise pytest.UsageError("--port needs --board: which board is there?")
