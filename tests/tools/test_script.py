# SPDX-License-Identifier: MIT
"""How a script ends: its exit code, and a traceback that is its own."""

from __future__ import annotations

import pytest

from pimem.board import script
from pimem.board.link import ScriptError
from pimem.exits import Refusal

FRAMES = '  File "<stdin>", line 7, in <module>\n  File "<stdin>", line 4, in _pimem_run\n'


@pytest.mark.parametrize(
    ("value", "code", "text"),
    [
        (None, 0, ""),
        (0, 0, ""),
        (5, 5, ""),
        (-1, 255, ""),
        (256, 0, ""),
        (True, 1, ""),
        ("why", 1, "why\n"),
        ((1, 2), 1, "(1, 2)\n"),
    ],
)
def test_the_exit_code_is_what_cpython_makes_of_it(value: object, code: int, text: str) -> None:
    error = ScriptError(f"Traceback (most recent call last):\n{FRAMES}PimemExit: {value!r}\n", "")
    ended = script.outcome(error)
    assert isinstance(ended, script.ScriptExit)
    assert (ended.code, ended.text) == (code, text)


def test_a_value_that_only_the_board_knows_is_shown() -> None:
    ended = script.outcome(ScriptError("Traceback:\nPimemExit: <Frames 0x1000 +1>\n", ""))
    assert isinstance(ended, script.ScriptExit)
    assert (ended.code, ended.text) == (1, "<Frames 0x1000 +1>\n")


@pytest.mark.parametrize("last", ["ValueError: PimemExit: 3", "OSError: [Errno 2] ENOENT"])
def test_a_traceback_has_the_scripts_own_frames_only(last: str) -> None:
    own = f'  File "<stdin>", line 2, in <module>\n{last}\n'
    head = "Traceback (most recent call last):\n"
    ended = script.outcome(ScriptError(head + FRAMES + own, "said"))
    assert isinstance(ended, ScriptError)
    assert (ended.traceback, ended.output) == (head + own, "said")


def test_a_script_that_is_no_text_is_refused() -> None:
    with pytest.raises(Refusal, match="the script is not UTF-8: .* position 2"):
        script.wrap(b"ab\xff")
