# SPDX-License-Identifier: MIT
"""A terminal on a board's serial line."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import termios
import tty
from collections.abc import Iterator

from pimem.link import Link

LEAVE = b"\x1d"
HINT = "Ctrl-] leaves"


@contextlib.contextmanager
def raw_mode(fd: int) -> Iterator[None]:
    """Every key goes to the board, Ctrl-C included, until the block ends."""
    before = termios.tcgetattr(fd)
    try:
        tty.setraw(fd)
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


def interact(link: Link) -> None:
    """Joins this process's terminal to the line until LEAVE is typed or the board is gone."""
    keys, screen = sys.stdin.fileno(), sys.stdout.fileno()
    with raw_mode(keys):
        try:
            while True:
                os.write(screen, link.receive())
                if not select.select([keys], [], [], 0)[0]:
                    continue
                typed = os.read(keys, 1024)
                before, leave, _ = typed.partition(LEAVE)
                link.write(before)
                if leave or not typed:
                    return
        finally:
            os.write(screen, b"\r\n")
