# SPDX-License-Identifier: MIT
"""What can go wrong on a board or on the line to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pimem.board import symbols
from pimem.exits import CRASHED, FAILED, OK, SILENT, CommandError


class BoardError(CommandError):
    """Something went wrong on the other end of the line."""


class BoardCrash(BoardError):
    """The board crashed or stopped: `report` is its JSON ({} if none), `text` what led there."""

    code = CRASHED

    def __init__(
        self, reason: str, report: dict[str, Any], text: str, elf: Path | None = None
    ) -> None:
        """Note what happened; with `elf`, to look addresses up in, the details name functions."""
        super().__init__(reason)
        self.report = report
        self.text = text
        self.elf = elf

    def details(self) -> str:
        return self.text + (symbols.explain(self.report, self.elf) if self.elf else "")


class BoardRestarted(BoardError):
    """The board restarted while a script ran, after a `crash` or because it was reset."""

    def __init__(
        self, crash: BoardCrash | None = None, *, at_prompt: bool = False, text: str = ""
    ) -> None:
        """Note what is known: whether its prompt is there, and `text`, what it printed last."""
        super().__init__("the board restarted")
        self.crash = crash
        self.at_prompt = at_prompt
        self.text = text
        self.code = CRASHED if crash else OK

    def details(self) -> str:
        return self.crash.details() if self.crash else self.text


class NoAnswer(BoardError):
    """The board sent nothing, or nothing sensible, within the time limit."""

    code = SILENT


class ScriptError(BoardError):
    """A script ended with an uncaught exception: `traceback` as the board printed it."""

    code = FAILED

    def __init__(self, traceback: str, output: str) -> None:
        super().__init__(traceback.strip().rsplit("\n", 1)[-1])
        self.traceback = traceback
        self.output = output

    def details(self) -> str:
        return self.traceback

    def message(self) -> str:
        return ""
