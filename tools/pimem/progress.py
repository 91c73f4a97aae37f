# SPDX-License-Identifier: MIT
"""How far a long step is: one line that changes on a terminal, a line every 10 % elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

REDRAW_SECONDS = 0.1
MEGABYTE = 1e6


class Progress:
    """Counts bytes up to `total`; as a context manager it leaves a finished line behind."""

    def __init__(
        self,
        what: str,
        total: int,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.what = what
        self.total = total
        self.done = 0
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._clock = clock
        self._start = self._drawn = clock()
        self._tenths = 0
        self._width = 0

    def advance(self, count: int) -> None:
        self.done += count
        if self._live:
            if self._clock() - self._drawn >= REDRAW_SECONDS:
                self._draw()
        elif self.total and self.done * 10 // self.total > self._tenths:
            self._tenths = self.done * 10 // self.total
            print(self.text(), file=self._stream, flush=True)

    def text(self) -> str:
        elapsed = self._clock() - self._start
        percent = 100 * self.done // self.total if self.total else 100
        size = f"{self.done / MEGABYTE:.1f} of {self.total / MEGABYTE:.1f} MB"
        line = f"{self.what}: {percent:3d} %, {size}"
        if elapsed <= 0 or not self.done:
            return line
        rate = self.done / elapsed
        left = (self.total - self.done) / rate
        return f"{line}, {rate / MEGABYTE:.1f} MB/s, {left:.0f} s left"

    def _draw(self) -> None:
        line = self.text()
        self._stream.write("\r" + line.ljust(self._width))
        self._stream.flush()
        self._width = len(line)
        self._drawn = self._clock()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._draw()
            self._stream.write("\n")
            self._stream.flush()
