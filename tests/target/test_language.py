# SPDX-License-Identifier: MIT
"""Traps of a bare-metal port, each met once and kept out since."""

from __future__ import annotations

import calendar
import datetime
import random
import re
from collections.abc import Iterator

import pytest
from machine_code import code

from pimem.board.link import ScriptError
from pimem.testing.board_session import Machine

# `set` puts a number into d8, a register that every called function has to leave as it was; `get`
# reads it. A raise that unwinds past `clobber`, which dirtied d8 and never restored it, has to
# put back what d8 was where the exception is caught: the ABI counts on it, nlraarch64.c forgets.
FLOATS = """\
import memory, struct
code = memory.frames.alloc(1)
view = memoryview(code)
view[:16] = SET_AND_GET
VA = 0x6000000000
space = memory.AddressSpace()
space.map(VA, code, prot='rx')
space.activate()
memory.sync_code(VA, 16)
call = memory.call

def bits(x):
    return struct.unpack('<Q', struct.pack('<d', x))[0]

def clobber():
    call(VA, SEVEN)
    raise ValueError

def caught():
    try:
        clobber()
    except ValueError:
        pass
    return call(VA + 8)

THREE, SEVEN = bits(3.0), bits(7.0)
call(VA, THREE)
print(struct.unpack('<d', struct.pack('<Q', caught()))[0])
"""

MEMMOVE = """\
import time
def cost(size):
    view = memoryview(bytearray(size))
    data = bytes(256)
    view[0:256] = data
    start = time.ticks_us()
    view[0:256] = data
    view[0:256] = data
    return time.ticks_diff(time.ticks_us(), start)
small = [cost(4096) for _ in range(3)][-1]
large = cost(16 << 20)
"""


def test_a_caught_exception_restores_the_float_registers(board: Machine) -> None:
    program = code("fmov d8, x0; ret; fmov x0, d8; ret")
    assert board.exec(f"SET_AND_GET = {program}\n{FLOATS}") == "3.0\n"


def test_float_results_are_right_across_exceptions(board: Machine) -> None:
    board.exec(
        """\
import math
def noisy(n):
    try:
        if n % 2:
            raise ValueError(n)
        return math.sqrt(n)
    except ValueError as e:
        return float(e.args[0]) / 3.0
total, plain = 0.0, 0.0
for n in range(500):
    a = n * 1.5
    total += a * noisy(n) - a
    plain += a * (n / 3.0 if n % 2 else math.sqrt(n)) - a
assert total == plain, (total, plain)
"""
    )


def test_writing_a_slice_of_a_memoryview_does_not_move_the_rest(counted: Machine) -> None:
    small, large = counted.eval("[small, large]", MEMMOVE)
    # A microsecond is a thousand instructions here. Moving 16 MiB onto itself takes a million.
    assert large - small < 100, (small, large)


def test_time_is_whole_seconds_and_agrees_with_nanoseconds(board: Machine) -> None:
    board.exec(
        """\
import time
now, ns, later = time.time(), time.time_ns(), time.time()
assert type(now) is int, type(now)
assert now <= ns // 1000000000 <= later
assert time.mktime(time.localtime(now)) == now
assert time.gmtime(0) == (1970, 1, 1, 0, 0, 0, 3, 1)
a = time.ticks_us(); time.sleep_ms(5); b = time.ticks_us()
assert time.ticks_diff(b, a) >= 5000
"""
    )


def dates() -> Iterator[tuple[tuple[int, ...], int]]:
    """Dates, and the seconds that CPython's calendar gives them."""
    for year in (1970, 1971, 1972, 1999, 2000, 2001, 2038, 2099, 2100, 2101, 2400, 9999):
        for month, day in ((1, 1), (2, 28), (3, 1), (12, 31)):
            date = (year, month, day, 23, 59, 58)
            yield date, calendar.timegm(date)
    # Parts out of their range count on.
    yield (2001, 14, 1, 0, 0, 0), calendar.timegm((2002, 2, 1, 0, 0, 0))
    yield (2001, 0, 1, 0, 0, 0), calendar.timegm((2000, 12, 1, 0, 0, 0))
    yield (2001, -11, 1, 0, 0, 0), calendar.timegm((2000, 1, 1, 0, 0, 0))
    yield (2001, 1, 0, 0, 0, 0), calendar.timegm((2000, 12, 31, 0, 0, 0))
    yield (2000, 2, 30, 0, 0, 0), calendar.timegm((2000, 3, 1, 0, 0, 0))
    yield (2000, 1, 1, 25, 61, -1), calendar.timegm((2000, 1, 2, 2, 0, 59))
    yield (1969, 12, 32, 0, 0, 0), 0
    yield (1971, 1, 1 - 365, 0, 0, 0), 0
    yield (2000, 1, 1_000_000_000, 0, 0, 0), 946684800 + 999_999_999 * 86400


def test_dates_become_seconds_since_1970(board: Machine) -> None:
    pairs = list(dates())
    results = board.eval(
        f"[time.mktime(d + (0, 0)) for d in {[d for d, _ in pairs]}]", "import time"
    )
    for (date, expected), result in zip(pairs, results, strict=True):
        assert result == expected, date


@pytest.mark.parametrize(
    "date",
    [
        "1969, 12, 31, 23, 59, 59",
        "1970, 1, 1, 0, 0, -1",
        "1970, 1, 0, 0, 0, 0",
        "1970, 0, 31, 0, 0, 0",
        "1600, 1, 1, 0, 0, 0",
        "1, 1, 1, 0, 0, 0",
        "-400, 1, 1, 0, 0, 0",
        "2000, 1, -2**61, 0, 0, 0",
        "2000, 1, 2**61, 0, 0, 0",
        "2**61, 1, 1, 0, 0, 0",
        "2000, -2**61, 1, 0, 0, 0",
        "2000, 1, 1, 0, 0, -2**61",
    ],
)
def test_a_date_before_the_epoch_raises(board: Machine, date: str) -> None:
    with pytest.raises(ScriptError, match="OverflowError: mktime: date before 1970"):
        board.exec(f"import time\ntime.mktime(({date}, 0, 0))")


def test_seconds_become_dates_of_every_year(board: Machine) -> None:
    """Also before 1970, and before 1600, where timeutils of MicroPython goes wrong."""
    years = (1, 4, 100, 101, 400, 401, 1599, 1600, 1601, 1900, 1969, 1970, 2000, 2100, 9999)
    days = [(y, m, d) for y in years for m, d in ((1, 1), (2, 28), (3, 1), (12, 31))]
    seconds = [calendar.timegm((*day, 0, 0, 0)) + s for day in days for s in (0, 86399)]
    draw = random.Random(1)
    seconds += [draw.randrange(seconds[0], seconds[-1]) for _ in range(300)]
    dates = board.eval(f"[time.gmtime(s) for s in {seconds}]", "import time")
    for second, date in zip(seconds, dates, strict=True):
        when = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=second)
        expected = when.timetuple()
        assert date == [*expected[:6], expected.tm_wday, expected.tm_yday], second
    last = board.eval("time.mktime((65535, 12, 31, 23, 59, 59, 0, 0))", "import time")
    assert board.eval(f"time.gmtime({last})", "import time")[:3] == [65535, 12, 31]
    for outside in (last + 1, seconds[0] - 1, -1 << 40, 1 << 62, -1 << 63):
        with pytest.raises(ScriptError, match=rf"OverflowError: {outside} seconds are not in"):
            board.exec(f"import time\ntime.gmtime({outside})")


def test_numbers_print_so_that_they_read_back(board: Machine) -> None:
    board.exec(
        """\
import random, struct
assert str(0.1 + 0.2) == '0.30000000000000004', str(0.1 + 0.2)
random.seed(1)
wrong = 0
for n in range(2000):
    x = struct.unpack('<d', struct.pack('<II', random.getrandbits(32), random.getrandbits(32)))[0]
    wrong += x == x and float(repr(x)) != x
assert wrong == 0, wrong
"""
    )


def test_time_begins_on_the_day_of_the_build(fresh: Machine) -> None:
    """MicroPython's banner names that day. A soft reset does not set the clock back."""
    version, up, now, later = fresh.eval(
        "(sys.version, time.ticks_ms() // 1000, time.time(), time.ticks_ms() // 1000)",
        "import sys, time",
    )
    [day] = re.findall(r"MicroPython \S+ on (\d{4}-\d\d-\d\d)", version)
    built = calendar.timegm(datetime.date.fromisoformat(day).timetuple())
    assert built >= 1_700_000_000, "and not 1970, 1980 or 2000"
    assert up <= now - built <= later + 1


def test_files_carry_the_time_they_were_written(board: Machine) -> None:
    board.exec("import os, time\nbefore = time.time()")
    board.exec("with open('/f', 'w') as f:\n    f.write('x')")
    try:
        # FAT keeps even seconds.
        assert board.eval("before - 2 <= os.stat('/f')[8] <= time.time()") is True
        assert board.eval("os.stat('/f')[6]") == 1
    finally:
        board.exec("os.remove('/f')")


@pytest.mark.parametrize(
    "recursion",
    [
        "def f(n):\n    return f(n + 1) + 1\nf(0)",
        "class A:\n    def __getattr__(self, name):\n        return getattr(self, name)\nA().x",
        "def g(x):\n    return sorted([2, 1], key=g)\ng(1)",
        "x = []\nfor _ in range(100000):\n    x = [x]\nrepr(x)",
    ],
)
def test_endless_recursion_is_a_runtime_error(board: Machine, recursion: str) -> None:
    for _ in range(2):
        with pytest.raises(ScriptError, match="RuntimeError: maximum recursion depth exceeded"):
            board.exec(recursion)
    assert board.exec("print(sum(range(10)))") == "45\n"


@pytest.mark.parametrize("depth", [22, 23, 24, 47, 48, 100])
def test_of_a_long_traceback_both_ends_are_shown(board: Machine, depth: int) -> None:
    code = "def down(n):\n    if n:\n        return up(n - 1)\n    1/0\n"
    code += f"def up(n):\n    return down(n)\ndown({depth})\n"
    with pytest.raises(ScriptError) as caught:
        board.exec(code)
    lines = caught.value.traceback.splitlines()
    at = '  File "<stdin>", line {}, in {}'
    calls = [at.format(7, "<module>"), *[at.format(3, "down"), at.format(6, "up")] * depth]
    calls.append(at.format(4, "down"))
    if len(calls) > 49:
        calls[24:-24] = [f"  [{len(calls) - 48} calls are not shown]"]
    assert lines == ["Traceback (most recent call last):", *calls, lines[-1]]
    assert lines[-1].startswith("ZeroDivisionError")


def test_recursion_is_deep_enough_for_programs(board: Machine) -> None:
    depth = board.eval(
        "depth()",
        "def depth(n=0):\n    try:\n        return depth(n + 1)\n    except RuntimeError:\n"
        "        return n",
    )
    assert depth >= 100


def test_atexit_runs_once_at_the_end(board: Machine) -> None:
    board.exec("import sys\nsys.atexit(lambda: print('good bye'))")
    assert "good bye" in board.soft_reset()
    assert "good bye" not in board.soft_reset()


def test_an_exit_function_that_fails_does_not_stop_the_reset(board: Machine) -> None:
    board.exec("import sys\nsys.atexit(lambda: 1 / 0)")
    assert "ZeroDivisionError" in board.soft_reset()
    assert board.exec("print('up')") == "up\n"


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 / 3", 1 / 3),
        ("2 ** 0.5", 2**0.5),
        ("0.1 + 0.2", 0.1 + 0.2),
        ("math.sin(1e10)", -0.48750602508751067),
        ("math.log2(8), math.gamma(5), math.erf(0.5)", [3.0, 24.0, 0.5204998778130465]),
        ("abs(3 + 4j)", 5.0),
        ("3 ** 200 % 10 ** 20", 3**200 % 10**20),
        ("int('f' * 40, 16) >> 100", int("f" * 40, 16) >> 100),
        ("float('1e308') * 10 == float('inf')", True),
    ],
)
def test_numbers_are_those_of_python(board: Machine, expression: str, value: object) -> None:
    got = board.eval(expression.join("()"), "import math")
    assert got == pytest.approx(value, rel=1e-15, abs=0)


def test_random_numbers_differ_and_stay_in_range(board: Machine) -> None:
    board.exec(
        "import os, random\na, b = os.urandom(16), os.urandom(16)\n"
        "assert len(a) == 16 and a != b\n"
        "assert all(0 <= random.random() < 1 for _ in range(100))\n"
        "assert {random.randint(1, 3) for _ in range(200)} == {1, 2, 3}"
    )


def test_tasks_run_side_by_side(board: Machine) -> None:
    printed = board.exec(
        """\
import asyncio
async def count(name, ms):
    for n in range(3):
        await asyncio.sleep_ms(ms)
        print(name, n)
async def main():
    await asyncio.gather(count('a', 20), count('b', 20))
asyncio.run(main())
"""
    )
    lines = printed.splitlines()
    rounds = [sorted(lines[at : at + 2]) for at in range(0, len(lines), 2)]
    # Whatever the host is doing: who was due before has its turn before who sleeps again.
    assert rounds == [["a 0", "b 0"], ["a 1", "b 1"], ["a 2", "b 2"]]
