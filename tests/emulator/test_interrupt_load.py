# SPDX-License-Identifier: MIT
"""10,000 timer interrupts a second for ten seconds of guest time, with a paste at 115200 baud:
nothing is lost, and the prompt answers. The guest's time is that of QEMU's -icount."""

from __future__ import annotations

import pytest

from pimem.testing import board_session
from pimem.testing.board_session import Machine

RATE, SECONDS = 10_000, 10
START = f"""
import machine, time
calls = 0
def count(timer):
    global calls
    calls += 1
start = time.ticks_us()
timer = machine.Timer(freq={RATE}, callback=count)
"""
# Stops the timer where a period has just ended: what is due is called, then compared.
STOP = f"""
while time.ticks_diff(time.ticks_us(), start) < {SECONDS} * 1000000:
    pass
timer.init(callback=None)
us = time.ticks_diff(time.ticks_us(), start)
print(us, calls)
"""
BAUD_BYTES = 115_200 // 10


def paste(machine: Machine, size: int) -> str:
    """Send a long comment and an expression as one script; return what it printed."""
    line = "#" + "x" * 118 + "\n"
    return machine.exec(line * (size // len(line)) + "print(len('answer'))", timeout=120)


@pytest.mark.parametrize("name", board_session.BOARDS)
def test_nothing_is_lost_under_ten_thousand_interrupts_a_second(name: str) -> None:
    with board_session.booted(name, icount=True) as machine:
        machine.exec(START)
        for _ in range(4):
            assert paste(machine, 2 * BAUD_BYTES) == "6\n"
        us, calls = map(int, machine.exec(STOP, timeout=300).split())
        uart = machine.eval("memory.report()['uart']", "import memory")
        assert machine.eval("2 ** 10") == 1024
    print(f"{name}: {calls} calls in {us} us")
    # Less than one period, and what was due when the timer stopped.
    assert 0 <= us * RATE // 1_000_000 - calls <= 2
    assert us >= SECONDS * 1_000_000
    assert [uart[what] for what in ("overruns", "ring_full", "line_errors")] == [0, 0, 0], uart
