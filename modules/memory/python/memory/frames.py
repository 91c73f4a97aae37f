# SPDX-License-Identifier: MIT
"""Physical memory: frames of 4 KiB, taken from the frame allocator and given back to it."""

from _memory import frames_alloc as alloc
from _memory import frames_reserve as reserve
from _memory import frames_runs as runs
from _memory import frames_state as state
from _memory import frames_stats as stats
from _memory import owners


def show(width=64):
    """Print a picture of RAM with `width` characters a line, and the owners of its frames.

    Each character stands for as many frames. ValueError: width is not positive.
    """
    from memory._show import frames

    frames(width)
