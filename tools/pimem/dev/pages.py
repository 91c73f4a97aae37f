# SPDX-License-Identifier: MIT
"""The blocks of a page of the documentation: how they are read, typed, compared and corrected.

```python              a transcript: what follows >>> and ... is typed, the other lines are what
                       the board must print; or, without any >>>, a script that must not fail
```python RPI3 RPI4    the same, on these boards only
```python emulator     the same, not on a real board: it shows what differs from one to the next
```python crash        the last step must crash the board: what is shown is part of its report
```console             commands after $ and what they print; `make run` starts the board, and where
                       it runs already, leaves it first
```c                   a file of the host, whose name is in its first line: // NAME

    >>> # press Ctrl-D         is typed as this key: a soft reset
    [...]                      stands for any number of lines, also none
    ...                        within a printed line stands for any text

`python -m pimem.dev.pages docs/tutorial.md` types a page at a terminal and puts what was printed
in the place of what the page says.
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
from dataclasses import dataclass
from pathlib import Path

from pimem import ROOT
from pimem.board import boards
from pimem.board.errors import NoAnswer
from pimem.board.link import PROMPT
from pimem.board.text import to_text

FENCE = re.compile(r"^```(python|console|c)\b *([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROMPT_LINE = re.compile(r"^(?:>>>|\.\.\.) (.*)$", re.MULTILINE)
TOKEN = re.compile(
    r"(?P<date>\b20[0-9]{2}-[0-9]{2}-[0-9]{2}\b)|\b0x(?P<hex>[0-9a-f]{4,16})\b"
    r"|\b(?P<bare>[0-9a-f]{16}|[0-9a-f]{12})\b|(?<=ASID )(?P<asid>[0-9]+)|\b(?P<count>[0-9]{3,})\b"
    r"|(?P<space>[ \t]+)|(?P<any>\.\.\.)"
)
GOT = {
    "date": r"20[0-9]{2}-[0-9]{2}-[0-9]{2}",
    "hex": r"0x([0-9a-f]{4,16})\b",
    "bare": r"\b([0-9a-f]{16}|[0-9a-f]{12})\b",
    "asid": r"[0-9]+",
    "count": r"([0-9]{3,})\b",
    "space": r"\s+",
    "any": r".*",
}
TYPED = re.compile(r"\b0x([0-9a-fA-F_]+)\b|\b([0-9][0-9_]*)\b")
ENTRY = re.compile(r"= ([0-9a-f]{16}) (?:table|page|block)\b")  # a descriptor, as show() prints it
ENTRY_ADDRESS = 0x0000_FFFF_FFFF_F000
ESCAPES = re.compile(r"\x1b\[[0-9]*[A-Z]|.\x08")
ANY_LINES = "[...]"
SOFT_RESET = "# press Ctrl-D"
CONTINUATION = b"\r\n... "
KILL_LINE = b"\x15"  # removes the indentation that the prompt offers
LEAVE = b"\x1d"
CRASHED = b" leaves --\r\n"  # the end of what is shown of a crash
SECONDS = 60.0
LONG = 80  # characters of a command's output that the reader copies to the prompt


@dataclass
class Step:
    """What is typed at one prompt, and what the page says it prints."""

    line: int  # of the page
    source: list[str]
    expected: list[str]

    @property
    def end(self) -> int:
        """The line of the page after this step."""
        return self.line + len(self.source) + len(self.expected)


@dataclass
class Block:
    line: int
    language: str
    options: list[str]
    text: str

    @property
    def is_transcript(self) -> bool:
        return ">>> " in self.text or self.language == "console"

    def steps(self) -> list[Step]:
        prompt = "$ " if self.language == "console" else ">>> "
        steps: list[Step] = []
        for number, line in enumerate(self.text.splitlines(), self.line + 1):
            if line.startswith(prompt):
                steps.append(Step(number, [line.removeprefix(prompt)], []))
            elif line.startswith("... ") and not steps[-1].expected:
                steps[-1].source.append(line[4:])
            else:
                steps[-1].expected.append(line.rstrip())
        return steps

    def runs_on(self, board: str, *, emulated: bool) -> bool:
        if "emulator" in self.options and not emulated:
            return False
        only = set(self.options) & set(boards.names())
        return not only or board in only


def read_blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = [
        Block(text.count("\n", 0, match.start()) + 1, match[1], match[2].split(), match[3])
        for match in FENCE.finditer(text)
    ]
    for block in found:
        unknown = set(block.options) - {"crash", "emulator", *boards.names()}
        if unknown:
            raise ValueError(f"{page.name}:{block.line}: unknown option {unknown}")
    return found


# Comparing


def typed_numbers(text: str) -> set[int]:
    """The numbers of the lines to type, which what is printed must repeat as they are."""
    return {
        int(match[1].replace("_", ""), 16) if match[1] else int(match[2].replace("_", ""))
        for match in TYPED.finditer("\n".join(PROMPT_LINE.findall(text)))
    }


class Comparison:
    """Of the text of one block with what a board printed.

    A number that was typed must be that very number. Every other hexadecimal number of four
    digits or more may differ, but within one block equal numbers stay equal and different ones
    different; of the entry of a table only the address may differ. A date may differ, and so may
    an ASID. Other decimal numbers must be the same, or, with `counts_differ`, may differ when
    they have three digits or more.
    """

    def __init__(self, typed: set[int], *, counts_differ: bool = True) -> None:
        self.typed = typed
        self.counts_differ = counts_differ
        self.there: dict[int, int] = {}  # the page's hexadecimal number: the board's

    def _pattern(self, wanted: str) -> tuple[str, list[tuple[str, int]]]:
        """A regular expression for the line, and what its groups must be: (kind, number)."""
        pattern, groups, at = "", [], 0
        for match in TOKEN.finditer(wanted.rstrip()):
            kind = str(match.lastgroup)
            pattern += re.escape(wanted[at : match.start()])
            at = match.end()
            if kind == "count" and not self.counts_differ:
                pattern += re.escape(match[0])
                continue
            pattern += GOT[kind]
            if kind in ("hex", "bare", "count"):
                groups.append((kind, int(match[kind], 10 if kind == "count" else 16)))
        return pattern + re.escape(wanted.rstrip()[at:]), groups

    def _same_number(self, kind: str, wanted: int, got: str) -> bool:
        if kind == "count":
            return wanted not in self.typed or wanted == int(got)
        value = int(got, 16)
        if wanted in self.typed or value in self.typed:
            return wanted == value
        if wanted not in self.there and value in self.there.values():
            return False
        return self.there.setdefault(wanted, value) == value

    def same_line(self, wanted: str, got: str) -> bool:
        pattern, groups = self._pattern(wanted)
        match = re.fullmatch(pattern, got.rstrip())
        if not match:
            return False
        entries = (
            [int(entry, 16) & ~ENTRY_ADDRESS for entry in ENTRY.findall(line)]
            for line in (wanted, got)
        )
        if len({tuple(each) for each in entries}) > 1:
            return False
        pairs = zip(groups, match.groups(), strict=True)
        return all(self._same_number(kind, number, group) for (kind, number), group in pairs)

    def pairs(self, wanted: list[str], got: list[str]) -> list[tuple[str, str]] | None:
        """The lines of the page beside what was printed for them, or None if they differ."""
        if not wanted:
            return None if got else []
        before = dict(self.there)
        for skipped in range(len(got) + 1 if wanted[0] == ANY_LINES else 1):
            self.there = dict(before)
            if wanted[0] == ANY_LINES:
                rest = self.pairs(wanted[1:], got[skipped:])
                head = (ANY_LINES, ANY_LINES)
            else:
                if not got or not self.same_line(wanted[0], got[0]):
                    return None
                rest = self.pairs(wanted[1:], got[1:])
                head = (wanted[0], got[0])
            if rest is not None:
                return [head, *rest]
        return None

    def same(self, wanted: list[str], got: list[str]) -> bool:
        return self.pairs(wanted, got) is not None


def difference(page: str, step: Step, got: list[str]) -> str:
    """The message of a test whose page is not true."""
    head = f"{page}:{step.line}: {step.source[0]}"
    return "\n".join([head, "--- on the page", *step.expected, "--- printed", *got])


def printed(text: str) -> list[str]:
    """The lines of what a board printed, without the head of a traceback."""
    lines = [line.rstrip() for line in text.splitlines()]
    return [
        line
        for line in lines
        if line != "Traceback (most recent call last):" and not line.startswith('  File "')
    ]


# Typing


def type_step(
    step: Step,
    write: Callable[[bytes], object],
    read_until: Callable[[bytes], bytes],
) -> list[str]:
    """Types the lines as a person does; returns what was printed before the next prompt."""
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
        """Starts the command, after leaving what runs; returns what it shows up to the prompt."""
        self.leave()
        self._seen = b""
        end = self.slave
        self.child = subprocess.Popen(self.command, stdin=end, stdout=end, stderr=end)
        return to_text(self.read_until(PROMPT)).removesuffix(">>> ")

    def leave(self) -> None:
        """Presses Ctrl-], which ends the command."""
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
        """What is shown up to the first of `wanted`."""
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
        """Types one line; returns the crash report, and what the host adds to it."""
        self.write(step.source[0].encode() + b"\r")
        shown = printed(to_text(self.read_until(CRASHED)).partition("\n")[2])
        return [line for line in shown if line]


@contextlib.contextmanager
def at_a_terminal(board: str) -> Iterator[Session]:
    """What `make run` starts, at a terminal of its own."""
    session = Session([sys.executable, "-m", "pimem", "run", "--board", board])
    try:
        yield session
    finally:
        session.close()


def run_command(command: str, folder: Path) -> list[str]:
    """Runs a command of a page in a folder; returns the lines of what it printed."""
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
        """Each step, and what was printed. Output of a command that is typed later is taken from
        this machine, whose compiler may be another."""
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
    """The lines that the page should show: as printed, what it leaves out still left out."""
    if not any("..." in line for line in step.expected):
        return got
    pairs = Comparison(typed).pairs(step.expected, got)
    if pairs is None:
        print(f"line {step.line} leaves out lines and does not fit:", *got, sep="\n    ")
        return step.expected
    return [wanted if "..." in wanted else now for wanted, now in pairs]


def correct(page: Path, board: str, folder: Path) -> None:
    """Types a page and writes what was printed into it."""
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
    parser = argparse.ArgumentParser(prog="python -m pimem.dev.pages", description=__doc__)
    parser.add_argument("page", type=Path, nargs="?", default=ROOT / "docs" / "tutorial.md")
    parser.add_argument("--board", default="RPI4")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "pages")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    correct(args.page, args.board, args.folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
