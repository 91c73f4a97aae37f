# SPDX-License-Identifier: MIT
"""Instructions from reset to the prompt, counted by QEMU's -icount."""

from __future__ import annotations

import pytest

from pimem.testing import board_session

# -icount shift=0: an instruction is a nanosecond; the counter runs at 62.5 MHz.
PER_TICK = 16
BAR = 1_500_000


@pytest.mark.parametrize("name", board_session.BOARDS)
def test_the_prompt_comes_within_a_million_and_a_half_instructions(name: str) -> None:
    counts = []
    for _ in range(2):
        with board_session.booted(name, icount=True) as machine:
            start, prompt = machine.eval("_memory.boot_ticks()", "import _memory")
            assert machine.eval("_memory.regs()['cntfrq']") == 62_500_000
        counts.append((prompt - start) * PER_TICK)
    print(f"{name}: {counts[0]} instructions from _start to the prompt")
    assert max(counts) <= BAR, counts
    assert min(counts) > 50_000, "the boot report alone takes more"
