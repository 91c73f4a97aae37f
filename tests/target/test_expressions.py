# SPDX-License-Identifier: MIT
"""Expressions and what prints bytes, beside CPython: the parser leaves out rules that cannot fit
(guard/py/parse.c), and repr() prints many bytes at once (guard/py/objstr.c)."""

from __future__ import annotations

import itertools

from on_board import ask

from pimem.testing.board_session import Machine

NAMES = "a, b, c, d = 7, 3, [1, 2, 5], {'k': 4}"
BINARY = [
    "+",
    "-",
    "*",
    "//",
    "%",
    "**",
    "<<",
    ">>",
    "&",
    "|",
    "^",
    "<",
    ">",
    "==",
    "<=",
    ">=",
    "!=",
    "and",
    "or",
    "in",
    "is",
] + ["not in", "is not"]
LEVELS = [f"{x} {op} {y}" for op in BINARY for x, y in (("a", "b"), ("-a", "c[1]"), ("(a)", "~b"))]
OTHERS = """
a
(a)
((a, b))
(a,)
()
[]
[a, b][1]
{a, b}
a if b else c
a if not b else lambda: c
not a
not not a and b
-a ** -b
a < b < c[0]
a + b * a - b
a * (b + a) * b
f(a)
f(a, b)
f(*c)
f(a, x=b == b)
f(f(f(a)))
f(a)(b)
f(a).real
c[1:]
c[:1]
c[::2]
c[a:b, ] if not a else c[0:2]
(x for x in c)
[x + y for x in c for y in c if x < y]
{x: y for x, y in d.items()}
sum(x for x in c)
sorted(c, key=lambda x: -x)[0]
(lambda x, *y, z=a: (x, y, z))(1, 2, 3)
(y := a) + y
f(y := a)
[y := a, y]
'a' 'b'
b'a' b'b' + b'c'
f'{a} {b + a}'
d['k']
...
None is None
True and False or a
""".strip().splitlines()
WRONG = """
1 +
f(
a b
a pass
f(pass)
f(a pass)
f(a break)
x = = 1
not
1 if 2
1 if 2 else
lambda
x[
x.pass
(1 for
(1,
(a b)
[a, , b]
a.
a..b
a not b
* a
f(**)
f(a=)
del
a :=
import
a in
is a
{a: }
""".strip().splitlines()
RUN = """
def shown(value):
    if callable(value):
        return "function"
    return list(value) if "gen" in str(type(value)) else value

def results(texts, names):
    found = []
    for text in texts:
        try:
            found.append(repr(shown(eval(text, names))))
        except Exception as e:
            found.append(type(e).__name__)
    return found
"""
DEFINED = f"{NAMES}\ndef f(*args, **kwargs):\n    return args, sorted(kwargs.items())\n"


def here(texts: list[str]) -> list[str]:
    names: dict[str, object] = {}
    exec(DEFINED + RUN, names)
    return list(names["results"](texts, names))  # type: ignore[operator]


def there(board: Machine, texts: list[str]) -> list[str]:
    script = f"{DEFINED}{RUN}\nprint(results({texts!r}, globals()))"
    return list(ask(board, script))


def test_expressions_have_the_values_of_cpython(board: Machine) -> None:
    texts = LEVELS + OTHERS
    found = dict(zip(texts, there(board, texts), strict=True))
    expected = dict(zip(texts, here(texts), strict=True))
    assert found == expected


def test_operators_bind_as_in_cpython(board: Machine) -> None:
    some = ["+", "*", "**", "<<", "&", "|", "==", "and"]
    texts = [f"a {x} b {y} 2 {z} b" for x, y, z in itertools.product(some, some, some)]
    texts = [each for each in texts if each.count("<<") < 2 and each.count("**") < 2]
    assert there(board, texts) == here(texts)


def test_what_is_no_expression_is_a_syntax_error(board: Machine) -> None:
    assert here(WRONG) == ["SyntaxError"] * len(WRONG)
    found = dict(zip(WRONG, there(board, WRONG), strict=True))
    assert {text: kind for text, kind in found.items() if kind != "SyntaxError"} == {}


def test_bytes_are_printed_as_in_cpython(board: Machine) -> None:
    some = [bytes(range(256)), b"", b"'", b'"', b"'\"", b"\\", b"a" * 1000, b"\xff" * 100]
    some += [b"'" * 127 + b'"', b"\n\r\t" * 50, *(b"a" * n + b"\xff" for n in range(120, 130))]
    assert ask(board, f"print([repr(each) for each in {some!r}])") == [repr(each) for each in some]
