# SPDX-License-Identifier: MIT
"""Fixtures of the emulator tests: each test boots the machine it needs, in its own way."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import rig


@pytest.fixture(scope="module", params=rig.BOARDS)
def machine(request: pytest.FixtureRequest) -> Iterator[rig.Machine]:
    """Each board, booted once for the tests of a file that only look at it."""
    with rig.booted(request.param) as machine:
        yield machine


@pytest.fixture(params=rig.BOARDS)
def victim(request: pytest.FixtureRequest) -> Iterator[rig.Machine]:
    """Each board, booted for one test that may destroy it."""
    with rig.booted(request.param) as machine:
        yield machine
