# SPDX-License-Identifier: MIT
"""Physical memory, 4 KiB a frame."""

from _memory import frames_alloc as alloc
from _memory import frames_reserve as reserve
from _memory import frames_runs as runs
from _memory import frames_state as state
from _memory import frames_stats as stats
from _memory import owners

__all__ = ["alloc", "owners", "reserve", "runs", "show", "state", "stats"]

def show(width: int = 64) -> None:
    """Print a picture of RAM: one character for an equal share of a bank's frames."""
