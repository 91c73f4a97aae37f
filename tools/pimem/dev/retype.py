# SPDX-License-Identifier: MIT
"""Do what a page of the documentation says, at a terminal, and correct the page.

`python -m pimem.dev.retype docs/tutorial.md` types the page and puts what was printed in the place
of what the page says. pimem.dev.pages says how a page is read.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pimem import ROOT
from pimem.board.errors import NoAnswer
from pimem.board.link import PROMPT
from pimem.board.text import to_text
from pimem.dev.pages import Block, Comparison, Step, printed, read_blocks, typed_numbers

ESCAPES = re.compile(r"\x1b\[[0-9]*[A-Z]|.\x08")
SOFT_RESET = "# press Ctrl-D"
CONTINUATION = b"\r\n... "
KILL_LINE = b"\x15"  # removes the indentation that the prompt offers
LEAVE = b"\x1d"
CRASHED = b" leaves --\r\n"  # the end of what is shown of a crash
SECONDS = 60.0
LONG = 80  # characters of a command's output that the reader copies to the prompt


def type_step(
    step: Step,
    write: Callable[[bytes], object],
    read_until: Callable[[bytes], bytes],
) -> list[str]:
    """Type the lines as a person does; return what was printed before the next prompt."""
    if step.source[0].startswith(SOFT_RESET):
        write(b"\x04")
        return printed(to_text(read_until(PROMPT)).removesuffix(">>> "))
    *first, last = step.source if len(step.source) == 1 else [*step.source, ""]
    for line in first:
        write(KILL_LINE + line.encode() + b"\r")
        read_until(CONTINUATION)
    write(KILL_LINE + last.encode() + b"\r")
    shown = ESCAPES.sub("", to_text(read_until(PROMPT)))
    return printed(shown.partition("\n")[2].removesuffix(">>> "))


class Session:
    """One terminal, in which a board is started, left and started again."""

    def __init__(self, command: list[str]) -> None:
        self.command = command
        self.master, self.slave = pty.openpty()
        self.child: subprocess.Popen[bytes] | None = None
        self._seen = b""

    def start(self) -> str:
        """Start the command, after leaving what runs; return what it shows up to the prompt."""
        self.leave()
        self._seen = b""
        end = self.slave
        self.child = subprocess.Popen(self.command, stdin=end, stdout=end, stderr=end)
        return to_text(self.read_until(PROMPT)).removesuffix(">>> ")

    def leave(self) -> None:
        """Press Ctrl-], which ends the command."""
        if self.child is None:
            return
        self.write(LEAVE)
        try:
            self.child.wait(10)
        finally:
            self.child.kill()
            self.child = None

    def close(self) -> None:
        try:
            self.leave()
        finally:
            os.close(self.master)
            os.close(self.slave)

    def write(self, data: bytes) -> None:
        os.write(self.master, data)

    def read_until(self, *wanted: bytes) -> bytes:
        """Return what is shown up to the first of `wanted`."""
        end = time.monotonic() + SECONDS
        while True:
            found = [self._seen.find(each) + len(each) for each in wanted if each in self._seen]
            if found:
                text, self._seen = self._seen[: min(found)], self._seen[min(found) :]
                return text
            if time.monotonic() > end:
                raise NoAnswer(f"waiting for {wanted}, saw {self._seen[-2000:]!r}")
            if select.select([self.master], [], [], 0.1)[0]:
                self._seen += os.read(self.master, 65536)

    def type(self, step: Step) -> list[str]:
        return type_step(step, self.write, self.read_until)

    def type_until_crash(self, step: Step) -> list[str]:
        """Type one line; return the crash report, and what the host adds to it."""
        self.write(step.source[0].encode() + b"\r")
        shown = printed(to_text(self.read_until(CRASHED)).partition("\n")[2])
        return [line for line in shown if line]


@contextlib.contextmanager
def at_a_terminal(board: str) -> Iterator[Session]:
    """Return what `make run` starts, at a terminal of its own."""
    session = Session([sys.executable, "-m", "pimem", "run", "--board", board])
    try:
        yield session
    finally:
        session.close()


def run_command(command: str, folder: Path) -> list[str]:
    """Run a command of a page in a folder; return the lines of what it printed."""
    done = subprocess.run(
        command, shell=True, cwd=folder, capture_output=True, text=True, timeout=SECONDS
    )
    return [line.rstrip() for line in (done.stdout + done.stderr).splitlines()]


class Reader:
    """Does what a page says, block by block: at a terminal, and in a folder of the host."""

    def __init__(self, session: Session, folder: Path) -> None:
        self.session = session
        self.folder = folder
        self.instead: dict[str, str] = {}  # the page's output of a command: what it printed here

    def steps(self, block: Block) -> Iterator[tuple[Step, list[str]]]:
        """Yield each step, and what was printed. Output of a command that is typed later is
        taken from this machine, whose compiler may be another."""
        if block.language == "c":
            name = block.text.partition("\n")[0].removeprefix("// ").partition(":")[0]
            (self.folder / name).write_text(block.text, encoding="utf-8")
            return
        steps = block.steps()
        for step in steps:
            if block.language == "console":
                yield step, self._command(step)
            elif "crash" in block.options and step is steps[-1]:
                yield step, self.session.type_until_crash(step)
            else:
                source = [self._here(line) for line in step.source]
                yield step, self.session.type(Step(step.line, source, []))

    def _here(self, line: str) -> str:
        for wanted, got in self.instead.items():
            line = line.replace(wanted, got)
        return line

    def _command(self, step: Step) -> list[str]:
        if step.source[0].split()[:2] == ["make", "run"]:
            shown = printed(self.session.start())
            return shown if step.expected else []
        got = run_command(step.source[0], self.folder)
        if len(got) == len(step.expected) == 1 and len(got[0]) >= LONG:
            self.instead[step.expected[0]] = got[0]
        return got


# Correcting a page


def corrected(step: Step, got: list[str], typed: set[int]) -> list[str]:
    """Return the lines that the page should show; what it leaves out stays left out."""
    if not any("..." in line for line in step.expected):
        return got
    pairs = Comparison(typed).pairs(step.expected, got)
    if pairs is None:
        print(f"line {step.line} leaves out lines and does not fit:", *got, sep="\n    ")
        return step.expected
    return [wanted if "..." in wanted else now for wanted, now in pairs]


def correct(page: Path, board: str, folder: Path) -> None:
    """Type a page and write what was printed into it."""
    lines = page.read_text(encoding="utf-8").splitlines()
    typed: set[int] = set()
    changes: list[tuple[Step, list[str]]] = []
    with at_a_terminal(board) as session:
        reader = Reader(session, folder)
        for block in read_blocks(page):
            typed |= typed_numbers(block.text)
            if not block.is_transcript and block.language != "c":
                continue
            for step, got in reader.steps(block):
                changes.append((step, corrected(step, got, typed)))
    for step, got in reversed(changes):
        lines[step.end - len(step.expected) - 1 : step.end - 1] = got
    text = "\n".join(lines) + "\n"
    for wanted, now in reader.instead.items():
        text = text.replace(wanted, now)
    page.write_text(text, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m pimem.dev.retype", description=__doc__)
    parser.add_argument("page", type=Path, nargs="?", default=ROOT / "docs" / "tutorial.md")
    parser.add_argument("--board", default="RPI4")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "pages")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    correct(args.page, args.board, args.folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
