# SPDX-License-Identifier: MIT
"""This process's terminal, where it is joined to a board's serial line."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import termios
import tty
from collections.abc import Callable, Iterator

LEAVE = b"\x1d"
HINT = "Ctrl-] leaves"
KEY_PIECE = 1024


@contextlib.contextmanager
def raw_mode(fd: int) -> Iterator[None]:
    """Send every key to the board, Ctrl-C included, until the block ends."""
    before = termios.tcgetattr(fd)
    try:
        tty.setraw(fd, termios.TCSADRAIN)  # what is typed already is kept
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


@contextlib.contextmanager
def keys_for_a_script() -> Iterator[Callable[[], bytes]]:
    """Give a function that returns what has been typed by now, for a script that reads it.

    The board echoes it; Ctrl-C still interrupts this program.
    """
    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)

    def typed() -> bytes:
        if not select.select([fd], [], [], 0)[0]:
            return b""
        return os.read(fd, KEY_PIECE).replace(b"\n", b"\r")

    try:
        tty.setcbreak(fd, termios.TCSADRAIN)
        yield typed
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)
