# SPDX-License-Identifier: MIT
"""check_refused(): what passes for a refusal, and how a test reads that ends otherwise."""

from __future__ import annotations

from typing import cast

import pytest

from pimem.board.errors import NoAnswer, ScriptError
from pimem.testing.board_session import Machine
from pimem.testing.refusals import check_refused

RAISED = "Traceback (most recent call last):\n  File 1\nValueError: period 0 is not in 1 to 9\n"


class Board:
    """Ends each script with `error`, or does not."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error
        self.scripts: list[str] = []

    def exec(self, code: str) -> str:
        self.scripts.append(code)
        if self.error:
            raise self.error
        return ""


def check(error: Exception | None, kind: str, *named: str) -> None:
    board = Board(error)
    check_refused(cast(Machine, board), "Timer(0)", kind, *named)
    assert board.scripts == ["Timer(0)"]


@pytest.mark.parametrize("named", [(), ("",), ("period 0",), ("period 0", "1 to 9")])
def test_an_exception_of_the_kind_with_the_texts_is_a_refusal(named: tuple[str, ...]) -> None:
    check(ScriptError(RAISED, ""), "ValueError", *named)


def test_an_exception_without_a_text_has_a_kind() -> None:
    check(ScriptError("MemoryError\n", ""), "MemoryError")


@pytest.mark.parametrize(
    ("error", "kind", "named", "told"),
    [
        (None, "ValueError", (), r"'Timer\(0\)' is not refused; ValueError is expected"),
        (RAISED, "TypeError", (), r"'Timer\(0\)' raises 'ValueError: period 0 .*', not TypeError"),
        (RAISED, "Value", (), "not Value$"),
        (RAISED, "ValueError", ("period 0", "period 7"), r"which has no \['period 7'\] in it"),
        ("ValueError\n", "ValueError", ("0",), r"'ValueError', which has no \['0'\] in it"),
    ],
)
def test_anything_else_fails_the_test_with_what_came_of_it(
    error: str | None, kind: str, named: tuple[str, ...], told: str
) -> None:
    with pytest.raises(AssertionError, match=told):
        check(error and ScriptError(error, ""), kind, *named)


def test_a_board_that_is_lost_refuses_nothing() -> None:
    with pytest.raises(NoAnswer):
        check(NoAnswer("no answer"), "ValueError")
