# SPDX-License-Identifier: MIT
"""The Python of a documentation page as modules that a type checker reads.

A module has as many lines as its page, and each line of code is where the page has it: so what a
checker reports for a line is about that line of the page. A transcript is its typed lines. One
module holds what is typed at one Python: a soft reset or a start of the board begins the next.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NEW_PYTHON = re.compile(r">>> # press Ctrl-D|\$ make run\b")
REFUSED = re.compile(r"(?:TypeError|ValueError)(?::|$)")
LANGUAGES = {"python", "sh", "console", "text", "c", "make", "toml", "json"}


@dataclass
class Step:
    """One statement, and whether the page shows that a TypeError or ValueError came of it."""

    first: int
    last: int
    source: str
    refused: bool = False

    @property
    def head(self) -> str:
        return self.source.partition("\n")[0]


@dataclass
class Module:
    """What is typed at one Python."""

    name: str
    lines: list[str]
    steps: list[Step] = field(default_factory=list)

    def type(self, number: int, text: str, *, goes_on: bool) -> None:
        self.lines[number - 1] = text
        if goes_on and self.steps:
            self.steps[-1].last = number
            self.steps[-1].source += "\n" + text
        else:
            self.steps.append(Step(number, number, text))

    def step_at(self, number: int) -> Step:
        return next(step for step in self.steps if step.first <= number <= step.last)

    def write(self, folder: Path) -> Path:
        path = folder / f"{self.name}.py"
        path.write_text("\n".join(self.lines) + "\n", encoding="utf-8")
        return path


class Page:
    """The modules of one page."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.height = text.count("\n") + 1
        self.modules: list[Module] = []
        self.untagged: list[int] = []  # lines of fences without a known language
        self.begin()
        for match in FENCE.finditer(text):
            self.read_block(text.count("\n", 0, match.start()) + 2, match[1], match[2])

    def begin(self) -> None:
        name = f"{self.name}_{len(self.modules) + 1}"
        self.modules.append(Module(name, [""] * self.height))

    def read_block(self, first: int, info: str, text: str) -> None:
        language = info.split()[0] if info.strip() else ""
        if language not in LANGUAGES or (language not in ("python", "console") and ">>> " in text):
            self.untagged.append(first - 1)
        elif language == "python" and ">>> " not in text:
            for number, line in enumerate(text.splitlines(), first):
                self.modules[-1].type(number, line, goes_on=number > first)
        elif language in ("python", "console"):
            self.read_transcript(first, text.splitlines())

    def read_transcript(self, first: int, lines: list[str]) -> None:
        for number, line in enumerate(lines, first):
            if NEW_PYTHON.match(line):
                self.begin()
            elif line.startswith(">>> "):
                self.modules[-1].type(number, line[4:], goes_on=False)
            elif line.startswith("... ") and not line.endswith(" ..."):
                self.modules[-1].type(number, line[4:], goes_on=True)
            elif REFUSED.match(line) and self.modules[-1].steps:
                self.modules[-1].steps[-1].refused = True

    def refused(self) -> list[Step]:
        """The steps that the page shows to raise TypeError or ValueError."""
        return [step for module in self.modules for step in module.steps if step.refused]


def read_page(path: Path) -> Page:
    return Page(re.sub(r"\W", "_", path.stem.lower()), path.read_text(encoding="utf-8"))
