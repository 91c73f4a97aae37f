# SPDX-License-Identifier: MIT
"""What an interrupt of a pin costs, for `make bench`. QEMU models no events of pins, but its GIC
takes an interrupt that software sets pending, and the driver reads the events from a buffer."""

from __future__ import annotations

from pimem.board.boards import Board
from pimem.dev import bench_target

WHAT = "pin interrupt and its scheduled callback"
#: The only board with that GIC and pins, and the first of the pins' interrupts there.
BOARD, FIRST_ID = "RPI4", 145
#: The driver's state, which begins with the address of the block's registers.
SYMBOL = "events"
COST = """
import machine, time, uctypes
from machine import Pin

PENDING = 0xffff00c0ff841200 + 4 * (FIRST_ID // 32)  # GICD_ISPENDR
block = bytearray(256)
block[0x40] = 1 << 4  # GPEDS0: an event of GPIO4
Pin(4).irq(id, Pin.IRQ_RISING)
machine.mem64[STATE] = uctypes.addressof(block)

def ticks(bits):
    start = time.ticks_cpu()
    for _ in range(2000):
        machine.mem32[PENDING] = bits
    return time.ticks_diff(time.ticks_cpu(), start)

ticks(1 << FIRST_ID % 32)
print(round((ticks(1 << FIRST_ID % 32) - ticks(0)) / 2000 / rate * 1000))
"""


def costs(board: Board, state: int) -> dict[str, int]:
    """Count the instructions of an interrupt and its call; the driver's state is at `state`."""
    if board.name != BOARD:
        return {}
    script = COST.replace("STATE", hex(state)).replace("FIRST_ID", str(FIRST_ID))
    with bench_target.booted(board, []) as link:
        return {WHAT: int(link.run(bench_target.RATE + script))}
