# SPDX-License-Identifier: MIT
"""Fixtures of the emulator tests: each test boots the machine it needs, in its own way."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pimem.board import hwcheck
from pimem.testing import Machine, board_session

#: Files whose boards are not run under the hardware checker, and why.
UNCHECKED = {
    "test_boot_mutants.py": "damaged trees tell of RAM that is not there: 7a, as they are made to",
    "test_bringup.py": "its images die at places that they are told, and measure times",
    "test_plugin.py": "its boards are those of a pytest of its own, which passes results only",
    "test_upstream_files.py": "its boards run under -icount, without the checker",
    "test_run.py": "its boards are those of `pimem run`, which checks when it is told to",
}


@pytest.fixture(scope="module", autouse=True)
def hardware_check(request: pytest.FixtureRequest) -> Iterator[None]:
    """Boards are checked as those of the target tests are, but for the files above."""
    with pytest.MonkeyPatch.context() as patch:
        if request.path.name in UNCHECKED:
            patch.setenv(hwcheck.VARIABLE, "0")
        yield


@pytest.fixture(scope="module", params=board_session.BOARDS)
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """Each board, booted once for the tests of a file that only look at it."""
    with board_session.booted(request.param) as machine:
        yield machine


@pytest.fixture(params=board_session.BOARDS)
def victim(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """Each board, booted for one test that may destroy it."""
    with board_session.booted(request.param) as machine:
        yield machine
