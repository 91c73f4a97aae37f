# SPDX-License-Identifier: MIT
"""Physical memory, 4 KiB a frame."""

from _memory import frames_alloc as alloc
from _memory import frames_reserve as reserve
from _memory import frames_runs as runs
from _memory import frames_state as state
from _memory import frames_stats as stats
from _memory import owners


def show(width=64):
    """Print a picture of RAM: one character for an equal share of a bank's frames."""
    from memory._show import frames

    frames(width)
