# SPDX-License-Identifier: MIT
"""Follow a script that runs on a board: its output, and how it ends.

A script may print anything, also text that looks like a crash report or a boot report. Such text
is held back until it is clear what it is: after a crash a board is silent, and an emulated one
has all its interrupts masked; after a restart the emulator says so, or the board is at its prompt.
Whatever goes on is output.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pimem.board.errors import BoardCrash, BoardError, BoardRestarted, NoAnswer
from pimem.board.line import CRASH_MARK, REPORT_MARK, Sink, begun
from pimem.board.link import END, Link
from pimem.board.text import to_text

QUIET_SECONDS = 1.0  # of silence, after which text that was held back is judged
BRIEF_SECONDS = 0.2  # the same for what may be the beginning of such a text
LINE_BYTES, LINE_SECONDS = 100, 0.5  # the first line of a boot report, and how long it takes
HELD_SECONDS = 15.0  # a crash report takes 0.3 s at 115200 baud, a restart of a Pi 5 s
HELD_BYTES = 32768
BOOT_LINE_SECONDS = 2.0  # from a restart of the emulator to the first line of its boot report
PATIENCE_SECONDS = 60.0  # of silence, after which a user is told how to stop the script

ASK = b"?"  # follows the token where input() asks for a line
BOOT_LINE = re.compile(rb"^[^\r\n]{1,80}, entered at EL\d", re.MULTILINE)
SUSPECT = re.compile(rb"\*\*\* crash|^CRASH \{|^[^\r\n]{1,80}, entered at EL\d", re.MULTILINE)
AT_PROMPT = re.compile(rb"MicroPython [^\r\n]+\r\n[^\r\n]+\r\n>>> \Z")


def _no_keys() -> bytes:
    return b""


@dataclass(frozen=True)
class Company:
    """What goes on beside a script: limits, and a user at a terminal."""

    silence: float = math.inf  # seconds without output after which the script is given up
    keys: Callable[[], bytes] = _no_keys  # what has been typed for the script by now
    #: The next line of stdin, b"" at its end, None while it has not come. None: a terminal.
    lines: Callable[[], bytes | None] | None = None
    hint: Callable[[float], None] | None = None  # called once after PATIENCE_SECONDS of silence


ALONE = Company()


def read_crash_line(line: bytes, after_report: bool) -> dict[str, Any] | None:
    """Return the JSON of a crash line: {} if it is damaged, None if the line is none."""
    try:
        report = json.loads(line[len(CRASH_MARK) - 1 :])
    except ValueError:
        return {} if after_report else None
    return report if isinstance(report.get("cause"), str) else None


def find_crash(data: bytes, *, at_end: bool) -> tuple[int, dict[str, Any]] | None:
    """Return where the last crash report in the data begins, and its JSON; None if there is
    none, or with `at_end` if something follows it."""
    at = max(data.rfind(b"\n" + CRASH_MARK) + 1, 0)
    if not data.startswith(CRASH_MARK, at):
        return None
    line, _, rest = data[at:].partition(b"\n")
    start = data.rfind(REPORT_MARK, 0, at)
    report = read_crash_line(line, start >= 0)
    if report is None or (at_end and rest.strip()):
        return None
    return (start if start >= 0 else at), report


class Follower:
    """Passes a script's output on until `token`, which the script cannot know."""

    def __init__(self, link: Link, token: bytes, sink: Sink, company: Company) -> None:
        self._link = link
        self._token = token
        self._sink = sink
        self._company = company
        self._data = bytearray()  # received and not passed on
        self._fresh = True  # it begins a line
        self._restarts = link.restarts()
        self._last = self._held = time.monotonic()  # of the last byte; when holding back began
        self._hinted = False
        self._asked = False  # input() waits for a line of stdin

    def started(self) -> bool:
        """Wait for the token that precedes the output; False if the script could not be run. What
        callbacks print before it is dropped."""
        before = bytearray()
        end = time.monotonic() + HELD_SECONDS
        while not before.endswith((self._token, END)):
            if time.monotonic() > end:
                said = to_text(bytes(before[-200:]))
                raise NoAnswer(f"the script does not begin; the board sent last {said!r}")
            before += self._link.read_exactly(1)
        if before.endswith(END):
            self._link.unread_again(END)
        # The time it took to send the script is no silence: what it printed may be here unread.
        self._last = self._held = time.monotonic()
        return not before.endswith(END)

    def follow(self) -> None:
        """Return when the token has come; BoardCrash, BoardRestarted or NoAnswer if not."""
        try:
            while not self._ended():
                self._step(time.monotonic() - self._last)
        except BoardError:
            self._pass(self._suspect())
            raise

    def _step(self, quiet: float) -> None:
        self._pass(self._safe(quiet))
        self._judge(quiet)
        self._check_silence(quiet)
        keys = self._company.keys()
        if keys:
            self._link.write(keys)
        if self._asked:
            self._answer()
        self._receive()

    def _answer(self) -> None:
        """Send the line that input() waits for, once it is there."""
        assert self._company.lines
        line = self._company.lines()
        self._last = time.monotonic()
        if line is not None:
            self._asked = False
            text = to_text(line).removesuffix("\n")
            self._link.write((ascii(text) if line else "").encode() + b"\n")

    def _receive(self) -> None:
        data = self._link.receive()
        if data:
            if not self._data:
                self._held = time.monotonic()
            self._data += data
            self._last = time.monotonic()
        # Asked after the data were received: data of before a restart are told from those after.
        if self._link.restarts() > self._restarts:
            self._restarted()

    def _ended(self) -> bool:
        at = self._data.find(self._token)
        if at < 0:
            return False
        self._pass(at)
        del self._data[: len(self._token)]
        if self._company.lines and self._asks():
            self._asked = True
            return False
        self._link.unread_again(bytes(self._data))
        return True

    def _asks(self) -> bool:
        """Return whether the token asked for a line of stdin."""
        if not self._data:
            self._data += self._link.read_exactly(1)
        if not self._data.startswith(ASK):
            return False
        del self._data[: len(ASK)]
        return True

    def _pass(self, count: int) -> None:
        if count > 0:
            data = bytes(self._data[:count])
            del self._data[:count]
            self._fresh = data.endswith(b"\n")
            self._held = time.monotonic()
            self._sink(data)

    def _suspect(self) -> int:
        """Return where text begins that may be a report; the end if there is none."""
        before = b"" if self._fresh else b"."
        found = SUSPECT.search(before + self._data)
        return found.start() - len(before) if found else len(self._data)

    def _safe(self, quiet: float) -> int:
        """Return how much is output and neither a report nor the beginning of one."""
        held = begun(self._data, self._token)
        if quiet < BRIEF_SECONDS:
            held = max(held, begun(self._data, REPORT_MARK), self._line_begun())
        return min(self._suspect(), len(self._data) - held)

    def _line_begun(self) -> int:
        """Return the length of an incomplete line that may become one of a report."""
        line = bytes(self._data[self._data.rfind(b"\n") + 1 :])
        if len(line) == len(self._data) and not self._fresh:
            return 0
        # Without an emulator that tells of it, a restart is known by its boot report alone.
        recent = time.monotonic() - self._held < LINE_SECONDS
        may_boot = not self._link.tells_restarts and recent and len(line) < LINE_BYTES
        return len(line) if may_boot or CRASH_MARK.startswith(line) else 0

    def _judge(self, quiet: float) -> None:
        """Decide what was held back, once it is complete."""
        if quiet >= QUIET_SECONDS:
            if not self._link.tells_restarts and AT_PROMPT.search(self._link.recent()):
                self._at_a_prompt()
            found = find_crash(bytes(self._data), at_end=True)
            if found and self._link.halted():
                raise self._crash(*found)
        elif len(self._data) < HELD_BYTES and time.monotonic() - self._held < HELD_SECONDS:
            return
        self._pass(len(self._data) - begun(self._data, self._token))

    def _crash(self, start: int, report: dict[str, Any]) -> BoardCrash:
        self._pass(start)
        return self._link.crash(report, to_text(bytes(self._data)))

    def _at_a_prompt(self) -> None:
        """Raise what a prompt of a board without an emulator means."""
        found = find_crash(bytes(self._data), at_end=False)
        crash = self._crash(*found) if found else None
        raise BoardRestarted(
            crash, at_prompt=True, text="" if crash else to_text(bytes(self._data))
        )

    def _restarted(self) -> None:
        """Raise what a restart of the emulator means; what follows it goes back to the link."""
        end = time.monotonic() + BOOT_LINE_SECONDS
        while not (boot := BOOT_LINE.search(self._data)) and time.monotonic() < end:
            self._data += self._link.receive()
        at = boot.start() if boot else len(self._data)
        self._link.unread_again(bytes(self._data[at:]))
        del self._data[at:]
        found = find_crash(bytes(self._data), at_end=False)
        crash = self._crash(*found) if found else None
        if not crash:
            self._pass(len(self._data))
        raise BoardRestarted(crash)

    def _check_silence(self, quiet: float) -> None:
        limit = self._company.silence
        if quiet > limit:
            raise NoAnswer(f"the script was silent for {limit:g} s, the limit that --timeout sets")
        if self._company.hint and quiet > PATIENCE_SECONDS and not self._hinted:
            self._hinted = True
            self._company.hint(quiet)
