# SPDX-License-Identifier: MIT
"""Real boards for the target tests: one port each, all at once if there are several.

--port URL            the board of --board
--port BOARD=URL      another one; the option may be given many times

With pytest-xdist (`-n N` for N ports) each board has a worker of its own. $PIMEM_RESET is the
sequence that resets them over DTR and RTS; without it a board that has crashed resets itself.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
import rig

from pimem.board import boards
from pimem.board.link import BoardError
from pimem.commands import reset
from pimem.exits import CommandError

SHOWN_LINES = 30


@dataclass(frozen=True)
class Place:
    """A board to be tested: an emulated one, or the one at the end of a port."""

    board: str
    port: str | None = None

    def __str__(self) -> str:
        return f"{self.board}@{self.port}" if self.port else self.board

    def parameter(self) -> object:
        """For parametrize: the place is part of each test's name."""
        return pytest.param(self, id=str(self))


def parse_port(text: str, board: str | None) -> Place:
    name, equals, url = text.partition("=")
    if equals and name in boards.names():
        return Place(name, url)
    if board is None:
        raise pytest.UsageError(f"--port {text} needs --board: which board is there?")
    return Place(board, text)


def places(config: pytest.Config) -> list[Place]:
    """What the command line asks for; every emulated board if it asks for nothing."""
    board, ports = config.getoption("--board"), config.getoption("--port")
    if ports:
        return [parse_port(each, board) for each in ports]
    return [Place(name) for name in ([board] if board else rig.BOARDS)]


def answer(place: Place) -> str | None:
    """What is wrong with the board on this port; if it is not there, what was tried."""
    assert place.port
    sequence = reset.configured(None)
    try:
        with contextlib.closing(rig.attach(place.board, place.port, sequence)) as machine:
            found = machine.eval("memory.report()['board']", "import memory")
        return None if found == place.board else f"{place}: the board there is {found}"
    except (BoardError, CommandError, reset.NotReset) as exc:
        return f"{place}: {exc}"


def check_ports(found: Sequence[Place]) -> None:
    """Ends the run at once if one of the boards is not there: nothing could come of it."""
    real = [place for place in found if place.port]
    if not real:
        return
    twice = {place.port for place in real if [each.port for each in real].count(place.port) > 1}
    if twice:
        raise pytest.UsageError(f"--port {', '.join(map(str, twice))} is given twice")
    with ThreadPoolExecutor(len(real)) as pool:
        problems = [problem for problem in pool.map(answer, real) if problem]
    if problems:
        pytest.exit("\n".join(problems), returncode=pytest.ExitCode.TESTS_FAILED)


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
        """`<` is what the board sent, `>` what it was sent; control characters by number."""
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
    """Transcripts of earlier runs, which would pass for failures of this one."""
    for path in folder.glob("*.txt"):
        path.unlink(missing_ok=True)


def attach_transcript(report: pytest.TestReport, transcript: Transcript, folder: Path) -> None:
    """Keeps the transcript of a failed test, and shows its end in the report."""
    path = transcript.write(folder, report.nodeid)
    tail = "\n".join(transcript.lines()[-SHOWN_LINES:])
    report.sections.append((f"serial line, all of it in {path}", tail))
