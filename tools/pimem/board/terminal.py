# SPDX-License-Identifier: MIT
"""This process's terminal, where it is joined to a board's serial line."""

from __future__ import annotations

import contextlib
import termios
import tty
from collections.abc import Iterator

LEAVE = b"\x1d"
HINT = "Ctrl-] leaves"


@contextlib.contextmanager
def raw_mode(fd: int) -> Iterator[None]:
    """Send every key to the board, Ctrl-C included, until the block ends."""
    before = termios.tcgetattr(fd)
    try:
        tty.setraw(fd, termios.TCSADRAIN)  # what is typed already is kept
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)
