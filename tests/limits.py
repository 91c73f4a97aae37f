# SPDX-License-Identifier: MIT
"""How long a test waits for what comes at once on any host: to end what hangs, before pytest ends
the test (`timeout` in pyproject.toml), and not to judge how fast the host is."""

from __future__ import annotations

import time
from collections.abc import Callable

HANG_SECONDS = 240
LOOK_SECONDS = 0.02


def wait_for(condition: Callable[[], object], told: Callable[[], object] = str) -> None:
    """Wait until the condition holds; where it never does, fail with what `told` returns."""
    end = time.monotonic() + HANG_SECONDS
    while not condition():
        assert time.monotonic() < end, told()
        time.sleep(LOOK_SECONDS)
