# SPDX-License-Identifier: MIT
"""Which object, header or Python file needs which other one, and the circles among them.

Among objects a reference is a branch or a call to a symbol of another object, or a use of one of
its variables or labels. That an address of a function is taken does not count: it says what may
be called, not what is.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from limits import HANG_SECONDS

READELF = "aarch64-linux-gnu-readelf"
SYMBOL = re.compile(r"\s*\d+: [0-9a-f]+ +\w+ (\w+) +(GLOBAL|WEAK) +\w+ +(\w+) (\S+)")
RELOCATION = re.compile(r"[0-9a-f]{8,} +[0-9a-f]+ (R_AARCH64_\w+) +[0-9a-f]+ (\S+)")
BRANCHES = re.compile(r"R_AARCH64_(CALL26|JUMP26|CONDBR19|TSTBR14)$")


class Reference(NamedTuple):
    """`user` needs `owner` for `what`: a symbol, or the line that includes or imports it."""

    user: str
    owner: str
    what: str

    def __str__(self) -> str:
        return f"{self.user} -> {self.owner} ({self.what})"


class Symbols(NamedTuple):
    """What a set of objects defines and what their code refers to."""

    owners: dict[str, str]
    functions: set[str]
    uses: list[tuple[str, str, bool]]  # object, symbol, whether it is a branch


def read_symbols(objects: Mapping[str, Path]) -> Symbols:
    """Reads the symbol tables and the relocations of code of {name: path}."""
    found = Symbols({}, set(), [])
    names = {str(path): name for name, path in objects.items()}
    command = [READELF, "-srW", "/dev/null", *names]  # more than one file: each is announced
    listing = subprocess.run(
        command, capture_output=True, text=True, timeout=HANG_SECONDS, stdin=subprocess.DEVNULL
    ).stdout
    name, in_code = "", False
    for line in listing.splitlines():
        if line.startswith("File: "):
            name = names.get(line.removeprefix("File: "), "")
        elif line.startswith("Relocation section"):
            in_code = "'.rela.text" in line
        elif in_code and (match := RELOCATION.match(line)):
            found.uses.append((name, match[2], bool(BRANCHES.match(match[1]))))
        elif (match := SYMBOL.match(line)) and match[3] != "UND":
            found.owners[match[4]] = name
            if match[1] == "FUNC":
                found.functions.add(match[4])
    return found


def references(objects: Mapping[str, Path]) -> set[Reference]:
    """The references among {name: path}; the linker's --wrap is followed."""
    symbols = read_symbols(objects)
    found = set()
    for user, symbol, branch in symbols.uses:
        if symbol.startswith("__real_"):
            symbol = symbol.removeprefix("__real_")
        elif f"__wrap_{symbol}" in symbols.owners:
            symbol = f"__wrap_{symbol}"
        owner = symbols.owners.get(symbol, user)
        if owner != user and (branch or symbol not in symbols.functions):
            found.add(Reference(user, owner, symbol))
    return found


def shortest_way(graph: Mapping[str, list[Reference]], start: str) -> list[Reference]:
    """The shortest way from `start` back to it; empty when there is none."""
    came_by: dict[str, list[Reference]] = {start: []}
    waiting = deque([start])
    while waiting:
        here = waiting.popleft()
        for reference in graph.get(here, []):
            way = [*came_by[here], reference]
            if reference.owner == start:
                return way
            if reference.owner not in came_by:
                came_by[reference.owner] = way
                waiting.append(reference.owner)
    return []


def circles(found: Iterable[Reference]) -> list[str]:
    """Circles, one line each. When all of them are opened, there is none."""
    graph: dict[str, list[Reference]] = defaultdict(list)
    for reference in sorted(found):
        graph[reference.user].append(reference)
    told: set[str] = set()
    lines = []
    for start in sorted(graph):
        way = shortest_way(graph, start) if start not in told else []
        if way:
            told |= {reference.user for reference in way}
            lines.append("; ".join(map(str, way)))
    return lines


def without(found: set[Reference], allowed: Mapping[Reference, str]) -> set[Reference]:
    """The references but for the allowed ones, each of which must exist and have a reason."""
    gone = [str(reference) for reference in allowed if reference not in found]
    assert gone == [], f"in the list, but no longer in the objects: {gone}"
    assert all(reason for reason in allowed.values())
    return found - set(allowed)


# --- headers and Python ---


def include_references(headers: Iterable[Path], folders: list[Path]) -> set[Reference]:
    """Who includes whom among the headers; names are found beside the file or in `folders`."""
    paths = {path.resolve() for path in headers}
    found = set()
    for path in paths:
        for header in re.findall(r'^\s*#\s*include\s*"([^"]+)"', path.read_text(), re.M):
            for folder in [path.parent, *folders]:
                other = (folder / header).resolve()
                if other in paths and other != path:
                    found.add(Reference(str(path), str(other), header))
                    break
    return found


def imported_names(tree: ast.AST, package: str) -> Iterator[str]:
    """Every name that could be a module: `from a import b` gives a.b, which may be one, and a.
    Relative ones are looked up in `package`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: package.count(".") + 2 - node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" if base else alias.name for alias in node.names)


def import_references(modules: Mapping[str, Path]) -> set[Reference]:
    """Who imports whom among {module name: path}, in functions too."""
    found = set()
    for name, path in modules.items():
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        for imported in imported_names(ast.parse(path.read_text()), package):
            owner = imported if imported in modules else imported.rpartition(".")[0]
            if owner in modules and owner != name:
                found.add(Reference(name, owner, imported))
    return found
