# SPDX-License-Identifier: MIT
"""Interrupts of pins, from the controller to the handler in Python. QEMU models no events of pins,
but its GIC takes an interrupt that software sets pending, and the driver takes a buffer for the
block's registers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from counts import address

from pimem.board import boards
from pimem.board.gdb import Gdb
from pimem.dev import bench, bench_pin
from pimem.testing import Machine, board_session

GIC_PENDING = 0xFFFF_00C0_FF84_1200  # GICD_ISPENDR of BCM2711
FIRST_ID = bench_pin.FIRST_ID
MOST = 1000  # calls that may be due
# EDS has the events until the program sets others: a buffer clears nothing.
SETUP = f"""
import machine, memory, time, uctypes
from machine import Pin
block = bytearray(256)
registers = uctypes.addressof(block)
pending = {GIC_PENDING} + 4 * ({FIRST_ID} // 32)
rising = registers + 0x4c
def happen(pin):
    machine.mem32[registers + 0x40] = 1 << pin if pin < 32 else 0
    machine.mem32[registers + 0x44] = 1 << pin - 32 if pin >= 32 else 0
    machine.mem32[pending] = 1 << {FIRST_ID} % 32
def dropped():
    return memory.report()["dropped_calls"]
class Counter:
    def __init__(self):
        self.calls = 0
    def __call__(self, pin):
        self.calls += 1
counters = {{n: Counter() for n in (4, 17, 45)}}
Pin(4).irq(None)
machine.mem64[BLOCK] = registers
for n, counter in counters.items():
    Pin(n).irq(counter, Pin.IRQ_RISING)
"""
TICKS = """
def tick(timer):
    happen((4, 17, 45)[ticks[0] % 3])
    ticks[0] += 1
ticks = [0]
timer = machine.Timer(freq=10000, callback=tick)
start = time.ticks_us()
while time.ticks_diff(time.ticks_us(), start) < 1000000:
    pass
timer.deinit()
"""
STORM = f"""
def storm(timer):
    for n in range({MOST}):
        happen(17)
    full.append((dropped(), machine.mem32[rising] >> 17 & 1))
    happen(17)
    full.append((dropped(), machine.mem32[rising] >> 17 & 1))
    happen(45)
full = []
machine.Timer(period=1, mode=machine.Timer.ONE_SHOT, callback=storm)
machine.mem32[registers + 0x40] = 0
start = time.ticks_ms()
while counters[17].calls < {MOST} and time.ticks_diff(time.ticks_ms(), start) < 5000:
    pass
calls = [each.calls for each in counters.values()]
"""


@pytest.fixture
def pins() -> Iterator[Machine]:
    with board_session.booted(bench_pin.BOARD, icount=True) as machine:
        machine.exec(SETUP.replace("BLOCK", hex(address(machine.board, bench_pin.SYMBOL))))
        yield machine


def test_ten_thousand_events_a_second_are_as_many_calls(pins: Machine) -> None:
    pins.exec(TICKS, timeout=300)
    ticks, calls = pins.eval("[ticks[0], [each.calls for each in counters.values()]]")
    assert ticks >= 9_990
    assert calls == [(ticks + 2 - n) // 3 for n in range(3)]
    assert pins.eval("dropped()") == 0


def test_a_pin_without_end_is_off_until_its_calls_are_made(pins: Machine) -> None:
    """As a floating input; the scheduler, in whose call this runs, makes no other meanwhile."""
    pins.exec(STORM)
    assert pins.eval("full") == [[0, 1], [1, 0]]
    assert pins.eval("calls") == [0, MOST, 1], "the other pin's call came in turn"
    assert pins.eval("machine.mem32[rising] >> 17 & 1") == 1, "on again"
    pins.exec("happen(17)\ntime.sleep_ms(1)")
    assert pins.eval("[counters[17].calls, dropped()]") == [MOST + 1, 1]


CPSR, IRQ_MASKED = 33, 1 << 7  # the number of a register, and a bit of it
#: The event is pending before the pin's triggers change.
OFF = """
def off():
    state = machine.disable_irq()
    happen(17)
    Pin(17).irq(None)
    machine.enable_irq(state)
    time.sleep_ms(5)
    print(counters[17].calls)
"""


def test_an_event_while_triggers_change_is_no_call(tmp_path: Path) -> None:
    """Its call would be to None, or after a soft reset to an object that is gone."""
    extra = ["-gdb", f"unix:{tmp_path / 'gdb'},server=on,wait=off"]
    with board_session.booted(bench_pin.BOARD, extra=extra) as machine:
        machine.exec(SETUP.replace("BLOCK", hex(address(machine.board, bench_pin.SYMBOL))) + OFF)
        with Gdb(tmp_path / "gdb") as gdb:
            machine.link.write(b"off()\x04")
            gdb.run_to(address(machine.board, "gpio_irq_set"))
            gdb.set_register(CPSR, gdb.register(CPSR) & ~IRQ_MASKED)  # it interrupts here
            gdb.ask("D")
            printed = machine.link.read_until(b"\x04>", silence=60)
    assert printed == b"OK0\r\n\x04\x04>"


def test_an_interrupt_and_its_call_take_few_instructions() -> None:
    """All of it, with a function of C; `make bench` has the same figure."""
    board = boards.load(bench_pin.BOARD)
    cost = bench_pin.costs(board, address(board, bench_pin.SYMBOL))
    print(cost)
    assert 300 < cost[bench_pin.WHAT] <= bench.COST_LIMITS[bench_pin.WHAT]
