# SPDX-License-Identifier: MIT
"""One who types at a terminal."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from terminals import Typist

# Loses the end of the second line that is not empty, and ends at `end`.
FORGETS = """
lines = 0
while (line := input(">>> ")) != "end":
    lines += bool(line)
    print("SyntaxError" if lines == 2 else line.upper())
"""
GIVES_UP = FORGETS.replace("lines == 2", "line")


def act(code: str, folder: Path) -> bool:
    typist = Typist([sys.executable, "-c", code], folder, dict(os.environ))
    typist.SECONDS = 3
    return typist.act(">>> ", (("one\r", "ONE"), ("two\r", "TWO"), ("", ">>> ")), "end\r")


def test_a_line_that_arrives_damaged_is_typed_again(tmp_path: Path) -> None:
    assert act(FORGETS, tmp_path)


def test_a_line_without_an_answer_is_a_failure(tmp_path: Path) -> None:
    assert not act(GIVES_UP, tmp_path)
