# SPDX-License-Identifier: MIT
"""A test whose board breaks hardware rules fails, but for those of its marker."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from limits import HANG_SECONDS
from test_command import PAGE

from pimem import ROOT

TESTS = """
import pytest

FORGOT = {script!r}

def test_breaks(board):
    board.exec(FORGOT)

@pytest.mark.breaks_hardware("5b")
def test_breaks_more_than_it_says(board):
    board.exec(FORGOT)

@pytest.mark.breaks_hardware("5b", "5c")
def test_says_what_it_breaks(board):
    board.exec(FORGOT)

@pytest.mark.breaks_hardware("7c")
def test_does_not_break_what_it_says(board):
    board.exec("x = 1")

def test_breaks_nothing(board):
    board.exec("x = 1")

def test_counts_instructions(counted):
    counted.exec("x = 1")
"""
ALL = [
    "test_breaks",
    "test_breaks_more_than_it_says",
    "test_says_what_it_breaks",
    "test_does_not_break_what_it_says",
    "test_breaks_nothing",
    "test_counts_instructions",
]


@pytest.mark.parametrize(
    ("value", "failed"),
    [
        (
            "1",
            ["test_breaks", "test_breaks_more_than_it_says", "test_does_not_break_what_it_says"],
        ),
        ("0", []),
    ],
    ids=["checked", "HWCHECK=0"],
)
def test_the_marker(tmp_path: Path, value: str, failed: list[str]) -> None:
    script = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)[0]
    (tmp_path / "test_own.py").write_text(TESTS.format(script=script))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rA", "-q", "--pimem-board", "RPI3", "test_own.py"],
        cwd=tmp_path,
        env={**os.environ, "HWCHECK": value, "PIMEM_ROOT": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
    )
    results = re.findall(r"^(FAILED|PASSED) \S+::(\w+)", done.stdout, re.MULTILINE)
    assert {name for result, name in results if result == "FAILED"} == set(failed), done.stdout
    assert {name for result, name in results if result == "PASSED"} == {*ALL} - {*failed}
    assert "error" not in done.stdout.splitlines()[-1]
    if failed:
        assert (
            "\nrule 5b: the descriptor for 0x4000000000 is replaced without a break" in done.stdout
        )
        assert "the test does not break 7c, as its marker says" in done.stdout
