# SPDX-License-Identifier: MIT
"""Every Python block of the documentation runs, and prints what the page says.

The blocks of a page are typed at one prompt, from top to bottom. How they are read:

```python              lines after >>> and ... are typed, the others are what the board must print;
                       a block without any >>> is run as a script, and must not fail
```python RPI3 RPI4    the same, on these boards only
```python emulator     the same, not on a real board: it shows what differs from one to the next
```python crash        typed on an emulated board of its own that has just booted: the last step
                       must crash it, and what is shown is part of the crash report

    >>> # press Ctrl-D         does that: a soft reset
    [...]                      stands for any number of lines, also none

What varies is compared by this rule. The head of a traceback is left out. A number that was typed
on the page must be that very number. Every other hexadecimal number of four digits or more may
differ, but within one block equal numbers stay equal and different ones different. Every other
decimal number of three digits or more may differ, and that of an ASID in any case.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from rig import Machine

from pimem import ROOT
from pimem.board import boards
from pimem.board.link import PROMPT, BoardCrash, Link, to_text

PAGES = ("memory.md", "tutorial.md")
FENCE = re.compile(r"^```python *([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(
    r"\b0x([0-9a-f]{4,16})\b|\b([0-9a-f]{12}|[0-9a-f]{16})\b|(?<=ASID )([0-9]+)|\b([0-9]{3,})\b"
)
TYPED = re.compile(r"\b0x([0-9a-fA-F_]+)\b|\b([0-9][0-9_]*)\b")
ESCAPES = re.compile(r"\x1b\[[0-9]*[A-Z]|.\x08")
ANY_LINES = "[...]"
SOFT_RESET = "# press Ctrl-D"
CONTINUATION = b"\r\n... "
KILL_LINE = b"\x15"  # removes the indentation that the prompt offers
SECONDS = 60.0


@dataclass
class Step:
    """What is typed at one prompt, and what the page says it prints."""

    line: int  # of the page
    source: list[str]
    expected: list[str]


@dataclass
class Block:
    line: int
    options: list[str]
    text: str

    def steps(self) -> list[Step]:
        steps: list[Step] = []
        for number, line in enumerate(self.text.splitlines(), self.line + 1):
            if line.startswith(">>> "):
                steps.append(Step(number, [line[4:]], []))
            elif line.startswith("... ") and not steps[-1].expected:
                steps[-1].source.append(line[4:])
            else:
                steps[-1].expected.append(line)
        return steps

    def runs_on(self, machine: Machine) -> bool:
        if "emulator" in self.options and machine.qemu is None:
            return False
        only = set(self.options) & set(boards.names())
        return not only or machine.name in only


def blocks(page: Path) -> list[Block]:
    text = page.read_text()
    found = [
        Block(text.count("\n", 0, match.start()) + 1, match[1].split(), match[2])
        for match in FENCE.finditer(text)
    ]
    for block in found:
        unknown = set(block.options) - {"crash", "emulator", *boards.names()}
        assert not unknown, f"{page.name}:{block.line}: unknown option {unknown}"
    return found


# Comparing


def typed_numbers(text: str) -> set[int]:
    source = "\n".join(re.findall(r"^(?:>>>|\.\.\.) (.*)$", text, re.MULTILINE))
    return {
        int(match[1].replace("_", ""), 16) if match[1] else int(match[2].replace("_", ""))
        for match in TYPED.finditer(source)
    }


class Comparison:
    """Of the text of one block with what a board printed."""

    def __init__(self, typed: set[int]) -> None:
        self.typed = typed
        self.there: dict[int, int] = {}  # the page's hexadecimal number: the board's

    def same_number(self, wanted: re.Match[str], got: re.Match[str]) -> bool:
        if wanted[3]:
            return bool(got[3])
        if wanted[4] and got[4]:
            return int(wanted[4]) not in self.typed or wanted[4] == got[4]
        digits = wanted[1] or wanted[2] or wanted[4]
        a, b = int(digits, 16), int(got[1] or got[2] or got[3] or got[4], 16)
        if a in self.typed or b in self.typed:
            return a == b
        if a not in self.there and b in self.there.values():
            return False
        return self.there.setdefault(a, b) == b

    def same_line(self, wanted: str, got: str) -> bool:
        if " ".join(NUMBER.sub("#", wanted).split()) != " ".join(NUMBER.sub("#", got).split()):
            return False
        pairs = zip(NUMBER.finditer(wanted), NUMBER.finditer(got), strict=True)
        return all(self.same_number(a, b) for a, b in pairs)

    def same(self, wanted: list[str], got: list[str]) -> bool:
        if not wanted:
            return not got
        if wanted[0] != ANY_LINES:
            return (
                bool(got) and self.same_line(wanted[0], got[0]) and self.same(wanted[1:], got[1:])
            )
        before = dict(self.there)
        for skipped in range(len(got) + 1):
            if self.same(wanted[1:], got[skipped:]):
                return True
            self.there = dict(before)
        return False


def printed(text: str) -> list[str]:
    """The lines of what a board printed, without the head of a traceback."""
    lines = [line.rstrip() for line in text.splitlines()]
    return [
        line
        for line in lines
        if line != "Traceback (most recent call last):" and not line.startswith('  File "<stdin>"')
    ]


# Typing


def type_step(link: Link, step: Step) -> list[str]:
    """Types the lines as a person would; returns what was printed before the next prompt."""
    if step.source[0].startswith(SOFT_RESET):
        link.write(b"\x04")
        return printed(to_text(link.read_until(PROMPT, total=SECONDS)).removesuffix(">>> "))
    *first, last = step.source if len(step.source) == 1 else [*step.source, ""]
    for line in first:
        link.write(KILL_LINE + line.encode() + b"\r")
        link.read_until(CONTINUATION, total=SECONDS)
    link.write(KILL_LINE + last.encode() + b"\r")
    shown = ESCAPES.sub("", to_text(link.read_until(PROMPT, total=SECONDS)))
    return printed(shown.partition("\n")[2].removesuffix(">>> "))


def type_block(machine: Machine, block: Block, typed: set[int], page: str) -> None:
    comparison = Comparison(typed)
    for step in block.steps():
        got = type_step(machine.link, step)
        wanted = [line.rstrip() for line in step.expected]
        assert comparison.same(wanted, got), (
            f"{page}:{step.line}: {step.source[0]}\n--- on the page\n"
            + "\n".join(wanted)
            + "\n--- printed\n"
            + "\n".join(got)
        )


def run_script(machine: Machine, block: Block) -> None:
    machine.link.enter_raw_repl()
    machine.exec(block.text)
    machine.link.leave_raw_repl()


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_true(board: Machine, page: str) -> None:
    path = ROOT / "docs" / page
    typed: set[int] = set()
    ran = 0
    board.link.leave_raw_repl()
    try:
        for block in blocks(path):
            typed |= typed_numbers(block.text)
            if "crash" in block.options or not block.runs_on(board):
                continue
            if ">>> " in block.text:
                type_block(board, block, typed, page)
            else:
                run_script(board, block)
            ran += 1
    except BoardCrash:
        board.lost = True
        raise
    assert ran > 5


NAMES = """\
owners = memory, memory.frames, memory.Frames, memory.AddressSpace, memory.Heap, memory.Block
def names():
    return [n for owner in owners for n in dir(owner) if n[0] != "_" and n != "boot"]
"""


def test_every_name_of_memory_is_in_the_reference(board: Machine) -> None:
    text = (ROOT / "docs" / "memory.md").read_text()
    names = set(board.eval("names()", "import memory\n" + NAMES))
    assert {"info", "frames", "alloc", "compact", "realloc"} <= names
    stub = ROOT / "modules" / "memory" / "stubs" / "memory" / "__init__.pyi"
    names |= set(re.findall(r"^(?:def )?([a-z]\w*)[(:]", stub.read_text(), re.MULTILINE))
    assert {"kernel", "ramdisk", "selftest"} <= names
    assert [n for n in sorted(names) if not re.search(rf"\b{n}\b", text)] == []


CRASHES = [
    pytest.param(page, block, id=f"{page}:{block.line}")
    for page in PAGES
    for block in blocks(ROOT / "docs" / page)
    if "crash" in block.options
]


@pytest.mark.parametrize(("page", "block"), CRASHES)
def test_a_crash_is_as_the_page_says(fresh: Machine, page: str, block: Block) -> None:
    if not block.runs_on(fresh):
        pytest.skip(f"the page says this of {' and '.join(block.options[1:])} only")
    *before, last = block.steps()
    fresh.link.leave_raw_repl()
    for step in before:
        assert type_step(fresh.link, step) == step.expected, step.source
    fresh.link.forget()
    with pytest.raises(BoardCrash) as caught:
        type_step(fresh.link, last)
    comparison = Comparison(typed_numbers(block.text))
    got = [line.rstrip() for line in caught.value.text.splitlines()]
    wanted = [line.rstrip() for line in last.expected if line]
    assert comparison.same(wanted, got), "\n".join(got)


# The pages as text


def anchors(page: Path) -> set[str]:
    """What GitHub makes of the headings."""
    heads = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    for file, anchor in re.findall(r"\]\(([\w./-]*)(?:#([\w-]+))?\)", page.read_text()):
        target = (page.parent / file) if file else page
        assert target.is_file(), file
        assert not anchor or anchor in anchors(target), anchor


# The rule itself


def lines_agree(wanted: str, got: str, typed: set[int]) -> bool:
    return Comparison(typed).same(wanted.splitlines(), got.splitlines())


@pytest.mark.parametrize(
    ("wanted", "got", "agree"),
    [
        ("frame 0x188000", "frame 0x1a9000", True),
        ("frame 0x188000", "fram 0x188000", False),
        ("at 0x4000000000", "at 0x4000001000", False),  # typed
        ("0x188000 0x188000", "0x1000 0x1000", True),
        ("0x188000 0x188000", "0x1000 0x2000", False),
        ("0x188000 0x189000", "0x1000 0x1000", False),
        ("245111 free", "31992 free", True),
        ("245111 free", "31 free", False),
        ("16 tables", "17 tables", False),
        ("ASID 2", "ASID 17", True),
        ("level 3", "level 2", False),
        ("a\n[...]\nd", "a\nb\nc\nd", True),
        ("a\n[...]\nd", "a\nb\nc", False),
        ("a", "a\nb", False),
    ],
)
def test_what_may_differ(wanted: str, got: str, agree: bool) -> None:
    assert lines_agree(wanted, got, {0x4000000000}) is agree
