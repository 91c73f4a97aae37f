# SPDX-License-Identifier: MIT
"""Timers under load: every period is a call, or is counted as dropped, whatever keeps the thread
from making it; a soft reset ends them at any moment."""

from __future__ import annotations

import random

import pytest

from pimem.testing import board_session

SETUP = """
import gc, machine, memory, random, time
ONCE = machine.Timer.ONE_SHOT
class Clock:
    # Counts the calls of a timer.
    def __init__(self, us):
        self.us = us
        self.calls = 0
        self.start = time.ticks_us()
        self.timer = machine.Timer(period=us, tick_hz=1000000, callback=self)
    def __call__(self, timer):
        self.calls += 1
    def stop(self):
        # What is due is called first; returns how many periods there were, and the calls.
        time.sleep_us(10)
        now = time.ticks_us()
        self.timer.deinit()
        return time.ticks_diff(now, self.start) // self.us, self.calls
def dropped():
    return memory.report()["dropped_calls"]
"""
HUNDRED = """
clocks = [Clock(1000 * ms) for ms in range(1, 101)]
time.sleep_ms(10000)
counted = [clock.stop() for clock in clocks]
"""
COLLECT = """
kept = [[0.5 + i for i in range(1 << 14)] for _ in range(16)]
gc.collect()
clock = Clock(50)
start = time.ticks_us()
for _ in range(10):
    gc.collect()
    for _ in range(1000):  # what is due is called here
        pass
longest = time.ticks_diff(time.ticks_us(), start) // 10
counted = clock.stop()
kept = None
"""
MASKED = """
clock = Clock(50)
state = machine.disable_irq()
time.sleep_us(MASKED_US)
machine.enable_irq(state)
for _ in range(3000):
    pass
counted = clock.stop()
"""
LOAD = """
random.seed(SEED)
clocks = [Clock(random.randrange(50, 5000)) for _ in range(random.randrange(1, 100))]
frames = [memory.frames.alloc(random.randrange(1, 9)) for _ in range(5)]
END
"""
ENDS = (
    "time.sleep_us(random.randrange(3000))",
    "machine.disable_irq()",
    "machine.Timer(period=1, callback=lambda timer: machine.soft_reset())\nwhile True:\n    pass",
    "machine.Timer(period=1, mode=ONCE, callback=lambda timer: 1 // 0)\ntime.sleep_us(900)",
)
RESETS = 200


@pytest.mark.parametrize("name", board_session.BOARDS)
def test_every_period_is_a_call_or_counted_as_dropped(name: str) -> None:
    with board_session.booted(name, icount=True) as machine:
        machine.exec(SETUP)
        machine.exec(HUNDRED, timeout=300)
        for periods, calls in machine.eval("counted"):
            assert 0 <= periods - calls <= 2
        assert machine.eval("dropped()") == 0
        machine.exec(COLLECT, timeout=300)
        periods, calls = machine.eval("counted")
        longest = machine.eval("longest")
        print(f"{name}: a collection takes {longest} us, {calls} calls of {periods}")
        assert longest > 1000 and 0 <= periods - calls <= 2
        assert machine.eval("dropped()") == 0
        machine.exec(MASKED.replace("MASKED_US", "40000"))
        periods, calls = machine.eval("counted")
        assert periods > 800 and 0 <= periods - calls <= 2
        assert machine.eval("dropped()") == 0
        machine.exec(MASKED.replace("MASKED_US", "200000"))
        periods, calls = machine.eval("counted")
        dropped = machine.eval("dropped()")
        assert dropped >= 2900 and 0 <= periods - calls - dropped <= 2


def test_a_soft_reset_at_any_moment_leaves_nothing() -> None:
    rng = random.Random(1)
    with board_session.booted("RPI4", icount=True) as machine:
        machine.soft_reset()
        free = machine.free_frames()
        for seed in range(RESETS):
            script = SETUP + LOAD.replace("SEED", str(seed)).replace("END", rng.choice(ENDS))
            machine.link.exec(script)
            machine.soft_reset()
            if seed % 20 == 0:
                machine.exec("import memory\nmemory.check()")
                assert machine.free_frames() == free
        assert machine.eval("memory.report()['uart']['overruns']", "import memory") == 0
