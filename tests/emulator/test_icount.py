# SPDX-License-Identifier: MIT
"""Instructions from reset to the prompt and of a fault, counted by QEMU's -icount."""

from __future__ import annotations

import pytest

from pimem.testing import board_session

# -icount shift=0: an instruction is a nanosecond; the counter runs at 62.5 MHz.
PER_TICK = 16
BAR = 1_500_000


# How long it takes to raise and catch a fault at two depths. The first search of the stack at each
# notes what it has found, and is left out.
FAULTS = """
import machine, memory, time
def fault():
    start = time.ticks_us()
    for _ in range(20):
        try:
            machine.mem8[0]
        except memory.Fault:
            pass
    return time.ticks_us() - start
def at(n):
    return at(n - 1) if n else (fault(), fault(), fault())[1:]
at(10_000)
print(min(at(10)), min(at(10_000)))
"""


@pytest.mark.parametrize("name", board_session.BOARDS)
def test_a_fault_is_raised_as_fast_at_any_depth(name: str) -> None:
    with board_session.booted(name, icount=True) as machine:
        shallow, deep = map(int, machine.exec(FAULTS, timeout=120).split())
    print(f"{name}: {shallow / 20} us at depth 10, {deep / 20} us at depth 10,000")
    assert deep <= 1.3 * shallow


@pytest.mark.parametrize("name", board_session.BOARDS)
def test_the_prompt_comes_within_a_million_and_a_half_instructions(name: str) -> None:
    counts = []
    for _ in range(2):
        with board_session.booted(name, icount=True) as machine:
            start, prompt, asleep = machine.eval("_memory.boot_ticks()", "import _memory")
            assert machine.eval("_memory.regs()['cntfrq']") == 62_500_000
        counts.append((prompt - start - asleep) * PER_TICK)
    print(f"{name}: {counts[0]} instructions from _start to the prompt")
    assert max(counts) <= BAR, counts
    assert min(counts) > 50_000, "the boot report alone takes more"
