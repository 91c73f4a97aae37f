# SPDX-License-Identifier: MIT
"""The lengths of functions, files and lines: that the finder finds them, and the limits."""

from __future__ import annotations

import host_library
import pytest

from pimem.dev import functions
from pimem.dev.functions import Function, c_functions, python_functions

HEAP = host_library.ROOT / "modules" / "memory" / "core" / "heap" / "heap.c"
C = r"""
// int commented(void) {
/* int commented_too(void) { */
static int one(void) {
    return '{' + "}"[0]; // not the end: }
}
int declared(int a);
static const int table[] = { f(1) };
struct pair { int a, b; };
typedef struct _foo_t {
    int (*call)(int a, int b);
} foo_t;
#define MACRO(a, b) do { \
        a(b); \
    } while (0) {
static MP_DEFINE_CONST_FUN_OBJ_2(one_obj, one);
__attribute__((noreturn)) void two(int a,
    int b) {
    if (a) {
    }
}
const foo_t foo = { .call = (one_t)0 };
static inline bool seven(int a, int (*b)(int, int), int c[2], foo_t d, int e, int f, ...) { }
void (*returned(int a, int b))(int) {
    return 0;
}
int FUNC(named)(int a) {
}
enum { A, B };
"""
PYTHON = '''
@decorated(
    1,
)
def one(a, /, b=(1, 2), *more, c, d=0, **others):
    """Two lines
    of text."""
    return lambda x: x

class Six:
    async def method(self, a, b, c, d, e):
        def inner():
            pass
'''


def test_c_functions_are_found_by_their_tokens() -> None:
    assert list(c_functions(C)) == [
        Function("one", 4, 3, 0),
        Function("two", 17, 5, 2),
        Function("seven", 23, 1, 7),
        Function("returned", 24, 3, 2),
        Function("named", 27, 2, 1),
    ]


def test_python_functions_are_found_in_the_syntax_tree() -> None:
    assert list(python_functions(PYTHON)) == [
        Function("one", 5, 4, 3),
        Function("method", 11, 3, 6),
        Function("inner", 12, 2, 0),
    ]


def test_every_function_of_a_file_is_found_once() -> None:
    names = [each.name for each in functions.functions(HEAP)]
    assert {"heap_init", "heap_alloc", "heap_free", "heap_realloc", "carve"} <= set(names)
    assert len(names) == len(set(names)) >= 25


@pytest.mark.parametrize("text", ["void f(void) {\n", "void f(void) { (] }\n", "int a[(1];\n"])
def test_c_whose_brackets_do_not_fit_is_refused(text: str) -> None:
    with pytest.raises(functions.Unreadable, match="line 1: "):
        list(c_functions(text))


def plant(monkeypatch: pytest.MonkeyPatch, folder, files: dict[str, str]) -> list[str]:
    """The offences of a tree of a few files."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    monkeypatch.setattr(functions, "ROOT", folder)
    return functions.offences(functions.parts())


SMALL = {
    "modules/memory/core/a.c": "int f(int a) {\n}\n" * 9,
    "modules/memory/bindings/a.c": "int f(int a) {\n}\n",
    "modules/memory/python/a.py": "def f():\n    pass\n",
    "ports/rpi-aarch64/a.c": "int f(int a) {\n}\n",
    "tools/a.py": "def f():\n    pass\n",
    "tests/a.py": "def f():\n    pass\n",
}


@pytest.mark.parametrize(
    ("path", "text", "offence"),
    [
        ("modules/memory/core/b.c", "\nint g(void) {" + "\n" * 45 + "}", ":2: g(): 46 lines"),
        ("ports/rpi-aarch64/b.h", "void g(a, b, c, d, e, f, g) {}", ":1: g(): 7 parameters"),
        ("tools/b.py", "def g(a, b, c, d, e, f, g): 0", ":1: g(): 7 parameters"),
        ("tests/b.py", "def g():\n    0" + "\n    0" * 44, ":1: g(): 46 lines"),
        ("modules/memory/python/a.py", "def f():\n    0" + "\n    0" * 8, "a median of 10 lines"),
        ("boards/b.mk", "\n" * 501, ": 501 lines"),
        ("modules/memory/core/b.c", "\n//" + " a" * 60, ":2: 122 columns"),
        ("ports/rpi-aarch64/b.h", "// " + "é" * 118, ":1: 121 columns"),
        ("tests/b.S", "// " + "a" * 118, ":1: 121 columns"),
    ],
)
def test_what_is_over_a_limit_is_named(monkeypatch, tmp_path, path, text, offence) -> None:
    assert plant(monkeypatch, tmp_path, SMALL) == []
    (found,) = plant(monkeypatch, tmp_path, {path: text})
    assert offence in found
    assert found.startswith((path, "frozen: "))


def test_what_is_at_the_limits_is_allowed(monkeypatch, tmp_path) -> None:
    files = {
        "modules/memory/core/b.c": "\nint g(a, b, c, d, e, f) {" + "\n" * 44 + "}",
        "tools/b.py": "def g(a, b, c, d, e, f, *, g): 0\n" + "\n" * 499,
        "tests/b.py": "def g(a, b, c, d, e, f, g): 0\n" * 600,
        "ports/rpi-aarch64/b.h": "// " + "é" * 117,
    }
    assert plant(monkeypatch, tmp_path, SMALL | files) == []


def test_no_function_or_file_of_the_tree_is_over_the_limits() -> None:
    parts = functions.parts()
    assert functions.offences(parts) == []
    heading, *rows = functions.table(parts).splitlines()
    assert [row.split()[0] for row in rows] == list(functions.ROWS)
    assert {part for part in map(functions.part_of, functions.sources()) if part} == set(
        functions.ROWS
    )
