# SPDX-License-Identifier: MIT
"""memory.check() where there is much to check: Ctrl-C ends it, and what it looked at stays."""

from __future__ import annotations

from on_board import ask_all, ends_early, run

from pimem.testing.board_session import Machine

#: Maps the same RAM again and again, page by page: 2048 tables, a sixteenth of the smallest board.
MUCH = """
start, _ = max(memory.report()["ram"], key=lambda bank: bank[1] - bank[0])
size = 64 << 20
space = memory.AddressSpace()
for n in range(64):
    space.map(VA + n * (size + BLOCK) + PAGE, start, size, "r")
"""


def test_ctrl_c_ends_a_check(board: Machine) -> None:
    run(board, MUCH)
    assert ends_early(board, "memory.check()")
    script = "print(memory.check()); space.close(); print(memory.check())"
    assert ask_all(board, script) == [[], []]
