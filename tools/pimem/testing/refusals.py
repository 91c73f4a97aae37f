# SPDX-License-Identifier: MIT
"""How a test tells that a board refuses what a script asks for."""

from __future__ import annotations

from pimem.board.errors import ScriptError
from pimem.testing.board_session import Machine


def check_refused(board: Machine, code: str, kind: str, *named: str) -> None:
    """Run a script that has to end with an exception of this kind, whose text has each of
    `named` in it. AssertionError, with the script and what came of it, where it does not."""
    try:
        board.exec(code)
    except ScriptError as exc:
        found = str(exc)
        missing = [text for text in named if text not in found]
    else:
        raise AssertionError(f"{code!r} is not refused; {kind} is expected")
    if found.partition(":")[0] != kind:
        raise AssertionError(f"{code!r} raises {found!r}, not {kind}")
    if missing:
        raise AssertionError(f"{code!r} raises {found!r}, which has no {missing} in it")
