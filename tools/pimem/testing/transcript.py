# SPDX-License-Identifier: MIT
"""What went over a board's serial line during one test, for the report of a failure."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

SHOWN_LINES = 30


class Transcript:
    """What went over a board's line during one test, in both directions."""

    def __init__(self) -> None:
        self._pieces: list[tuple[str, bytes]] = []

    def clear(self) -> None:
        self._pieces.clear()

    def __call__(self, direction: str, data: bytes) -> None:
        if self._pieces and self._pieces[-1][0] == direction:
            data = self._pieces.pop()[1] + data
        self._pieces.append((direction, data))

    def lines(self) -> list[str]:
        """Return lines with `<` before what the board sent and `>` before what it was sent."""
        lines = []
        for direction, data in self._pieces:
            text = data.decode("utf-8", "backslashreplace").replace("\r\n", "\n")
            text = re.sub(r"[^\n -~\x80-\U0010ffff]", lambda c: f"\\x{ord(c[0]):02x}", text)
            lines += [f"{direction} {line}" for line in text.removesuffix("\n").split("\n")]
        return lines

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
    tail = "\n".join(transcript.lines()[-SHOWN_LINES:])
    if not tail:
        return
    title = "serial line, its end"
    if folder is not None:
        try:
            title = f"serial line, all of it in {transcript.write(folder, report.nodeid)}"
        except OSError as exc:
            title = f"serial line, its end; all of it cannot be kept: {exc}"
    report.sections.append((title, tail))
