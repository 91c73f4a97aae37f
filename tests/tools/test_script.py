# SPDX-License-Identifier: MIT
"""How a script ends: its exit code, and a traceback that is its own."""

from __future__ import annotations

import pytest

from pimem.board import script
from pimem.board.link import ScriptError
from pimem.exits import Refusal

FRAMES = '  File "<stdin>", line 9, in _pimem_run\n'


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
    ended = script.outcome(f"X{value!r}")
    assert isinstance(ended, script.ScriptExit)
    assert (ended.code, ended.text) == (code, text)


def test_a_value_that_only_the_board_knows_is_shown() -> None:
    ended = script.outcome("X<Frames 0x1000 +1>")
    assert isinstance(ended, script.ScriptExit)
    assert (ended.code, ended.text) == (1, "<Frames 0x1000 +1>\n")


@pytest.mark.parametrize("last", ["ValueError: X3", "OSError: [Errno 2] ENOENT"])
def test_a_traceback_has_the_scripts_own_frames_only(last: str) -> None:
    own = f'  File "<stdin>", line 2, in <module>\n{last}\n'
    head = "Traceback (most recent call last):\n"
    ended = script.outcome("E" + head + FRAMES + own)
    assert isinstance(ended, ScriptError)
    assert ended.traceback == head + own


def test_a_script_that_comes_to_its_end_has_no_outcome() -> None:
    assert script.outcome("") is None


def test_a_script_that_is_no_text_is_refused() -> None:
    with pytest.raises(Refusal, match="the script is not UTF-8: .* position 2"):
        script.to_source(b"ab\xff")


def test_the_mark_of_utf_8_is_no_part_of_a_script() -> None:
    assert script.to_source(b"\xef\xbb\xbfprint('\xc3\xa9')") == "print('é')"
