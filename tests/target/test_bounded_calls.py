# SPDX-License-Identifier: MIT
"""Calls whose length comes from an argument: they end soon, or Ctrl-C ends them."""

from __future__ import annotations

import time

import pytest
from on_board import ask, ask_all

from pimem.testing.board_session import Machine

SETUP = """
import framebuf, math, random
from array import array
from collections import deque
fb = framebuf.FrameBuffer(bytearray(64), 8, 8, framebuf.GS8)
items = [1, 2]
queue = deque((1, 2, 3), 1000)
"""
#: Each would take minutes at least, most of them for ever, if memory did not run out before: no
#: bytecode runs meanwhile.
ENDLESS = [
    "sum(range(1 << 50))",
    "max(range(1 << 50))",
    "(1 << 70) in range(1 << 60)",
    "all(map(lambda x: True, range(1 << 60)))",
    "next(filter(lambda x: False, range(1 << 60)))",
    "list(range(1 << 60))",
    "tuple(zip(range(1 << 60)))",
    "set(range(1 << 60))",
    "items.extend(iter(items))",
    "queue.extend(iter(queue))",
    "''.join(map(str, range(1 << 60)))",
    "array('B', (7 for i in range(1 << 60)))",
    "3 ** (1 << 40)",
    "pow(3, 1 << int('40'))",
    "pow(3, (1 << 200_000) - 1, (1 << 200_000) - 3)",
    "math.factorial(1 << 40)",
    "str(1 << 20_000_000)",
    "int('9' * 3_000_000)",
    "(3 ** int('400_000')) % (7 ** int('200_000'))",
    "'%*d' % ((1 << 31) - 1, 1)",
    "fb.line(-(1 << 40), 0, 1 << 40, 1, 1)",
    "fb.line(0, 0, 1 << 62, 1 << 62, 1)",
    "fb.poly(0, 0, array('q', [0, 0, 0, 1 << 40, 5, 5]), 1, True)",
]


def interrupted(board: Machine, call: str, seconds: float) -> bytes:
    """What the board says of a call when Ctrl-C comes so long after its beginning. A fast host may
    have filled the memory by then."""
    link = board.link
    link.paste(f"{SETUP}\nprint('going')\n{call}\n".encode())
    link.read_until(b"going\r\n", total=60)
    time.sleep(seconds)
    link.write(b"\x03")
    return link.read_until(b"\x04>", total=60)


@pytest.mark.also_raw
@pytest.mark.parametrize("call", ENDLESS)
def test_ctrl_c_ends_a_loop_in_c(board: Machine, call: str) -> None:
    for attempt in range(8):
        said = interrupted(board, call, 0.2 / 2**attempt)
        if b"MemoryError" not in said:
            break
    assert b"KeyboardInterrupt" in said and b"MemoryError" not in said
    assert board.exec("import gc, memory; gc.collect(); print(memory.check())") == "[]\n"


def test_ctrl_c_during_a_copy_ends_the_loop_behind_it(board: Machine) -> None:
    """Nothing looks for Ctrl-C between the copy and the loop, and no interrupt comes by itself."""
    link = board.link
    script = f"""{SETUP}
target, source = bytearray(50_000_000), bytes(50_000_000)
print('going')
{"target[:] = source; " * 4}fb.line(-(1 << 40), 0, 1 << 40, 1, 1)
"""
    link.paste(script.encode())
    link.read_until(b"going\r\n", total=60)
    link.write(b"\x03")
    assert b"KeyboardInterrupt" in link.read_until(b"\x04>", total=60)


#: What CPython says, too.
VALUES = {
    "len('{:4000000}'.format(1))": 4_000_000,
    "len('%4000000d' % 1)": 4_000_000,
    "len('%.4000000d' % 1)": 4_000_000,
    "len('{:x^400000}'.format(1))": 400_000,
    "round(5, -(1 << 40))": 0,
    "round(-5, -(1 << 62))": 0,
    "round(5 << 70, -(1 << 31))": 0,
    "[round(n, -1) for n in (4, 5, 6, 15, 25, -15, 99)]": [0, 0, 10, 20, 20, -20, 100],
    "[round(7 << 70, -n) for n in range(18, 30)]": [round(7 << 70, -n) for n in range(18, 30)],
    "[round((1 << 62) - 1, -n) for n in (17, 18, 19, 20, 21, 22)]": [
        round((1 << 62) - 1, -n) for n in (17, 18, 19, 20, 21, 22)
    ],
    "extended(deque((1, 2, 3), 10))": [1, 2, 3, 1, 2, 3],
    "extended(deque((1, 2, 3), 4))": [3, 1, 2, 3],
    "extended(bytearray(b'ab'))": [97, 98, 97, 98],
    "extended([1, 2])": [1, 2, 1, 2],
    "eval('(' * 50_000 + '1' + ')' * 50_000)": 1,
    "eval('-' * 20_000 + '1')": 1,
    "eval('1' + '+1' * 20_000)": 20_001,
    "'{:0000000000005}'.format(7)": "00007",
    "'%0000000000005d' % 7": "00007",
    "'%%12345678901 %d' % 7": "%12345678901 7",
    "'%(12345678901)d' % {'12345678901': 7}": "7",
    "'12345678901 {}'.format(7)": "12345678901 7",
    "0 <= random.randrange(1 << 60) < 1 << 60": True,
    "0 <= random.randrange(1 << 32) < 1 << 32": True,
    "0 <= random.randint(0, (1 << 32) - 1) < 1 << 32": True,
    "max(random.randrange(1 << 40) for _ in range(64)) >> 36 > 0": True,
    "random.randrange(5, 1 << 50, 1 << 20) % (1 << 20)": 5,
    "random.randrange(1 << 50, 5, -(1 << 10)) % (1 << 10)": 0,
    "-(1 << 62) <= random.randint(-(1 << 62), (1 << 63) - 1) < 1 << 63": True,
}
REFUSED = {
    "MemoryError": [
        "1 << (1 << 40)",
        "1 << (1 << 62)",
        "bytes(1 << 40)",
        "bytearray(1 << 62)",
        "(5).to_bytes(1 << 40, 'big')",
        "('a' * 1_000_000).join([''] * 100_000)",
        "'a'.center(1 << 40)",
    ],
    "ValueError": [
        "'{:99999999999}'.format(1)",
        "'{:99999999999999999999}'.format(1)",
        "'{:4294967306}'.format(1)",
        "'{:.4294967306}'.format('x')",
        "'{:{}}'.format(1, 10 ** 20)",
        "'%4294967306d' % 1",
        "'%-+99999999999s' % 1",
        "'%.4294967306d' % 1",
        "framebuf.FrameBuffer(bytearray(8), 1 << 31, 1 << 31, framebuf.RGB565)",
        "fb.poly(0, 0, array('b', bytes(40_000)), 1, True)",
        "random.randrange(0)",
        "random.randrange(5, 5, 1)",
        "random.randrange(1, 9, 0)",
        "random.randint(1 << 40, 0)",
    ],
    "RuntimeError": ["eval('[' * 50_000 + ']' * 50_000)"],
}
EXTENDED = """
def extended(items):
    items.extend(items)
    return list(items)
"""


def test_what_can_be_told_soon_is_told(board: Machine) -> None:
    script = f"{SETUP}{EXTENDED}\nfor call in {list(VALUES)}:\n    print(repr(eval(call)))\n"
    assert dict(zip(VALUES, ask_all(board, script), strict=True)) == VALUES


def test_what_cannot_be_is_refused(board: Machine) -> None:
    calls = [call for some in REFUSED.values() for call in some]
    script = f"""{SETUP}
def ends(call):
    try:
        return repr(eval(call))[:40]
    except Exception as e:
        return type(e).__name__
print([ends(call) for call in {calls}])
"""
    expected = {call: name for name, some in REFUSED.items() for call in some}
    assert dict(zip(calls, ask(board, script), strict=True)) == expected
    assert board.eval("memory.check()", "import memory") == []


def test_an_interrupt_does_not_reach_the_next_call(board: Machine) -> None:
    """Ctrl-C takes room on the stack away until it is raised: recursion is as deep afterwards."""
    script = """
import gc, micropython
def depth(n=0):
    try:
        return depth(n + 1)
    except RuntimeError:
        return n
before = depth()
try:
    micropython.kbd_intr(3)
    for _ in range(20):
        print("going")
        sum(range(1 << 50))
except KeyboardInterrupt:
    pass
print(before == depth())
"""
    link = board.link
    link.write(script.encode() + b"\x04")
    link.read_until(b"going\r\n", total=20)
    link.write(b"\x03")
    assert b"True\r\n" in link.read_until(b"\x04>", total=20)
