# SPDX-License-Identifier: MIT
"""What a board says between power on and its prompt."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from pimem.board.errors import BoardCrash, BoardError
from pimem.board.line import MOST_BYTES, Line
from pimem.board.link import BANNER, PROMPT
from pimem.board.text import to_text

#: How a bring-up image says which place of the boot it has reached.
MARK = re.compile(r"\[boot (\d+) of (\d+): ([^\]\r\n]+)\]")
#: The beginnings of the boot report's lines, in their order.
REPORT_LINES = ("RAM ", "reserved ", "frames ", "kernel ", "TTBR1 ", "TTBR0 ", "heap ", "MMU ")
#: Seconds from the first byte. A board that is reset again and again, and a line that only has
#: noise, never fall silent.
LONGEST = 120.0
LEAST_READABLE = 0.7  # the share of printable bytes below which it is no text
READABLE = frozenset(b"\t\r\n\x1b" + bytes(range(32, 127)))


@dataclass(frozen=True)
class Heard:
    """All that came, and what ended the listening."""

    data: bytes
    crash: BoardCrash | None = None
    trouble: str = ""  # why the line itself ended

    @property
    def text(self) -> str:
        return to_text(self.data)

    @property
    def at_prompt(self) -> bool:
        return self.data.endswith(PROMPT) and BANNER in self.data

    @property
    def place(self) -> int:
        """The number of the last place that a bring-up image named, 0 without one."""
        marks = MARK.findall(self.text)
        return int(marks[-1][0]) if marks else 0

    @property
    def readable(self) -> bool:
        return sum(byte in READABLE for byte in self.data) >= LEAST_READABLE * len(self.data)

    @property
    def report_lines(self) -> list[str]:
        """The lines of the boot report that came whole."""
        whole = self.text.splitlines(keepends=True)
        return [line.rstrip() for line in whole if line.endswith("\n") and is_report(line)]


def is_report(line: str) -> bool:
    return line.startswith(REPORT_LINES) or ", entered at EL" in line


def listen(
    line: Line,
    *,
    first: float,
    silence: float,
    longest: float = LONGEST,
    hear: Callable[[bytes], None] | None = None,
) -> Heard:
    """Listen until the prompt, a crash report, or silence.

    `first` limits the wait for the first byte, `silence` the one between two bytes, `longest` all
    that follows the first, in seconds; MOST_BYTES limits what follows it too. `hear` gets what
    comes as it comes.
    """
    data = bytearray()
    end = time.monotonic() + first
    last = float("inf")
    while time.monotonic() < end:
        try:
            piece = line.receive()
        except BoardError as exc:
            data += line.unread()
            crash = exc if isinstance(exc, BoardCrash) and exc.report else None
            return Heard(bytes(data), crash, "" if crash else str(exc))
        if not piece:
            continue
        data += piece
        if hear:
            hear(piece)
        last = min(last, time.monotonic() + longest)
        end = time.monotonic() + silence
        if data.endswith(PROMPT) and Heard(bytes(data)).at_prompt:
            break
        if time.monotonic() > last:
            return Heard(bytes(data), None, f"no prompt in {longest:g} s of output")
        if len(data) > MOST_BYTES:
            return Heard(bytes(data), None, f"no prompt in {MOST_BYTES >> 20} MiB of output")
    return Heard(bytes(data))
