# SPDX-License-Identifier: MIT
"""The blocks of a page of the documentation: how they are read, and compared with what happened.

```python              a transcript: what follows >>> and ... is typed, the other lines are what
                       the board must print; or, without any >>>, a script that must not fail
```python RPI3 RPI4    the same, on these boards only
```python emulator     the same, not on a real board: it shows what differs from one to the next
```python crash        the last step must crash the board: what is shown is part of its report
```python parts        needs a TMP105 at I2C(1), a W25Q80 at SPI(0) and a card with a FAT
```python reset        resets the board
```console             commands after $ and what they print; `make run` starts the board, and where
                       it runs already, leaves it first
```c                   a file of the host, whose name is in its first line: // NAME

    >>> # press Ctrl-D         is typed as this key: a soft reset
    [...]                      stands for any number of lines, also none
    ...                        within a printed line stands for any text
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pimem.board import boards

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
RAM_END = 1 << 30  # of what the boards of the pages have, where they print it
ANY_LINES = "[...]"
#: Options of blocks that are typed on a board of their own.
SPECIAL = frozenset({"crash", "parts", "reset"})


@dataclass
class Step:
    """What is typed at one prompt, and what the page says it prints."""

    line: int  # of the page
    source: list[str]
    expected: list[str]

    @property
    def end(self) -> int:
        """Return the number of the line after this step."""
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
        unknown = set(block.options) - {*SPECIAL, "emulator", *boards.names()}
        if unknown:
            raise ValueError(f"{page.name}:{block.line}: unknown option {unknown}")
    return found


# Comparing


def typed_numbers(text: str) -> set[int]:
    """Return the numbers in the lines to type, which the output must repeat unchanged."""
    return {
        int(match[1].replace("_", ""), 16) if match[1] else int(match[2].replace("_", ""))
        for match in TYPED.finditer("\n".join(PROMPT_LINE.findall(text)))
    }


def may_stand_for(wanted: int, value: int) -> bool:
    """Return whether both numbers are addresses of one kind (RAM, or one window of the kernel),
    or differ in the address in them only, as entries of tables and TTBR0 do."""
    if wanted >> 48 == 0xFFFF:
        return wanted >> 32 == value >> 32
    if wanted >> 48:
        return (wanted ^ value) & ~ENTRY_ADDRESS == 0
    both_in_ram = max(wanted, value) <= RAM_END
    return both_in_ram and (wanted % 4096 != 0 or value % 4096 == 0)


class Comparison:
    """Compares the text of one block with what a board printed.

    A number that was typed must be that very number. Every other hexadecimal number of four
    digits or more may differ, but within one block equal numbers stay equal and different ones
    different; of the entry of a table only the address may differ. A date may differ, and so may
    an ASID. A decimal number of three digits or more may differ.

    On the board where the page was written, `same_board`, hexadecimal numbers may differ only if
    they are addresses, and decimal numbers may not.
    """

    def __init__(self, typed: set[int], *, same_board: bool = False) -> None:
        self.typed = typed
        self.same_board = same_board
        self.there: dict[int, int] = {}  # the page's hexadecimal number: the board's

    def _pattern(self, wanted: str) -> tuple[str, list[tuple[str, int]]]:
        """Return a regular expression for the line, and its groups: (kind, number)."""
        pattern, groups, at = "", [], 0
        for match in TOKEN.finditer(wanted.rstrip()):
            kind = str(match.lastgroup)
            pattern += re.escape(wanted[at : match.start()])
            at = match.end()
            if kind == "count" and self.same_board:
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
        if self.same_board and wanted != value and not may_stand_for(wanted, value):
            return False
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
        """Pair the lines of the page with those printed; None if they differ."""
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
    """Return the message of a test whose page is wrong."""
    head = f"{page}:{step.line}: {step.source[0]}"
    return "\n".join([head, "--- on the page", *step.expected, "--- printed", *got])


def printed(text: str) -> list[str]:
    """Return the lines that a board printed, without the head of a traceback."""
    lines = [line.rstrip() for line in text.splitlines()]
    return [
        line
        for line in lines
        if line != "Traceback (most recent call last):" and not line.startswith('  File "')
    ]
