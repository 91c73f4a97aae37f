# SPDX-License-Identifier: MIT
"""memory.selftest(): passes on a healthy machine, leaves no trace, and can fail."""

from __future__ import annotations

import pytest

from pimem.board.link import ScriptError
from pimem.testing.board_session import Machine

RUN = "import memory\nmemory.selftest()"

# A machine whose frame allocator claims to have handed out fewer frames than it has.
SABOTAGE = """\
import memory, memory._selftest as t
real = t._memory
class Lying:
    def __getattr__(self, name):
        return getattr(real, name)
    def take_all(self):
        runs, frames, largest = real.take_all()
        return runs, frames - 3, largest
t._memory = Lying()
memory.selftest()
"""


def test_every_check_passes_and_says_what_it_checked(board: Machine) -> None:
    lines = board.exec(RUN, timeout=120).splitlines()
    assert [line.split()[:2] for line in lines[:-1]] == [
        ["ok", "heap"],
        ["ok", "frames"],
        ["ok", "space"],
        ["ok", "block"],
        ["ok", "check"],
    ]
    assert lines[-1] == "selftest: all 5 checks passed"
    heap, frames, space, block, _ = lines[:-1]
    assert "all" in heap and "bytes back" in heap
    assert "largest" in frames and "given back" in frames
    assert "written there and read here" in space
    assert "split" in block and "rejoined" in block


def test_it_takes_every_free_frame(board: Machine) -> None:
    line = next(
        x for x in board.exec(RUN, timeout=120).splitlines() if x.startswith("ok   frames")
    )
    taken = int(line.split()[2])
    total = board.eval("memory.frames.stats()['total']", "import memory")
    assert taken > total * 0.9


def test_it_leaves_no_trace(board: Machine) -> None:
    board.exec(RUN, timeout=120)  # imports what it needs
    before = board.free_frames()
    heap = board.eval("memory.heap.stats()['free']", "import memory")
    board.exec(RUN, timeout=120)
    assert board.free_frames() == before
    assert board.eval("memory.heap.stats()['free']", "import memory") == heap


def test_a_failing_check_says_expected_and_got_and_raises(board: Machine) -> None:
    with pytest.raises(ScriptError) as caught:
        board.exec(SABOTAGE, timeout=120)
    line = next(x for x in caught.value.output.splitlines() if x.startswith("FAIL"))
    words = line.replace(",", "").split()
    expected = int(words[words.index("expected") + 1])
    assert int(words[words.index("got") + 1]) == expected - 3
    assert "selftest: 1 of 5 checks failed" in caught.value.traceback
    # The other checks ran all the same.
    assert sum(x.startswith("ok ") for x in caught.value.output.splitlines()) == 4
