# SPDX-License-Identifier: MIT
"""The type stubs of `memory` tell what is on the board: every name, both ways."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

import pytest

from pimem.testing.board_session import Machine

STUBS = Path(__file__).parents[2] / "modules" / "memory" / "stubs"
MODULES = {
    "_memory": "_memory.pyi",
    "memory": "memory/__init__.pyi",
    "memory.frames": "memory/frames.pyi",
    "memory.pagers": "memory/pagers.pyi",
    "memory.user": "memory/user.pyi",
}
# Frozen modules that are nobody's interface; they are there once something has used them.
INTERNAL = {"memory": {"boot"}, "memory.pagers": {"copyonwrite", "filemap", "watch"}}
# How an object of each class comes to be. Classes that are there by other means have None.
MAKE = {
    "Frames": "memory.frames.alloc()",
    "RamDisk": "memory.ramdisk(8192)",
    "Block": "memory.heap.alloc(16)",
    "Heap": "memory.Heap(8192)",
    "AddressSpace": "memory.AddressSpace()",
    "Fault": "fault()",
    "Registers": "registers()",
    "Step": "memory.kernel.walk(memory.report()['kernel']['text'][0])[-1]",
    "Mapping": "memory.kernel.mappings()[0]",
    "Region": "memory.kernel.regions()[0]",
}
# What operators and built-in functions need a method for that dir() does not show.
PROTOCOLS = {"__len__": "len(o)", "__buffer__": "memoryview(o)", "__iter__": "iter(o)"}
PROTOCOLS |= {"__getitem__": "o[0]", "__contains__": "0 in o", "__call__": "o()"}
SHOWN = ("__enter__", "__exit__")

Names = dict[str, str]  # name: kind


# --- what the stubs say ---


@functools.cache
def stub(module: str) -> ast.Module:
    return ast.parse((STUBS / MODULES[module]).read_text())


def classes(module: str, named_tuples: bool) -> dict[str, ast.ClassDef]:
    found = [node for node in stub(module).body if isinstance(node, ast.ClassDef)]
    return {
        node.name: node
        for node in found
        if any(ast.unparse(base) == "NamedTuple" for base in node.bases) == named_tuples
    }


def exported(module: str) -> set[str]:
    """What `__all__` lists; imported names are public by it, or as `import x as x`."""
    for node in stub(module).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


def imported(module: str, node: ast.ImportFrom) -> Names:
    """The names that an import makes public, with their kinds."""
    names = {}
    for alias in node.names:
        name = alias.asname or alias.name
        if alias.asname == alias.name or name in exported(module):
            source = stub_names(node.module) if node.module else {alias.name: "module"}
            names[name] = source.get(alias.name, f"name, which the stub of {node.module} has not")
    return names


@functools.cache
def stub_names(module: str) -> Names:
    """Public names; type aliases and named tuples exist in stubs only."""
    names = {}
    for node in stub(module).body:
        if isinstance(node, ast.FunctionDef):
            names[node.name] = "function"
        elif isinstance(node, ast.ClassDef) and node.name in classes(module, named_tuples=False):
            names[node.name] = "class"
        elif isinstance(node, ast.AnnAssign):
            names[ast.unparse(node.target)] = "value"
        elif isinstance(node, ast.ImportFrom) and node.module in (None, *MODULES):
            names |= imported(module, node)
    return names


def stub_members(node: ast.ClassDef) -> Names:
    """Attributes and methods, without the protocols and the constructor."""
    names = {}
    for each in node.body:
        if isinstance(each, ast.AnnAssign):
            names[ast.unparse(each.target)] = "attribute"
        elif isinstance(each, ast.FunctionDef):
            marks = [ast.unparse(mark) for mark in each.decorator_list]
            names[each.name] = "attribute" if "property" in marks else "method"
    return {name: kind for name, kind in names.items() if shown(name)}


def has(node: ast.ClassDef, method: str) -> bool:
    return any(isinstance(each, ast.FunctionDef) and each.name == method for each in node.body)


def shown(name: str) -> bool:
    return not name.startswith("__") or name in SHOWN


# --- what is on the board ---

LOOK = """\
import memory, _memory
import memory.frames, memory.user

def registers():
    # dir() shows only names that the interpreter has met.
    o = memory.user.Registers()
    for letter, count in (("x", 31), ("d", 32), ("q", 32)):
        for i in range(count):
            getattr(o, letter + str(i))
    return o

def fault():
    try:
        memory.call(0)
    except memory.Fault as exc:
        return exc

def kind(x):
    if isinstance(x, type):
        return "class"
    if type(x) is type(memory):
        return "module"
    return "function" if callable(x) else "value"

def members(o):
    return {n: "method" if callable(getattr(o, n)) else "attribute" for n in dir(o)}

def works(code, o):
    try:
        eval(code, {"o": o})
    except (TypeError, NotImplementedError):
        return False
    except (IndexError, KeyError, ValueError):
        pass
    return True
"""


def differences(stubbed: Names, live: Names, where: str) -> list[str]:
    """In words, for whoever forgot one of the two."""
    texts = []
    for name in sorted({*stubbed, *live}):
        a, b = stubbed.get(name), live.get(name)
        if b is None:
            texts.append(f"{where}{name}: the stub has this {a}, the board does not")
        elif a is None:
            texts.append(f"{where}{name}: the board has this {b}, the stub does not")
        elif a != b:
            texts.append(f"{where}{name}: the stub calls it a {a}, the board has a {b}")
    return texts


@pytest.mark.parametrize("module", MODULES)
def test_a_module_has_the_names_of_its_stub(board: Machine, module: str) -> None:
    live = board.eval(f"{{n: kind(getattr({module}, n)) for n in dir({module})}}", LOOK)
    private = INTERNAL.get(module, set())
    frozen = module != "_memory"
    live = {
        name: kind
        for name, kind in live.items()
        if shown(name) and name not in private and not (frozen and name.startswith("_"))
    }
    # dir() asks a module for every name that the interpreter knows; ask for those of the stub too.
    for name in sorted(stub_names(module).keys() - live.keys()):
        if board.eval(f"hasattr({module}, {name!r})", LOOK):
            live[name] = board.eval(f"kind({module}.{name})", LOOK)
    assert differences(stub_names(module), live, f"{module}.") == []


def test_every_class_of_the_stubs_can_be_made() -> None:
    found = classes("_memory", named_tuples=False) | classes("_memory", named_tuples=True)
    assert MAKE.keys() == found.keys(), "MAKE in this file tells how each comes to be"


@pytest.mark.parametrize("name", classes("_memory", named_tuples=False))
def test_a_class_has_the_members_of_its_stub(board: Machine, name: str) -> None:
    node = classes("_memory", named_tuples=False)[name]
    base = "OSError()" if name == "Fault" else "object()"
    live, inherited, protocols, made = board.eval(
        f"[members(o), dir({base}), [n for n, c in {PROTOCOLS}.items() if works(c, o)],"
        f" type(o).__name__]",
        f"{LOOK}\no = {MAKE[name]}",
    )
    if name == "RamDisk":  # the one object that a soft reset does not end
        board.exec("o.close()")
    live = {n: kind for n, kind in live.items() if shown(n) and n not in inherited}
    live |= dict.fromkeys(protocols, "method")
    stubbed = stub_members(node) | {n: "method" for n in PROTOCOLS if has(node, n)}
    assert made == name
    assert differences(stubbed, live, f"{name}.") == []


def test_classes_without_a_constructor_cannot_be_called(board: Machine) -> None:
    found = classes("_memory", named_tuples=False)
    closed = [name for name, node in found.items() if not node.bases and not has(node, "__init__")]
    assert "Frames" in closed
    made = board.eval(f"[n for n in {closed} if works('o()', getattr(_memory, n))]", LOOK)
    assert made == [], "it makes one, and the stub has no __init__"


@pytest.mark.parametrize("name", classes("_memory", named_tuples=True))
def test_a_named_tuple_has_the_fields_of_its_stub_in_order(board: Machine, name: str) -> None:
    node = classes("_memory", named_tuples=True)[name]
    fields = [ast.unparse(each.target) for each in node.body if isinstance(each, ast.AnnAssign)]
    live, size, same = board.eval(
        f"[members(o), len(o), all(getattr(o, n, o) == o[i] for i, n in enumerate({fields})"
        " if i < len(o))]",
        f"{LOOK}\no = {MAKE[name]}",
    )
    live = {n: kind for n, kind in live.items() if shown(n)}
    assert differences(dict.fromkeys(fields, "attribute"), live, f"{name}.") == []
    assert size == len(fields) and same, f"{name}: not in the order of the stub"


def test_a_forgotten_name_is_named() -> None:
    stubbed = {"both": "function", "gone": "function", "other": "class"}
    live = {"both": "function", "new": "value", "other": "function"}
    assert differences(stubbed, live, "m.") == [
        "m.gone: the stub has this function, the board does not",
        "m.new: the board has this value, the stub does not",
        "m.other: the stub calls it a class, the board has a function",
    ]
