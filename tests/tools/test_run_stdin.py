# SPDX-License-Identifier: MIT
"""What input() of a script gets where stdin is no terminal; and commands without any stdin."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_board import FakeBoard
from limits import HANG_SECONDS

LIMIT_SECONDS = 2
Pimem = Callable[..., "subprocess.CompletedProcess[str]"]
#: `input` of the fake board is that of its module builtins.
ASK = """\
ask = __import__("builtins").input
try:
    print([ask("a? "), ask()])
    ask(7)
except EOFError:
    print("end")
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "ask.py"
    path.write_text(ASK)
    return path


@pytest.mark.parametrize(
    ("stdin", "printed"),
    [
        ("x\ny\n", "a? ['x', 'y']\n7end\n"),
        ("é€\n", "a? end\n"),
        ("\nit's\\n", "a? ['', \"it's\\\\n\"]\n7end\n"),
        ("", "a? end\n"),
    ],
)
def test_input_reads_a_pipe_up_to_its_end(
    pimem: Pimem, fake: FakeBoard, script: Path, stdin: str, printed: str
) -> None:
    done = pimem("run", str(script), "--port", fake.url, stdin=stdin)
    assert (done.returncode, done.stdout, done.stderr) == (0, printed, "")


def test_input_waits_for_a_line_of_a_pipe(fake: FakeBoard, script: Path) -> None:
    command = [sys.executable, "-m", "pimem", "run", str(script), "--port", fake.url]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [*command, "--timeout", str(LIMIT_SECONDS)], stdin=pipe, stdout=pipe, text=True
    ) as child:
        assert child.stdin and child.stdout
        assert child.stdout.read(len("a? ")) == "a? "
        time.sleep(LIMIT_SECONDS + 1)
        child.stdin.write("late\nlater\n")
        child.stdin.flush()
        assert child.stdout.readline() == "['late', 'later']\n"
        child.stdin.close()
        assert (child.wait(HANG_SECONDS), child.stdout.read()) == (0, "7end\n")


def test_behind_a_script_on_stdin_there_is_no_line(pimem: Pimem, fake: FakeBoard) -> None:
    done = pimem("run", "--port", fake.url, stdin="__import__('builtins').input('name? ')")
    assert (done.returncode, done.stdout) == (1, "name? ")
    assert done.stderr.endswith("EOFError\n")
    assert "_pimem" not in done.stderr


def shell(command: str, *args: str) -> subprocess.CompletedProcess[str]:
    line = f'"$0" -m pimem "$@" {command}'
    return subprocess.run(
        ["sh", "-c", line, sys.executable, *args],
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
    )


def test_a_closed_stdin_has_no_line(fake: FakeBoard, script: Path) -> None:
    done = shell("<&-", "run", str(script), "--port", fake.url)
    assert (done.returncode, done.stdout, done.stderr) == (0, "a? end\n", "")


def test_a_closed_stdin_is_no_terminal() -> None:
    done = shell("<&-", "repl")
    assert (done.returncode, done.stderr) == (
        2,
        "pimem: repl needs a terminal; `run` takes a script on stdin\n",
    )


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_output_ends_nothing(fake: FakeBoard, tmp_path: Path, closed: str) -> None:
    script = tmp_path / "print.py"
    script.write_text("print(1)\n")
    done = shell(closed, "run", str(script), "--port", fake.url)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("limit", ["0", "-1", "nan", "soon", ""])
@pytest.mark.parametrize(
    "words", ["run --timeout", "monitor --wait", "monitor --seconds", "bringup --first"]
)
def test_a_limit_is_a_number_above_0(pimem: Pimem, words: str, limit: str) -> None:
    if (words, limit) == ("monitor --wait", "0"):
        return  # it does not wait
    command, option = words.split()
    done = pimem(command, f"{option}={limit}", "--port", "none")
    assert done.returncode == 2
    assert done.stderr.endswith(f"argument {option}: '{limit}' is no number of seconds above 0\n")
