# SPDX-License-Identifier: MIT
"""What a loader may leave behind: registers with any values, interrupts pending, timers that run
and have expired, a counter of another rate."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from boot_stub import USUAL_DTB, Start, counter_args, start_args, usual_tree
from boot_ways import VIRT_STUB_DTB, VIRT_STUB_KERNEL, virt_tree
from guest_errors import unexpected
from test_boot_matrix import check

from pimem.board import boards
from pimem.board.boards import Board
from pimem.testing import Machine, board_session

ALL = 0xFFFFFFFF
TICK = 100  # milliseconds
#: By SoC: every interrupt enabled and some of them pending, as a kernel that was here before left
#: them. 0x201038 of a Pi is the UART's mask, 0x3010 a compare register of the system timer.
PENDING: dict[str, tuple[tuple[int, int], ...]] = {
    "BCM2837": (
        (0x3F201038, 0x7F2),
        (0x3F003010, 1),
        (0x3F00B210, ALL),
        (0x3F00B214, ALL),
        (0x3F00B218, 0xFF),
        (0x40000040, 0x0F),
        (0x40000050, 0x0F),
        (0x40000080, 0x81),
    ),
    "BCM2711": (
        (0xFE201038, 0x7F2),
        *((0xFF841100 + 4 * n, ALL) for n in range(7)),
        *((0xFF841200 + 4 * n, ALL) for n in range(7)),
        (0xFF841898, 0x01010101),
        (0xFF841000, 3),
        (0xFF842004, 0xFF),
        (0xFF842000, 0x1E7),
    ),
    "QEMU virt": (
        (0x09000038, 0x7F2),
        *((0x08000100 + 4 * n, ALL) for n in range(9)),
        *((0x08000200 + 4 * n, ALL) for n in range(9)),
        (0x08000000, 1),
        (0x08010004, 0xFF),
        (0x08010000, 0x1E7),
    ),
}
RATES = (19_200_000, 54_000_000, 62_500_000)
STEPS = """
import memory
from machine import mem32
space, frames = memory.AddressSpace(), memory.frames.alloc()
watch = memory.pagers.Watch(space, 0x40000000, frames)
with space:
    mem32[0x40000000] = 5
    mem32[0x40000000] + mem32[0x40000010]
watch.close()
space.close()
frames.close()
print(sorted(watch.counts.items()), memory.last_crash())
"""
WATCHED = "[('execute', 0), ('read', 2), ('write', 1)] None\n"
# Between two reads of clocks the host may do other things: what is read first is read last again.
CLOCKS = """
import time
def clocks():
    return time.ticks_us(), time.ticks_ms(), time.ticks_us()
def differences(start, end):
    pairs = ((end[0], start[0]), (end[0], start[2]), (end[1], start[1]), (end[2], start[0]))
    return [time.ticks_diff(b, a) for b, a in pairs]
start = clocks()
"""
SLEEP = "import time\nt = time.ticks_ms()\ntime.sleep_ms(20)"


def options(board: Board, folder: Path, frequency: int = 0, **fields: object) -> list[str]:
    """QEMU's options for a start by the stub, with the board's usual tree."""
    if board.family == "virt":
        tree = virt_tree(board, folder)
        start = Start(tree, VIRT_STUB_DTB, VIRT_STUB_KERNEL, frequency=frequency, **fields)
    else:
        start = Start(usual_tree(board), USUAL_DTB, frequency=frequency, **fields)
    return [*start_args(board, folder, start), *counter_args(board, frequency)]


def check_works(machine: Machine, el: int) -> None:
    """The prompt, and whatever needs interrupts, the timer, debug and vector registers."""
    report = check(machine, el=el, ram_from="device tree")
    assert report["safe_mode"] is None and report["entry_serror"] == 0
    assert machine.eval("time.ticks_diff(time.ticks_ms(), t) >= 20", SLEEP)
    assert machine.eval("2 ** 0.5 * 2 ** 0.5 > 2 and 1.0 / 3 * 3 == 1.0")
    assert machine.exec(STEPS) == WATCHED
    machine.link.write(b"print('begun')\nwhile True: pass\x04")
    machine.link.read_until(b"begun")
    machine.link.write(b"\x03")
    assert b"KeyboardInterrupt" in machine.link.read_until(b"\x04>")


def levels(board: Board) -> list[int]:
    return [2, 1] if board.family == "rpi" else [1]


CASES = [(board.name, el) for board in boards.load_all() for el in levels(board)]


@pytest.mark.parametrize(("name", "el"), CASES)
def test_what_a_loader_leaves_in_registers_does_no_harm(
    name: str, el: int, tmp_path: Path
) -> None:
    board, log = boards.load(name), tmp_path / "guest_errors"
    args = options(board, tmp_path, entry_el=el, junk=True, timers=True)
    with board_session.booted(name, args, guest_errors=log) as machine:
        check_works(machine, el)
    assert unexpected(log.read_text(), name) == []


@pytest.mark.parametrize(("name", "el"), CASES)
def test_interrupts_that_are_pending_at_entry_are_not_taken(
    name: str, el: int, tmp_path: Path
) -> None:
    board, log = boards.load(name), tmp_path / "guest_errors"
    args = options(board, tmp_path, entry_el=el, timers=True, writes=PENDING[board.soc])
    with board_session.booted(name, args, guest_errors=log) as machine:
        check_works(machine, el)
    assert unexpected(log.read_text(), name) == []


@pytest.mark.parametrize("name", board_session.BOARDS)
@pytest.mark.parametrize("hz", RATES)
def test_time_is_right_whatever_the_counter_s_rate(name: str, hz: int, tmp_path: Path) -> None:
    board = boards.load(name)
    with board_session.booted(name, options(board, tmp_path, frequency=hz)) as machine:
        assert machine.eval("_memory.regs()['cntfrq']", "import _memory") == hz
        outer = time.monotonic()
        machine.exec(CLOCKS)
        inner = time.monotonic()
        machine.exec(f"s = time.ticks_us()\ntime.sleep_ms({TICK})\ne = time.ticks_us()")
        time.sleep(TICK / 1000)
        least = time.monotonic() - inner
        us, least_us, ms, most_us = machine.eval("differences(start, clocks())")
        most = time.monotonic() - outer
        fast = 1e9 / (10**9 // hz * hz)  # QEMU's counter has a period of whole nanoseconds
        assert least * 1e6 * fast <= us <= most * 1e6 * fast
        assert least_us / 1000 - 1 <= ms <= most_us / 1000 + 1
        assert TICK * 1000 <= machine.eval("time.ticks_diff(e, s)") <= most * 1e6 * fast
