# SPDX-License-Identifier: MIT
"""os.urandom() and the seed of random, from the SoC's generator or from the counter's jitter."""

from __future__ import annotations

import pytest

from pimem.board.link import ScriptError
from pimem.testing import board_session
from pimem.testing.board_session import Machine

WEAK = "weak: timer jitter"
GENERATORS = {"BCM2837": "BCM2835 RNG", "BCM2711": "RNG200"}

# How often each value of a byte is in 1 MiB, in parts as a program would ask for them.
COUNT = """\
import os
def counts(size):
    found = [0] * 256
    for _ in range(size >> 16):
        data = os.urandom(1 << 16)
        assert len(data) == 1 << 16
        for value in range(256):
            found[value] += data.count(bytes((value,)))
    return min(found), max(found), sum(found)
"""


def source(board: Machine) -> str:
    return board.eval("memory.report()['random']", "import memory")


def test_the_report_names_the_source(board: Machine) -> None:
    missing = board.eval("memory.report()['missing']", "import memory")
    expected = GENERATORS.get(board.board.soc, WEAK)
    if "random number generator" in missing:
        expected = WEAK  # QEMU's raspi4b has none
    assert source(board) == expected
    assert board.eval("_memory.boot_info()['random']", "import _memory") == expected


def test_a_mebibyte_has_each_byte_about_equally_often(board: Machine) -> None:
    """4096 times of each are expected. A deviation of more than 8 times the standard one, 64, has
    a probability of less than 1e-12."""
    least, most, total = board.eval("counts(1 << 20)", COUNT, timeout=200)
    assert total == 1 << 20
    assert least > 4096 - 8 * 64 and most < 4096 + 8 * 64


@pytest.mark.parametrize("size", [0, 1, 3, 31, 32, 33, 4096, 4097])
def test_any_number_of_bytes_can_be_asked_for(board: Machine, size: int) -> None:
    assert board.eval(f"len(os.urandom({size}))", "import os") == size


def test_no_two_calls_give_the_same(board: Machine) -> None:
    assert board.eval("len({os.urandom(8) for _ in range(1000)})", "import os") == 1000


def test_a_number_of_bytes_that_cannot_be_is_refused(board: Machine) -> None:
    for size, error in [("-1", "ValueError.*-1"), ("'x'", "TypeError"), ("1 << 62", "Error")]:
        with pytest.raises(ScriptError, match=error):
            board.exec(f"import os\nos.urandom({size})")


def test_each_start_has_another_seed(board: Machine) -> None:
    seeds = []
    for _ in range(4):
        board.soft_reset()
        seeds.append(board.eval("random.getrandbits(32)", "import random"))
    assert len(set(seeds)) == 4


def test_a_seed_can_be_chosen(board: Machine) -> None:
    script = "import random\nrandom.seed(7)\nprint([random.getrandbits(32) for _ in range(3)])"
    assert board.exec(script) == board.exec(script)
    again = "import random\nrandom.seed()\nprint([random.getrandbits(32) for _ in range(3)])"
    assert board.exec(again) != board.exec(again)


@pytest.mark.emulator
def test_two_machines_have_different_bytes(board: Machine) -> None:
    got = []
    for _ in range(2):
        with board_session.booted(board.name) as machine:
            got.append(machine.eval("list(os.urandom(16))", "import os"))
    assert got[0] != got[1]


def test_what_is_scheduled_runs_within_a_long_call(board: Machine) -> None:
    """So does Ctrl-C, which is noticed in the same place."""
    script = """\
import os, micropython
runs = []
def again(left):
    runs.append(left)
    if left:
        micropython.schedule(again, left - 1)
def count():
    micropython.schedule(again, 20)
    os.urandom(1 << 20)
    return len(runs)
"""
    assert board.eval("count()", script) > 10
