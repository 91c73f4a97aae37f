# SPDX-License-Identifier: MIT
"""Runs a test with CPython on a clock of its own: what a board's output is compared with.

    python -BS steady_clock.py TEST

run-tests.py has no file with the expected output of most tests and asks CPython. Where a test
starts several asyncio tasks, a busy host delays some of them, and CPython prints their lines in
another order. On this clock time passes while the test waits, and a little in each round of the
event loop, so the order is always the same.
"""

import runpy
import sys
from pathlib import Path

ROUND_SECONDS = 0.0001  # a test that never waits needs time to pass as well
START = 1e9


class Clock:
    """Seconds that pass by waiting only."""

    def __init__(self):
        self.now = START

    def read(self):
        return self.now

    def wait(self, seconds):
        self.now += max(0, seconds)


def install(clock):
    """Let asyncio and time run on a clock."""
    import asyncio
    import selectors
    import time

    class Selector(selectors.DefaultSelector):
        def select(self, timeout=None):
            clock.wait(ROUND_SECONDS)
            ready = super().select(None if timeout is None else 0)
            if not ready and timeout is not None:
                clock.wait(timeout)
            return ready

    selectors.DefaultSelector = Selector
    asyncio.BaseEventLoop.time = lambda loop: clock.now
    time.time = time.monotonic = time.perf_counter = clock.read
    time.sleep = clock.wait


def main():
    test = sys.argv.pop(1)
    sys.argv[0] = test
    sys.path[0] = str(Path(test).resolve().parent)
    if "import asyncio" in Path(test).read_text(errors="replace"):
        install(Clock())
    runpy.run_path(test, run_name="__main__")


main()
