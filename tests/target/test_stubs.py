# SPDX-License-Identifier: MIT
"""The type stubs describe what is on the board: every name in both directions, the number of
arguments, and the keys and types of what returns a dict."""

from __future__ import annotations

import array
import ast
import errno
import functools
import json
import math
import re
import struct
import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pimem.testing.board_session import PIS, Machine

STUBS = Path(__file__).parents[2] / "modules" / "memory" / "stubs"
MODULES = {
    "_memory": "_memory-stubs/__init__.pyi",
    "memory": "memory-stubs/__init__.pyi",
    "memory.frames": "memory-stubs/frames.pyi",
    "memory.pagers": "memory-stubs/pagers.pyi",
    "memory.user": "memory-stubs/user.pyi",
    "machine": "machine-stubs/__init__.pyi",
    "micropython": "micropython-stubs/__init__.pyi",
    "neopixel": "neopixel-stubs/__init__.pyi",
    "uctypes": "uctypes-stubs/__init__.pyi",
    "vfs": "vfs-stubs/__init__.pyi",
    "gc": "pimem_stubs/board/gc.pyi",
    "os": "pimem_stubs/board/os.pyi",
    "time": "pimem_stubs/board/time.pyi",
}
# Modules of the board that are a part of CPython's module of the same name, whose stub fits.
AS_IN_CPYTHON = (array, errno, json, math, struct)
# Frozen modules that no program imports; they appear once something has used them.
INTERNAL = {
    "memory": {"boot"},
    "memory.pagers": {"copyonwrite", "filemap", "watch"},
    "neopixel": {"machine", "TIMINGS", "_start"},
}
# Modules with classes in Python, whose messages count the object that is made.
PYTHON_CLASSES = ("memory.pagers", "neopixel")
# An expression for an object of each class of _memory.
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

# The same for the other native modules.
MAKE_OTHERS = {
    ("machine", "I2C"): "machine.I2C(1)",
    ("machine", "Partition"): "machine.Partition(machine.SDCard(), 1)",
    ("machine", "Pin"): "machine.Pin(0)",
    ("machine", "PWM"): "machine.PWM(12)",
    ("machine", "SPI"): "machine.SPI(0)",
    ("machine", "SDCard"): "machine.SDCard()",
    ("machine", "SoftI2C"): "machine.SoftI2C(5, 6)",
    ("machine", "SoftSPI"): "machine.SoftSPI(sck=5, mosi=6, miso=7)",
    ("machine", "Signal"): "machine.Signal(machine.Pin(0))",
    ("machine", "RTC"): "machine.RTC()",
    ("machine", "WDT"): "machine.WDT",
    ("machine", "Timer"): "machine.Timer()",
    ("micropython", "RingIO"): "micropython.RingIO(16)",
    ("machine", "UART"): "machine.UART(1)",
    ("neopixel", "NeoPixel"): "neopixel.NeoPixel(machine.Pin(0), 1)",
    ("uctypes", "struct"): "uctypes.struct(memory.heap.base, {})",
    ("vfs", "VfsFat"): "filesystem(vfs.VfsFat)",
    ("vfs", "VfsLfs2"): "filesystem(vfs.VfsLfs2)",
    ("vfs", "VfsRom"): "vfs.VfsRom(b'\\xd2\\xcd1\\0')",
}
# Whose objects have attributes that the class does not tell, and no board without a card has one:
# tests/emulator/test_card.py reads them.
NEED_A_CARD = ("SDCard", "Partition")
# Classes that boards without a header lack.
ON_A_HEADER = ("I2C", "PWM", "SPI", "SoftI2C", "SoftSPI", "UART")
# An object of these resets the board: in QEMU at once.
RESETS = ("WDT",)
# An expression for what each dict with known keys describes.
DICTS = {
    ("_memory", "FrameStats"): "memory.frames.stats()",
    ("_memory", "HeapStats"): "memory.heap.stats()",
    ("memory", "Report"): "memory.report()",
    ("memory", "GcHeap"): "memory.gc_report()",
}

Names = dict[str, str]  # name: kind


# --- what the stubs say ---


@functools.cache
def stub(module: str) -> ast.Module:
    """The statements of a stub, with those of its private files whose names it makes public."""
    path = STUBS / MODULES[module]
    tree = ast.parse(path.read_text())
    for node in list(tree.body):
        if (
            isinstance(node, ast.ImportFrom)
            and node.level
            and node.names[0].asname
            and node.module
        ):
            tree.body += ast.parse((path.parent / f"{node.module}.pyi").read_text()).body
    return tree


def all_classes(module: str) -> dict[str, ast.ClassDef]:
    return {node.name: node for node in stub(module).body if isinstance(node, ast.ClassDef)}


def based_on(node: ast.ClassDef, name: str) -> bool:
    return any(ast.unparse(base) == name for base in node.bases)


def classes(module: str, named_tuples: bool) -> dict[str, ast.ClassDef]:
    """The classes that the board has, or the named tuples, whose class has no name there."""
    return {
        name: node
        for name, node in all_classes(module).items()
        if based_on(node, "NamedTuple") == named_tuples
        and not based_on(node, "TypedDict")
        and not name.startswith("_")
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
            names[name] = source.get(alias.name, f"name that is not in the stub of {node.module}")
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
            if ast.unparse(node.annotation) != "TypeAlias":
                names[ast.unparse(node.target)] = "value"
        elif isinstance(node, ast.ImportFrom) and node.module in (None, *MODULES):
            names |= imported(module, node)
    return names


def members(module: str, node: ast.ClassDef) -> Iterator[ast.stmt]:
    """The statements of a class, and of those that the stub derives it from."""
    for base in node.bases:
        if ast.unparse(base) in all_classes(module):
            yield from members(module, all_classes(module)[ast.unparse(base)])
    yield from node.body


def stub_members(module: str, node: ast.ClassDef) -> Names:
    """Attributes and methods, without the protocols and the constructor."""
    names = {}
    for each in members(module, node):
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


@dataclass
class Limits:
    """The least and the largest number of positional arguments; None: any number."""

    least: int
    most: int | None


def limits(node: ast.FunctionDef, *, method: bool) -> Limits:
    static = any(ast.unparse(mark) == "staticmethod" for mark in node.decorator_list)
    count = len(node.args.posonlyargs) + len(node.args.args) - (method and not static)
    return Limits(count - len(node.args.defaults), None if node.args.vararg else count)


def all_limits(nodes: Iterable[ast.stmt], *, method: bool = False) -> dict[str, Limits]:
    """Those of each function; overloads together."""
    found: dict[str, Limits] = {}
    for node in nodes:
        marks = [ast.unparse(each) for each in getattr(node, "decorator_list", ())]
        if not isinstance(node, ast.FunctionDef) or "property" in marks:
            continue
        here = limits(node, method=method)
        before = found.get(node.name, here)
        most = None if None in (here.most, before.most) else max(here.most or 0, before.most or 0)
        found[node.name] = Limits(min(here.least, before.least), most)
    return found


def calls(module: str) -> dict[str, Limits]:
    """Expressions for what can be called in a module: functions, classes, methods."""
    found = {f"{module}.{name}": each for name, each in all_limits(stub(module).body).items()}
    for name, node in classes(module, named_tuples=False).items():
        for method, each in all_limits(members(module, node), method=True).items():
            if method == "__init__" and name != "Fault":
                found[f"{module}.{name}"] = each
            elif shown(method) and name not in RESETS:
                found[method_of(module, name, method)] = each
    return found


def method_of(module: str, name: str, method: str) -> str:
    if module == "memory.pagers":
        return f"(lambda *args: {module}.{name}.{method}(None, *args))"
    made = MAKE[name] if module == "_memory" else MAKE_OTHERS[module, name]
    return f"made(lambda: {made}, {method!r})"


# --- what is on the board ---

LOOK = """\
import memory, _memory
import memory.frames, memory.user
import gc, machine, micropython, neopixel, os, time, uctypes, vfs

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

def filesystem(kind):
    disk = memory.ramdisk(1 << 20)
    kind.mkfs(disk)
    return kind(disk)

def made(make, method):
    try:
        return getattr(make(), method)
    except OSError as exc:
        if exc.errno != 19:  # ENODEV: the machine has no such hardware
            raise

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
    """One sentence for each name that only one of the two has, or has as something else."""
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


def is_absent(board: Machine, name: str) -> bool:
    return name in ON_A_HEADER and board.name not in PIS


@pytest.mark.parametrize("module", MODULES)
def test_a_module_has_the_names_of_its_stub(board: Machine, module: str) -> None:
    live = board.eval(f"{{n: kind(getattr({module}, n)) for n in dir({module})}}", LOOK)
    private = INTERNAL.get(module, set())
    public = module != "_memory"
    live = {
        name: kind
        for name, kind in live.items()
        if shown(name) and name not in private and not (public and name.startswith("_"))
    }
    # dir() tries every interned name; the names of the stub are tried too.
    for name in sorted(stub_names(module).keys() - live.keys()):
        if board.eval(f"hasattr({module}, {name!r})", LOOK):
            live[name] = board.eval(f"kind({module}.{name})", LOOK)
    expected = {n: k for n, k in stub_names(module).items() if not is_absent(board, n)}
    assert differences(expected, live, f"{module}.") == []


@pytest.mark.parametrize("module", AS_IN_CPYTHON, ids=lambda module: module.__name__)
def test_a_module_without_a_stub_is_a_part_of_the_one_of_cpython(
    board: Machine, module: types.ModuleType
) -> None:
    name = module.__name__
    live = board.eval(f"dir({name})", f"import {name}")
    assert [each for each in live if shown(each) and not hasattr(module, each)] == []


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
    stubbed = stub_members("_memory", node) | {n: "method" for n in PROTOCOLS if has(node, n)}
    assert made == name
    assert differences(stubbed, live, f"{name}.") == []


@pytest.mark.parametrize(("module", "name"), MAKE_OTHERS)
def test_a_class_of_another_module_has_the_members_of_its_stub(
    board: Machine, module: str, name: str
) -> None:
    if is_absent(board, name):
        pytest.skip(f"{board.name} has no header")
    live = board.eval(f"members({module}.{name})", LOOK)
    stubbed = stub_members(module, classes(module, named_tuples=False)[name])
    if name in NEED_A_CARD:
        stubbed = {n: kind for n, kind in stubbed.items() if kind == "method"}
    public = {n: live[n] for n in live if shown(n) and n not in INTERNAL.get(module, set())}
    assert differences(stubbed, public, f"{name}.") == []


def test_every_class_of_another_module_is_compared() -> None:
    others = [module for module in MODULES if "memory" not in module]
    found = {(module, name) for module in others for name in classes(module, named_tuples=False)}
    assert found == MAKE_OTHERS.keys()


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


# --- arguments ---

TOLD = """
def told(call, count):
    if call is None or count < 0:
        return None
    try:
        call(*[None] * count)
    except TypeError as exc:
        return str(exc.args[0]) if exc.args else "no text"
    except Exception as exc:
        return repr(exc)
    return "it was called"
"""
EXACT = re.compile(r"takes ([0-9]+) positional arguments")
AT_MOST = re.compile(r"expected at most ([0-9]+) arguments")
MISSING = re.compile(r"missing ([0-9]+) required positional arguments")
NO_NUMBER = re.compile(
    r"extra positional arguments given|argument required|required positional argument #"
)


def disagreement(each: Limits, own: int, few: str | None, many: str | None) -> str | None:
    """What is wrong with `each` by the messages for one argument too few and one too many.

    own: arguments that the messages count and the stub does not: 1 of a method, its object.
    """
    if many is not None:
        found = EXACT.search(many) or AT_MOST.search(many)
        right = int(found[1]) - own == each.most if found else NO_NUMBER.search(many)
        if not right:
            return f"at most {each.most} arguments: {many}"
    if few is not None:
        missing = MISSING.search(few)
        right = int(missing[1]) == 1 if missing else EXACT.search(few) or NO_NUMBER.search(few)
        if not right:
            return f"at least {each.least} arguments: {few}"
    return None


@pytest.mark.parametrize("module", MODULES)
def test_functions_take_as_many_arguments_as_the_stub_says(board: Machine, module: str) -> None:
    wrong = {}
    board.exec(LOOK + TOLD)
    for call, each in calls(module).items():
        if any(is_absent(board, word) for word in re.findall(r"machine\.(\w+)", call)):
            continue
        counts = [each.least - 1, -1 if each.most is None else each.most + 1]
        few, many = board.eval(f"[told({call}, n) for n in {counts}]")
        if "'irq'" in call and many and "NoneType" in many:
            many = None  # MicroPython's irq() of UART converts its arguments before it counts them
        bound = "lambda" in call and "'mkfs'" not in call
        own = int(bound or (module in PYTHON_CLASSES and ".zeros" not in call))
        wrong[call] = disagreement(each, own, few, many)
    board.exec("import memory\ndisk = memory.ramdisk()\nif disk:\n disk.close()")
    assert {name: text for name, text in wrong.items() if text} == {}


def test_another_number_of_arguments_is_noticed() -> None:
    two = Limits(2, 2)
    exact = "function takes 2 positional arguments but 3 were given"
    assert disagreement(two, 0, None, exact) is None
    assert disagreement(Limits(1, 1), 1, None, exact) is None
    assert disagreement(two, 1, None, exact)
    assert disagreement(two, 0, None, "can't convert NoneType to int")
    assert disagreement(two, 0, "it was called", exact)
    assert disagreement(Limits(0, 1), 0, None, "function expected at most 2 arguments, got 2")
    assert disagreement(two, 0, "function missing 2 required positional arguments", exact)


# --- dicts with known keys ---


def misfits(module: str, value: Any, wanted: ast.expr, where: str) -> list[str]:
    """Where a value is not of the type that the stub has for it."""
    name = ast.unparse(wanted)
    node = all_classes(module).get(name)
    if node is not None and based_on(node, "TypedDict"):
        return typed_dict_misfits(module, value, node, where)
    if isinstance(wanted, ast.BinOp):
        both = [misfits(module, value, side, where) for side in (wanted.left, wanted.right)]
        return [] if [] in both else both[0]
    if isinstance(wanted, ast.Subscript) and isinstance(value, (list, dict)):
        kind = ast.unparse(wanted.value)
        inner = wanted.slice.elts[-1] if isinstance(wanted.slice, ast.Tuple) else wanted.slice
        items = value.values() if isinstance(value, dict) else value
        if kind == "tuple":
            inner = ast.Name("int")
        found = [text for each in items for text in misfits(module, each, inner, f"{where}[]")]
        return found if (kind == "dict") == isinstance(value, dict) else [f"{where}: no {kind}"]
    if name == "_NamedRange":
        fits = [type(each).__name__ for each in value] == ["int", "int", "str"]
    else:
        fits = type(value).__name__ == name or (value is None and name == "None")
    return [] if fits else [f"{where}: {value!r} is not {name}"]


def typed_dict_misfits(module: str, value: Any, node: ast.ClassDef, where: str) -> list[str]:
    fields = {
        ast.unparse(each.target): each.annotation
        for each in node.body
        if isinstance(each, ast.AnnAssign)
    }
    if fields.keys() != value.keys():
        return [f"{where}: keys {sorted(fields.keys() ^ value.keys())}"]
    return [
        text
        for key, wanted in fields.items()
        for text in misfits(module, value[key], wanted, f"{where}[{key!r}]")
    ]


@pytest.mark.parametrize(("module", "name"), DICTS)
def test_a_dict_has_the_keys_and_types_of_its_stub(board: Machine, module: str, name: str) -> None:
    value = board.eval(DICTS[module, name], "import memory")
    assert typed_dict_misfits(module, value, all_classes(module)[name], name) == []


def test_every_dict_with_known_keys_is_compared() -> None:
    found = {
        (module, name)
        for module in MODULES
        for name, node in all_classes(module).items()
        if based_on(node, "TypedDict")
    }
    inner = {
        name
        for outer in ("Report", "GcHeap")
        for each in all_classes("memory")[outer].body
        if isinstance(each, ast.AnnAssign)
        for name in re.findall(r"\w+", ast.unparse(each.annotation))
    }
    assert {(module, name) for module, name in found if name not in inner} == DICTS.keys()


def test_a_wrong_key_or_type_is_named() -> None:
    node = all_classes("memory")["FrameCounts"]
    good = {"total": 3, "free": 1, "used": 1, "reserved": 1}
    assert typed_dict_misfits("memory", good, node, "r") == []
    assert typed_dict_misfits("memory", {**good, "used": "1"}, node, "r") == [
        "r['used']: '1' is not int"
    ]
    assert typed_dict_misfits("memory", {"total": 3}, node, "r") == [
        "r: keys ['free', 'reserved', 'used']"
    ]


def test_a_forgotten_name_is_named() -> None:
    stubbed = {"both": "function", "gone": "function", "other": "class"}
    live = {"both": "function", "new": "value", "other": "function"}
    assert differences(stubbed, live, "m.") == [
        "m.gone: the stub has this function, the board does not",
        "m.new: the board has this value, the stub does not",
        "m.other: the stub calls it a class, the board has a function",
    ]
