# SPDX-License-Identifier: MIT
"""`make functions`: how long the functions and files of each part of the tree are.

C definitions are found by their tokens, Python ones in the syntax tree. A function's lines are
those from its signature to its end; its parameters are those that a caller may give by position.
What is over the limits follows the table, and makes the command fail. Lines of C and
assembly have a limit too; ruff checks those of Python.
"""

from __future__ import annotations

import ast
import re
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from pimem import ROOT
from pimem.exits import FAILED, OK

SOURCE_FOLDERS = ("boards", "docs", "modules", "ports", "tests", "tools")
SOURCE_SUFFIXES = {".c", ".h", ".S", ".s", ".ld", ".mk", ".py", ".pyi", ".sh", ".toml"}
BUILD_FOLDERS = {"build", "__pycache__", "node_modules"}

#: The parts of the tree by their folders; a file belongs to the first part that fits.
PARTS = {
    "core": ("modules/memory/core",),
    "frozen": ("modules/memory/python", "ports/rpi-aarch64/modules"),
    "bindings": (
        "modules/memory/bindings",
        *(f"modules/memory/{seam}.h" for seam in ("port", "hooks", "mp_release")),
    ),
    "port": ("ports/rpi-aarch64",),
    "tools": ("tools",),
    "tests": ("tests",),
}
#: The limits of a part. Tests keep only that on the lines of a function.
MEDIAN_LINES = 9
FUNCTION_LINES = 45
PARAMETERS = 6
FILE_LINES = 500
LINE_COLUMNS = 120
ROWS = ("core", "bindings", "port", "frozen", "tools", "tests")

#: Comments, literals, preprocessor lines; names and numbers; every other character.
C_TOKEN = re.compile(
    r"""(?P<skip>\s+|//[^\n]*|/\*.*?\*/|^[ \t]*\#(?:\\\n|[^\n])*)"""
    r"""|(?P<literal>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')"""
    r"""|(?P<word>\w+)|(?P<mark>.)""",
    re.DOTALL | re.MULTILINE,
)
OPENING = {"(": ")", "[": "]", "{": "}"}


class Function(NamedTuple):
    """The definition of a function and its lines, signature to closing brace."""

    name: str
    line: int
    lines: int
    parameters: int


class Token(NamedTuple):
    text: str
    line: int


class Unreadable(ValueError):
    """The brackets of a C file do not fit."""


def c_tokens(text: str) -> Iterator[Token]:
    line = 1
    for match in C_TOKEN.finditer(text):
        if match.lastgroup != "skip":
            yield Token(match.group(), line)
        line += match.group().count("\n")


def closing(tokens: list[Token], at: int) -> int:
    """Return the index of the bracket that closes the one at `at`."""
    open_brackets = []
    for index in range(at, len(tokens)):
        text = tokens[index].text
        if text in OPENING:
            open_brackets.append(OPENING[text])
        elif text in OPENING.values():
            if open_brackets.pop() != text:
                raise Unreadable(f"line {tokens[index].line}: {text} closes another bracket")
            if not open_brackets:
                return index
    raise Unreadable(f"line {tokens[at].line}: {tokens[at].text} is never closed")


def count_parameters(tokens: list[Token]) -> int:
    """Of what stands between the parentheses of a signature."""
    if not tokens or [token.text for token in tokens] == ["void"]:
        return 0
    count, at = 1, 0
    while at < len(tokens):
        if tokens[at].text in OPENING:
            at = closing(tokens, at)
        count += tokens[at].text == ","
        at += 1
    return count


def signature(tokens: list[Token]) -> tuple[str, int] | None:
    """Name and number of parameters, of the tokens in front of a brace; None: no function."""
    groups, at = [], 0
    while at < len(tokens):
        if tokens[at].text in OPENING:
            end = closing(tokens, at)
            groups.append((at, end))
            at = end
        elif tokens[at].text == "=":
            return None
        at += 1
    if not groups or groups[-1][1] != len(tokens) - 1:
        return None
    start, end = groups[-1]
    if len(groups) > 1 and groups[-2][1] == start - 1:  # it returns a pointer to a function
        inner = signature(tokens[groups[-2][0] + 1 : groups[-2][1]])
        return inner or (tokens[groups[-2][0] + 1].text, count_parameters(tokens[start + 1 : end]))
    return (tokens[start - 1].text, count_parameters(tokens[start + 1 : end])) if start else None


def c_functions(text: str) -> Iterator[Function]:
    tokens = list(c_tokens(text))
    begin = at = 0  # begin: the first token of a declaration
    while at < len(tokens):
        if tokens[at].text in OPENING:
            end = closing(tokens, at)
            found = signature(tokens[begin:at]) if tokens[at].text == "{" else None
            if found:
                line = tokens[begin].line
                yield Function(found[0], line, tokens[end].line - line + 1, found[1])
                begin = end + 1
            at = end
        elif tokens[at].text == ";":
            begin = at + 1
        at += 1


def python_functions(text: str) -> Iterator[Function]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            arguments = node.args
            count = len(arguments.posonlyargs) + len(arguments.args) + bool(arguments.vararg)
            last = node.end_lineno or node.lineno
            yield Function(node.name, node.lineno, last - node.lineno + 1, count)


def functions(path: Path) -> list[Function]:
    """Return what a source file defines; assembly, linker scripts and settings define none."""
    finder = {".c": c_functions, ".h": c_functions, ".py": python_functions}.get(path.suffix)
    try:
        return list(finder(path.read_text())) if finder else []
    except Unreadable as exc:
        raise Unreadable(f"{name(path)}: {exc}") from exc


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def sources() -> list[Path]:
    """Every source file of the project, written by us."""
    found = [ROOT / "Makefile"] if (ROOT / "Makefile").is_file() else []
    for folder in SOURCE_FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            parts = path.relative_to(ROOT).parts
            hidden = any(p in BUILD_FOLDERS or p.startswith((".", "build-")) for p in parts)
            named = path.suffix in SOURCE_SUFFIXES or path.name == "Makefile"
            if path.is_file() and named and not hidden and not path.name.endswith(".egg-info"):
                found.append(path)
    return found


def lines_of(path: Path) -> int:
    return len(path.read_text().splitlines())


def long_lines(path: Path) -> Iterator[str]:
    """Yield an offence for each line of C or assembly with too many columns."""
    if path.suffix in {".c", ".h", ".S"}:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if len(line) > LINE_COLUMNS:
                yield f"{name(path)}:{number}: {len(line)} columns, at most {LINE_COLUMNS}"


@dataclass
class Part:
    """The files of one row of the table."""

    files: dict[Path, list[Function]] = field(default_factory=dict)

    def functions(self) -> list[tuple[Path, Function]]:
        return [(path, each) for path, found in self.files.items() for each in found]

    def lengths(self) -> list[int]:
        return sorted(each.lines for _, each in self.functions())

    @property
    def median(self) -> float:
        return statistics.median(self.lengths())

    @property
    def p90(self) -> int:
        lengths = self.lengths()
        return lengths[int(len(lengths) * 0.9)]

    @property
    def longest_file(self) -> Path:
        return max(self.files, key=lines_of)


def part_of(path: Path) -> str | None:
    for part, folders in PARTS.items():
        if any(path.is_relative_to(ROOT / folder) for folder in folders):
            return part
    return None


def parts() -> dict[str, Part]:
    """Return the rows of the table, in its order."""
    rows = {row: Part() for row in ROWS}
    for path in sources():
        part = part_of(path)
        if part:
            rows[part].files[path] = functions(path)
    return rows


def table(rows: dict[str, Part]) -> str:
    heading = ("", "files", "lines", "functions", "median", "p90", "max", "parameters")
    form = "{:9}{:>6}{:>7}{:>10}{:>8}{:>5}{:>5}{:>11}  {}"
    text = [form.format(*heading, "longest file")]
    for row, part in rows.items():
        lines = [lines_of(path) for path in part.files]
        found = [each for _, each in part.functions()]
        longest = f"{max(lines)} {name(part.longest_file)}"
        numbers = (len(lines), sum(lines), len(found), f"{part.median:g}", part.p90)
        most = (max(each.lines for each in found), max(each.parameters for each in found))
        text.append(form.format(row, *numbers, *most, longest))
    return "\n".join(text)


def offences(rows: dict[str, Part]) -> list[str]:
    """Return what is over the limits, a line each.

    Files outside the table have the limit of files.
    """
    found = [
        f"{name(path)}: {lines_of(path)} lines, at most {FILE_LINES}"
        for path in sources()
        if part_of(path) != "tests" and lines_of(path) > FILE_LINES
    ]
    found += [offence for path in sources() for offence in long_lines(path)]
    for row, part in rows.items():
        if row != "tests" and part.median > MEDIAN_LINES:
            found.append(f"{row}: a median of {part.median:g} lines, at most {MEDIAN_LINES}")
        for path, each in part.functions():
            where = f"{name(path)}:{each.line}: {each.name}()"
            if each.lines > FUNCTION_LINES:
                found.append(f"{where}: {each.lines} lines, at most {FUNCTION_LINES}")
            if row != "tests" and each.parameters > PARAMETERS:
                found.append(f"{where}: {each.parameters} parameters, at most {PARAMETERS}")
    return found


def main() -> int:
    rows = parts()
    over = offences(rows)
    print(table(rows))
    if over:
        print("", *over, sep="\n")
    return FAILED if over else OK


if __name__ == "__main__":
    sys.exit(main())
