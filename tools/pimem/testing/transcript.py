# SPDX-License-Identifier: MIT
"""What went over a board's serial line during one test, for the report of a failure."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from pathlib import Path

import pytest

SHOWN_LINES, SHOWN_CHARACTERS = 30, 8000  # a line may have no end
KEPT_BYTES = 1024 * 1024

Piece = tuple[str, bytearray]  # a direction, '<' from the board or '>' to it, and what it sent


def lines_of(pieces: Iterable[Piece]) -> list[str]:
    lines = []
    for direction, data in pieces:
        text = data.decode("utf-8", "backslashreplace").replace("\r\n", "\n")
        text = re.sub(r"[^\n -~\x80-\U0010ffff]", lambda c: f"\\x{ord(c[0]):02x}", text)
        lines += [f"{direction} {line}" for line in text.removesuffix("\n").split("\n")]
    return lines


class Transcript:
    """What went over a board's line during one test, in both directions: the first KEPT_BYTES and
    at least the last, so that a board that prints without end does not fill the memory."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self._begun: list[Piece] = []  # the first KEPT_BYTES, once there are more than is kept
        self._left_out = 0  # bytes between these and the others
        self._rest: deque[Piece] = deque()
        self._size = 0  # of the rest

    def __call__(self, direction: str, data: bytes) -> None:
        if not self._rest or self._rest[-1][0] != direction:
            self._rest.append((direction, bytearray()))
        self._rest[-1][1].extend(data)
        self._size += len(data)
        if self._size > 2 * KEPT_BYTES:
            self._shorten()

    def _shorten(self) -> None:
        if not self._begun:
            self._begun = self._take(KEPT_BYTES)
        surplus = self._size - KEPT_BYTES
        self._take(surplus)
        self._left_out += surplus

    def _take(self, count: int) -> list[Piece]:
        """Remove the first bytes of the rest; return them."""
        taken = []
        self._size -= count
        while count:
            direction, data = self._rest[0]
            taken.append((direction, data[:count]))
            count -= len(taken[-1][1])
            del data[: len(taken[-1][1])]
            if not data:
                self._rest.popleft()
        return taken

    @property
    def is_whole(self) -> bool:
        return not self._left_out

    def lines(self) -> list[str]:
        """Return lines with `<` before what the board sent and `>` before what it was sent."""
        lines = lines_of(self._begun)
        if not self.is_whole:
            lines.append(f"({self._left_out} bytes left out)")
        return lines + lines_of(self._rest)

    def write(self, folder: Path, test: str) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / (re.sub(r"[^\w.@-]+", "_", test)[-180:] + ".txt")
        path.write_text("\n".join(self.lines()) + "\n", encoding="utf-8")
        return path


def remove_old(folder: Path) -> None:
    """Remove transcripts of earlier runs, which look like failures of this one."""
    for path in folder.glob("*.txt"):
        path.unlink(missing_ok=True)


def attach_transcript(
    report: pytest.TestReport, transcript: Transcript, folder: Path | None
) -> None:
    """Show the end of the transcript in the report of a failed test; keep it in `folder`."""
    tail = "\n".join(transcript.lines()[-SHOWN_LINES:])[-SHOWN_CHARACTERS:]
    if not tail:
        return
    title = "serial line, its end"
    if folder is not None:
        try:
            what = "all of it" if transcript.is_whole else "its beginning and end"
            title = f"serial line, {what} in {transcript.write(folder, report.nodeid)}"
        except OSError as exc:
            title = f"serial line, its end; all of it cannot be kept: {exc}"
    report.sections.append((title, tail))
