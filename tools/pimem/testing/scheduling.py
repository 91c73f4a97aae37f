# SPDX-License-Identifier: MIT
"""Several real boards, tested by the workers of pytest-xdist."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling


def by_port(config: pytest.Config, log: Any, places: Sequence[str]) -> Any:
    """Make a scheduler that gives all tests of one place to one worker: only one process can have
    its port open."""
    scheduler = LoadScopeScheduling(config, log)
    names = sorted(places, key=len, reverse=True)
    usual = scheduler._split_scope

    def place_of(nodeid: str) -> str:
        return next((name for name in names if name in nodeid), None) or str(usual(nodeid))

    scheduler._split_scope = place_of
    return scheduler
