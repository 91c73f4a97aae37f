# SPDX-License-Identifier: MIT
"""How a script ends: its exit code, and a traceback that is its own."""

from __future__ import annotations

import contextlib
import re
from typing import Any, cast

import pytest

from pimem.board import script
from pimem.board.errors import BoardRestarted, ScriptError
from pimem.board.link import Link
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


class RestartsAtOnce:
    """A board that a script resets before the host looks for its output."""

    tells_restarts = True

    def __init__(self) -> None:
        self.count = 0
        self.data = b""

    def paste(self, source: bytes) -> None:
        token = re.findall(rb"x1e([0-9a-f]+)", source)[0]
        self.data = b"\x1e" + token + b"\x1eout\r\nA board, entered at EL1\r\n>>> "
        self.count += 1

    def restarts(self) -> int:
        return self.count

    def crashes_are_output(self) -> contextlib.nullcontext[None]:
        return contextlib.nullcontext()

    def read_exactly(self, count: int) -> bytes:
        data, self.data = self.data[:count], self.data[count:]
        return data

    def receive(self) -> bytes:
        return self.read_exactly(len(self.data))

    def unread_again(self, data: Any) -> None:
        self.data = bytes(data) + self.data

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} is not asked of a board that has restarted")


def test_a_restart_before_the_first_look_is_noticed() -> None:
    board, said = RestartsAtOnce(), bytearray()
    with pytest.raises(BoardRestarted):
        script.execute(cast(Link, board), b"reset()", said.extend)
    assert said == b"out\r\n" and board.data.startswith(b"A board, entered at EL1")
