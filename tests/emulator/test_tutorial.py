# SPDX-License-Identifier: MIT
"""The whole tutorial, typed at one terminal as a reader does: crash, exercises and C included."""

from __future__ import annotations

import contextlib
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pimem import ROOT
from pimem.board.link import PROMPT, Link
from pimem.dev import pages
from pimem.dev.pages import Block, Comparison, Step, read_blocks
from pimem.dev.retype import Reader, Session, at_a_terminal

TUTORIAL = ROOT / "docs" / "tutorial.md"
BOARD = "RPI4"
HEADINGS = (
    "Page tables of your own",
    "What is refused",
    "Faults",
    "Pagers",
    "Blocks",
    "Code",
    "A program at EL0",
    "A program in C",
    "The heaps",
    "A crash",
    "Exercises",
    "Answers",
)


def type_page(
    page: Path, reader: Reader, *, same_board: bool = True
) -> Iterator[tuple[Block, Step]]:
    """Does what the page says and compares. Addresses and dates may differ, and nothing else."""
    typed: set[int] = set()
    for block in read_blocks(page):
        typed |= pages.typed_numbers(block.text)
        assert block.is_transcript or block.language == "c", f"line {block.line} is not typed"
        comparison = Comparison(typed, same_board=same_board)
        for step, got in reader.steps(block):
            if step.expected and step.expected[0] in reader.instead:
                assert len(got) == 1  # the bytes depend on the compiler
            else:
                same = comparison.same(step.expected, got)
                assert same, pages.difference(page.name, step, got)
            yield block, step


def test_the_whole_tutorial_at_one_terminal(tmp_path: Path) -> None:
    with at_a_terminal(BOARD) as session:
        done = list(type_page(TUTORIAL, Reader(session, tmp_path)))
    starts = [step for _, step in done if step.source == ["make run"]]
    crashes = [block for block, _ in done if "crash" in block.options]
    assert len(starts) == 2 and crashes
    assert len(done) > 150


def test_the_readme_at_one_terminal(tmp_path: Path) -> None:
    """Its counts of frames depend on the build."""
    with at_a_terminal(BOARD) as session:
        done = list(type_page(ROOT / "README.md", Reader(session, tmp_path), same_board=False))
    assert done[0][1].source == ["make run"] and len(done) > 15


def test_indented_blocks_are_typed_and_pasted_as_the_page_says() -> None:
    with at_a_terminal(BOARD) as session:
        session.start()
        for line in ("for n in range(2):", "if n:", "print('typed', n)"):
            session.write(line.encode() + b"\r")
            session.read_until(b"\r\n... ")
        shown = b""
        while not shown.endswith(PROMPT):  # Enter on empty lines, until >>> is back
            session.write(b"\r")
            shown = session.read_until(b"\r\n... ", PROMPT)
        assert b"typed 1\r\n>>> " in shown
        session.write(b"\x05")
        session.read_until(b"=== ")
        session.write(b"for n in range(2):\r    if n:\r        print('pasted', n)\r\x04")
        assert b"pasted 1\r\n>>> " in session.read_until(PROMPT)


def test_the_tutorial_has_its_order() -> None:
    heads = re.findall(r"^## (.*)$", TUTORIAL.read_text(), re.MULTILINE)
    assert [head for head in heads if head in HEADINGS] == list(HEADINGS)
    exercises, answers = (
        re.findall(pattern, TUTORIAL.read_text(), re.MULTILINE)
        for pattern in (r"^([1-9])\. \*\*", r"^\*\*([1-9])\.\*\*")
    )
    assert exercises == answers == list("12345")


def test_a_wrong_page_is_noticed(tmp_path: Path) -> None:
    text = TUTORIAL.read_text()
    assert "\n(1, 4096)\n" in text
    (tmp_path / "page.md").write_text(text.replace("\n(1, 4096)\n", "\n(1, 4095)\n"))
    with at_a_terminal(BOARD) as session, pytest.raises(AssertionError, match="page.count"):
        list(type_page(tmp_path / "page.md", Reader(session, tmp_path)))


# The way for larger programs: mpremote, and QEMU started by hand


def shell_commands(word: str) -> list[list[str]]:
    found = re.findall(r"^```sh\n(.*?)^```$", TUTORIAL.read_text(), re.MULTILINE | re.DOTALL)
    (block,) = (text for text in found if text.startswith(word))
    return [shlex.split(line) for line in block.splitlines()]


@contextlib.contextmanager
def started_by_hand() -> Iterator[str]:
    """The port of a board that the page's QEMU command starts."""
    (command,) = shell_commands("qemu-system-aarch64")
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout
            match = re.search(r"/dev/pts/\d+", child.stdout.readline())
            assert match
            with Link(match[0]) as link:
                end = time.monotonic() + 60
                while PROMPT not in link.receive() and time.monotonic() < end:
                    link.write(b"\r")
            yield match[0]
        finally:
            child.kill()


def test_a_program_goes_to_the_board_as_a_file(tmp_path: Path) -> None:
    reader = Reader(Session([]), tmp_path)
    blocks = read_blocks(TUTORIAL)
    compiler = [b for b in blocks if b.language == "c" or "gcc" in b.text]
    for block in compiler:
        list(reader.steps(block))
    reader.session.close()
    *setup, terminal = shell_commands("mpremote")
    assert terminal == ["mpremote", "connect", "PORT", "repl"]
    run = (
        "from memory import user; "
        "print(user.run(open('/primes.bin', 'rb').read(), handler=lambda n, r: n or user.EXIT).x0)"
    )
    with started_by_hand() as port:
        for command in [*setup, ["mpremote", "connect", "PORT", "exec", run]]:
            command[command.index("PORT")] = port
            done = subprocess.run(
                [sys.executable, "-m", *command],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                timeout=60,
            )
            assert done.returncode == 0, done.stderr + done.stdout
    assert done.stdout.split() == ["8"]
