# SPDX-License-Identifier: MIT
"""Fixtures of the emulator tests: each test boots the machine it needs, in its own way."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pimem.testing import Machine, board_session


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
