# SPDX-License-Identifier: MIT
"""memory.check() where there is much to check: Ctrl-C ends it, and what it looked at stays."""

from __future__ import annotations

import time

from on_board import ask_all

from pimem.testing.board_session import Machine

#: Maps the same RAM again and again, page by page, until a check takes a second.
MUCH = """
import gc, memory, time
space = memory.AddressSpace()
start, end = max(memory.report()["ram"], key=lambda bank: bank[1] - bank[0])
size = min(end - start, 1 << 28) & -0x200000
va = 0x40000000
def more(count):
    global va
    for _ in range(count):
        space.map(va + 0x1000, start, size, "r")
        va += size + 0x200000
def seconds():
    t = time.ticks_ms()
    memory.check()
    return time.ticks_diff(time.ticks_ms(), t) // 1000
count = 1
while True:
    more(count)
    if min(seconds(), seconds()) >= 1:  # the host may stop the emulator during one of them
        break
    count *= 2
"""


def test_ctrl_c_ends_a_check(board: Machine) -> None:
    link = board.link
    link.paste(f"{MUCH}\nprint('going')\nprint(memory.check(), 'ended')\n".encode())
    link.read_until(b"going\r\n", total=60)
    time.sleep(0.1)
    link.write(b"\x03")
    said = link.read_until(b"\x04>", total=20)
    assert b"KeyboardInterrupt" in said and b"ended" not in said
    script = "print(memory.check()); space.close(); print(memory.check())"
    assert ask_all(board, script) == [[], []]
