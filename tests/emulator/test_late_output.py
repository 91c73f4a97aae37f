# SPDX-License-Identifier: MIT
"""Callbacks that take longer than the period of their timer, as those do that print a line at
115200 baud each millisecond: the program goes on, the prompt answers, a soft reset ends them. The
guest's time is that of QEMU's -icount."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from paced import HZ, PacedLine, paced

from pimem.board.link import BANNER, PROMPT, RAW_PROMPT
from pimem.board.script import execute
from pimem.testing import Machine, board_session

TEXT = "late" * 5
PERIOD_US = 1000
CALL_US = 3000  # more than a call takes
LEFT = 3  # calls at the edges of what is measured
MOST_DUE = 1000
ANSWER_US = 20_000  # some calls, and Python
# QEMU sends at once: the loop takes the time of the line.
LATE = f"""
import asyncio, machine, memory, select, sys, time
calls, shortest, longest = 0, 1 << 30, 0
def late(timer):
    global calls, shortest, longest
    start = time.ticks_us()
    calls += 1
    print({TEXT!r})
    for _ in range(8000):
        pass
    took = time.ticks_diff(time.ticks_us(), start)
    shortest, longest = min(shortest, took), max(longest, took)
def measure(function, *arguments):
    start, before = time.ticks_us(), calls
    function(*arguments)
    return time.ticks_diff(time.ticks_us(), start), calls - before
def dropped():
    return memory.report()["dropped_calls"]
def loop(count):
    for _ in range(count):
        pass
async def nap(ms):
    await asyncio.sleep_ms(ms)
def keys_within(ms):
    poll = select.poll()
    poll.register(sys.stdin, select.POLLIN)
    poll.poll(ms)
"""
START = f"timer = machine.Timer(period={PERIOD_US}, tick_hz=1000000, callback=late)\n"
PACING = "pacing = machine.Timer(freq=10000, callback=lambda timer: None)\n"
FOR_LONG = f"""
start = time.ticks_us()
{START}
time.sleep_ms(3000)
timer.deinit()
us = time.ticks_diff(time.ticks_us(), start)
"""


@contextlib.contextmanager
def late(name: str) -> Iterator[Machine]:
    with board_session.booted(name, icount=True) as machine:
        machine.exec(LATE + START + "while calls < 2: pass")
        yield machine


def stopped(machine: Machine) -> None:
    """Nothing comes late after a soft reset."""
    machine.exec("import time")
    assert machine.exec("time.sleep_ms(30)\nprint('end')") == "end\n"


@pytest.mark.parametrize("name", board_session.BOARDS)
def test_a_program_goes_on_between_two_calls(name: str) -> None:
    with late(name) as machine:
        us, calls = machine.eval("measure(loop, 200)")
        print(f"{name}: 200 rounds of a loop in {us} us, with {calls} calls")
        assert 0 < calls <= 200 + LEFT
        assert machine.eval("shortest > 1000 and longest") < CALL_US
        for wait in ("time.sleep_ms", "machine.lightsleep", "keys_within"):
            us, calls = machine.eval(f"measure({wait}, 20)")
            assert 19_000 <= us < 20_000 + LEFT * CALL_US and calls > 5, wait  # whole ticks_ms()
        us, calls = machine.eval("measure(asyncio.run, nap(20))")
        assert us < 40 * CALL_US
        assert machine.eval("dropped()") == 0


@pytest.mark.parametrize("name", board_session.IMAGES)
def test_what_is_not_called_is_dropped_and_counted(name: str) -> None:
    with board_session.booted(name, icount=True) as machine:
        machine.exec(LATE)
        machine.exec(FOR_LONG, timeout=250)
        us, calls, dropped = machine.eval("[us, calls, dropped()]")
        due = us // PERIOD_US - calls - dropped
        print(f"{name}: {calls} calls in {us} us, {dropped} dropped, {due} due")
        assert calls > 1000 and dropped > 0
        assert MOST_DUE - LEFT <= due <= MOST_DUE + LEFT


@pytest.mark.parametrize("name", board_session.BOARDS)
def test_scripts_are_run_and_a_soft_reset_ends_the_calls(name: str) -> None:
    with late(name) as machine:
        for n in range(5):
            output, errors = machine.link.exec(f"#{'#' * 1000}\nprint('a', {n})\n{n} // {n % 2}")
            assert f"a {n}\n" in output
            assert ("ZeroDivisionError" in errors) is (n % 2 == 0)
            assert machine.eval(f"[{n}, calls > {n}]") == [n, True]
        printed = machine.soft_reset()
        assert printed.endswith("MPY: soft reboot\n" + RAW_PROMPT.decode().replace("\r", ""))
        stopped(machine)
        machine.exec(LATE + START + "while calls < 1: pass")
        said = bytearray()
        execute(machine.link, b"print('in', calls > 0)", said.extend)
        assert b"in True\r\n" in said
        machine.link.soft_reset()
        stopped(machine)


@pytest.mark.parametrize("name", board_session.IMAGES)
def test_the_prompt_takes_lines_and_keys(name: str) -> None:
    with late(name) as machine:
        link = machine.link
        link.leave_raw_repl()
        for n in range(5):
            link.write(b"print(%d * 1111)\r" % n)
            link.read_until(b"\n%d\r\n" % (n * 1111), total=60)
            link.read_until(PROMPT, total=60)  # before it, Ctrl-C is for the program
        link.write(b"never\x03print(22 * 2)\r")
        assert b"NameError" not in link.read_until(b"\n44\r\n", total=60)
        link.write(b"while True: print('go' + 'ing')\r\r")
        link.read_until(b"going", total=60)
        link.write(b"\x03")
        link.read_until(b"KeyboardInterrupt", total=60)
        link.read_until(PROMPT, total=60)
        link.write(b"\x05print(3 *\r11)\r\x04")
        link.read_until(b"\n33\r\n", total=60)
        link.read_until(PROMPT, total=60)
        link.write(b"\x01")
        link.read_until(RAW_PROMPT, total=60)
        link.write(b"\x02")
        link.read_until(PROMPT, total=60)
        link.write(b"\x04")
        link.read_until(b"soft reboot\r\n" + BANNER, total=60)
        assert TEXT.encode() not in link.read_until(PROMPT, total=60)
        link.enter_raw_repl()
        stopped(machine)


def test_mpremote_gets_through() -> None:
    with late("RPI4") as machine:
        machine.link.leave_raw_repl()
        machine.link.close()
        pty = machine.emulated().pty
        kept_open = os.open(pty, os.O_RDWR | os.O_NOCTTY)
        for _ in range(2):
            command = [sys.executable, "-m", "mpremote", "connect", pty, "exec", "print(6 * 7)"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=100)
            assert (done.returncode, done.stdout.strip()) == (0, "42"), done.stderr
        os.close(kept_open)


def ask(line: PacedLine, typed: bytes, answer: bytes) -> int:
    """Return how long the answer takes, in microseconds."""
    line.receive()
    line.answers.clear()
    asked = line.send(typed)
    return (line.wait_for(answer, ANSWER_US * 10 * HZ // 1_000_000) - asked) * 1_000_000 // HZ


def test_a_line_at_115200_baud_is_answered_within_some_calls(tmp_path: Path) -> None:
    with paced("RPI4", tmp_path) as line:
        # Of two ends, exec() reads one: what prints is started later.
        line.machine.exec(LATE + PACING)
        line.go_on().link.leave_raw_repl()
        line.send(START.replace("\n", "\r").encode())
        slowest = max(
            ask(line, b"print(%d * 1111)\r" % n, b"\n%d\r\n" % (n * 1111)) for n in range(2, 12)
        )
        ask(line, b"timer.deinit(); print(6 * 7)\r", b"\n42\r\n")
        line.go_on().link.enter_raw_repl()
        uart = line.go_on().eval("memory.report()['uart']")
    print(f"answers within {slowest} us")
    assert slowest < ANSWER_US
    assert [uart[what] for what in ("overruns", "ring_full", "line_errors")] == [0, 0, 0], uart


@pytest.mark.parametrize("name", board_session.IMAGES)
@pytest.mark.parametrize("raw", [True, False])
def test_an_exception_of_a_callback_does_not_end_the_prompt(name: str, raw: bool) -> None:
    """KeyboardInterrupt and SystemExit, which end a program, also where none runs."""
    begin = "import machine\ndef end(timer):\n    {}\n"
    begin += "timer = machine.Timer(period=5, mode=machine.Timer.ONE_SHOT, callback=end)"
    again = RAW_PROMPT if raw else PROMPT
    with board_session.booted(name, icount=True) as machine:
        link = machine.link
        for what, said in (
            ("1 // 0", b"ZeroDivisionError: divide by zero\r\n"),
            ("raise KeyboardInterrupt('enough')", b"KeyboardInterrupt: enough\r\n"),
            ("raise SystemExit(5)", b"MPY: soft reboot\r\n"),
            ("machine.soft_reset()", b"MPY: soft reboot\r\n"),
        ):
            link.paste(begin.format(what).encode())
            link.read_until(b"\x04\x04>", total=60)
            if not raw:
                link.write(b"\x02")
            link.read_until(said, total=60)
            if what != "1 // 0":
                link.read_until(again, total=60)
            link.enter_raw_repl()
            assert machine.eval("6 * 7") == 42
            assert machine.eval("'timer' in globals()") is (b"reboot" not in said)
            machine.soft_reset()
