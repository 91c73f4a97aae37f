# SPDX-License-Identifier: MIT
"""Writes the texts of help(), help_texts[], from the docstrings of the type stubs to stdout.

The argument is the folder of the stubs. Every public function of the modules below must have a
docstring; its first line is what help() prints.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

NATIVE = "_memory"
MODULES = {
    "memory": "memory-stubs/__init__.pyi",
    "memory.frames": "memory-stubs/frames.pyi",
    "memory.pagers": "memory-stubs/pagers.pyi",
    "memory.user": "memory-stubs/user.pyi",
    "machine": "machine-stubs/__init__.pyi",
    "neopixel": "neopixel-stubs/__init__.pyi",
}
NATIVE_FILES = ("_memory-stubs/__init__.pyi", "_memory-stubs/_registers.pyi")
# Classes that only type checkers know.
TYPES_ONLY = {"TypedDict", "NamedTuple", "Protocol"}


class HelpError(Exception):
    """A stub that gives no text; the exception's text says where."""


@dataclass(frozen=True)
class Entry:
    """What help() prints of one name."""

    name: str  # as in memory.frames.alloc
    call: str  # its last part with its parameters; empty: not a function
    text: str


def first_line(docstring: str | None, name: str) -> str:
    if not docstring:
        raise HelpError(f"{name} has no docstring")
    return docstring.splitlines()[0]


def parameters(node: ast.FunctionDef) -> dict[str, str]:
    """The parameters by name as help() shows them, without self; a default `...` is unknown."""
    positional = [*node.args.posonlyargs, *node.args.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(node.args.defaults))
    shown: dict[str, str] = {}
    for argument, default in zip(positional, [*defaults, *node.args.defaults], strict=True):
        shown[argument.arg] = with_default(argument.arg, default)
    if node.args.vararg:
        shown["*"] = f"*{node.args.vararg.arg}"
    elif node.args.kwonlyargs:
        shown["*"] = "*"
    for argument, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True):
        shown[argument.arg] = with_default(argument.arg, default)
    return {name: text for name, text in shown.items() if name not in ("self", "_")}


def with_default(name: str, default: ast.expr | None) -> str:
    if default is None:
        return name
    value = ast.unparse(default)
    return f"[{name}]" if value == "..." else f"{name}={value}"


def call_of(name: str, overloads: list[ast.FunctionDef]) -> str:
    """The call with the most parameters; one that another overload lacks is optional."""
    all_shown = [parameters(node) for node in overloads]
    largest = max(all_shown, key=len)
    parts = [
        text if all(key in shown for shown in all_shown) else f"[{text}]"
        for key, text in largest.items()
    ]
    return f"{name}({', '.join(parts)})"


def is_property(node: ast.FunctionDef) -> bool:
    return any(ast.unparse(mark) == "property" for mark in node.decorator_list)


def functions(body: list[ast.stmt], prefix: str) -> Iterator[Entry]:
    """Functions, methods and properties with public names."""
    found: dict[str, list[ast.FunctionDef]] = {}
    for node in body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            found.setdefault(node.name, []).append(node)
    for name, overloads in found.items():
        docstring = next((d for d in map(ast.get_docstring, overloads) if d), None)
        call = "" if is_property(overloads[0]) else call_of(name, overloads)
        yield Entry(prefix + name, call, first_line(docstring, prefix + name))


def attributes(body: list[ast.stmt], prefix: str) -> Iterator[Entry]:
    """Variables that a docstring follows."""
    for node, after in zip(body, body[1:], strict=False):
        if isinstance(node, ast.AnnAssign) and isinstance(after, ast.Expr):
            text = ast.literal_eval(after.value).splitlines()[0]
            yield Entry(prefix + ast.unparse(node.target), "", text)


def of_class(node: ast.ClassDef, name: str) -> Iterator[Entry]:
    made = [n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"]
    call = call_of(node.name, made) if made else ""
    yield Entry(name, call, first_line(ast.get_docstring(node), name))
    yield from functions(node.body, f"{name}.")


def is_on_board(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.ClassDef)
        and not node.name.startswith("_")
        and not TYPES_ONLY & {ast.unparse(base) for base in node.bases}
    )


def public(tree: ast.Module, node: ast.ImportFrom) -> dict[str, str]:
    """What an import of the native module makes public: {its name there: its name here}."""
    listed: set[str] = set()
    for each in tree.body:
        if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == "__all__":
            listed = set(ast.literal_eval(each.value))
    names = {alias.name: alias.asname or alias.name for alias in node.names}
    same = {alias.name for alias in node.names if alias.asname == alias.name}
    return {name: here for name, here in names.items() if name in same or here in listed}


def of_native(native: list[ast.stmt], names: dict[str, str], prefix: str) -> Iterator[Entry]:
    """The entries of native functions and classes under their public names."""
    chosen = [n for n in native if isinstance(n, ast.FunctionDef) and n.name in names]
    for entry in functions(list(chosen), ""):
        here = names[entry.name]
        yield Entry(prefix + here, entry.call.replace(entry.name, here, 1), entry.text)
    for node in native:
        if isinstance(node, ast.ClassDef) and node.name in names:
            yield from of_class(node, prefix + names[node.name])


def of_module(folder: Path, module: str, native: list[ast.stmt]) -> Iterator[Entry]:
    path = folder / MODULES[module]
    tree = ast.parse(path.read_text())
    prefix = f"{module}."
    yield Entry(module, "", first_line(ast.get_docstring(tree), module))
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == NATIVE:
            yield from of_native(native, public(tree, node), prefix)
        elif isinstance(node, ast.ImportFrom) and node.level and node.module:
            part = ast.parse(path.with_name(f"{node.module}.pyi").read_text())
            yield from of_native(part.body, public(tree, node), prefix)
        elif isinstance(node, ast.ClassDef) and is_on_board(node):
            yield from of_class(node, prefix + node.name)
    yield from functions(tree.body, prefix)
    yield from attributes(tree.body, prefix)


def entries(folder: Path) -> list[Entry]:
    """Every entry, sorted by name."""
    native = [n for file in NATIVE_FILES for n in ast.parse((folder / file).read_text()).body]
    found = [entry for module in MODULES for entry in of_module(folder, module, native)]
    # Their objects are public, their names are not.
    found += of_native(native, {"RamDisk": "RamDisk"}, f"{NATIVE}.")
    registers = ast.parse((folder / "memory-stubs/_regs.pyi").read_text()).body
    found += of_native(registers, {"SystemRegisters": "SystemRegisters"}, "memory._regs.")
    return sorted(found, key=lambda entry: entry.name)


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '\\0"'


def generate(found: list[Entry]) -> str:
    """The C source: for each entry its name, its call and its text, each with a NUL at its end."""
    lines = [
        "// Generated by make_help.py from the type stubs.",
        '#include "machine/help.h"',
        "",
        "const char help_texts[] =",
        *(f"    {quoted(e.name)} {quoted(e.call)} {quoted(e.text)}" for e in found),
        '    "";',
    ]
    return "\n".join(lines) + "\n"


def main(folder: str) -> int:
    try:
        text = generate(entries(Path(folder)))
    except (OSError, SyntaxError, HelpError) as error:
        print(f"make_help.py: {error}", file=sys.stderr)
        return 1
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
