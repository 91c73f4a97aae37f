# SPDX-License-Identifier: MIT
"""Shows on a terminal that a download or an installation by another program goes on.

Such a program tells nothing that could be counted, so the size of the files that it writes is
shown instead, and how long it takes. In a pipe nothing is shown.

Standard library only: set-up runs before anything else is installed.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from pimem.progress import MEGABYTE

REDRAW_SECONDS = 0.5
#: Nothing is drawn for what is over by then.
QUIET_SECONDS = 1.0
_shown = threading.Lock()


def size_of(place: Path) -> int:
    """Return the bytes of a file, or of all files below a folder; 0 where there is nothing."""
    try:
        if not place.is_dir():
            return place.stat().st_size
        return sum(size_of(each) for each in place.iterdir() if not each.is_symlink())
    except OSError:  # gone in the meantime, or not for us to see
        return 0


def text(what: str, size: int, total: int, seconds: float) -> str:
    """Return the line that is shown."""
    if total:
        percent = min(100, 100 * size // total)
        amount = f"{percent:3d} %, {size / MEGABYTE:.1f} of {total / MEGABYTE:.1f} MB"
    else:
        amount = f"{size / MEGABYTE:.1f} MB"
    return f"{what}: {amount}, {seconds:.0f} s"


def watch(what: str, place: Path, total: int, stream: TextIO, ended: threading.Event) -> None:
    """Draw the line again and again until `ended`, then leave the terminal's line empty."""
    start, before, width = time.monotonic(), size_of(place), 0
    while not ended.wait(REDRAW_SECONDS):
        seconds = time.monotonic() - start
        if seconds < QUIET_SECONDS:
            continue
        line = text(what, max(0, size_of(place) - before), total, seconds)
        stream.write("\r" + line.ljust(width))
        stream.flush()
        width = len(line)
    if width:
        stream.write("\r" + " " * width + "\r")
        stream.flush()


@contextlib.contextmanager
def shown(what: str, place: Path, total: int = 0, stream: TextIO | None = None) -> Iterator[None]:
    """Show how `place`, a file or a folder, grows while the block runs.

    A block within another one shows nothing of its own.
    """
    stream = stream or sys.stderr
    if not stream.isatty() or not _shown.acquire(blocking=False):
        yield
        return
    ended = threading.Event()
    watcher = threading.Thread(target=watch, args=(what, place, total, stream, ended), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
        _shown.release()
