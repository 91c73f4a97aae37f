# SPDX-License-Identifier: MIT
"""Fixtures of the hardware checker's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from events import Machine


@pytest.fixture(params=[0, 0x40000000], ids=["ram-at-0", "ram-at-1GiB"])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machine]:
    """The state machines, without QEMU."""
    made = Machine(tmp_path, request.param)
    yield made
    made.close()
