# SPDX-License-Identifier: MIT
"""Pin.irq(), as far as QEMU models pins: it has no event registers and no input lines.
tests/host plays the registers."""

from __future__ import annotations

import pytest

from pimem.testing.board_session import PIS, Machine
from pimem.testing.refusals import check_refused


@pytest.fixture
def pins(board: Machine) -> Machine:
    if board.name not in PIS:
        pytest.skip("QEMU_VIRT has no pins")
    board.exec("import machine, time\nfrom machine import Pin\np = Pin(17, Pin.IN)")
    return board


def test_the_interrupt_of_a_pin_is_one_object(pins: Machine) -> None:
    pins.exec("i = p.irq(print, Pin.IRQ_RISING)")
    assert pins.eval("[p.irq() is i, i.trigger(), i.flags()]") == [True, 1, 0]
    assert pins.eval("[i.trigger(Pin.IRQ_HIGH_LEVEL), i.trigger()]") == [1, 8]
    assert pins.eval("[Pin(17).irq() is i, Pin(18).irq() is i]") == [True, False]
    pins.exec("p.irq(None)")


def test_triggers_are_different_bits_and_both_edges_at_first(pins: Machine) -> None:
    names = "[Pin.IRQ_RISING, Pin.IRQ_FALLING, Pin.IRQ_LOW_LEVEL, Pin.IRQ_HIGH_LEVEL]"
    assert pins.eval(names) == [1, 2, 4, 8]
    assert pins.eval("p.irq(print).trigger() == Pin.IRQ_RISING | Pin.IRQ_FALLING") is True
    pins.exec("p.irq(handler=None)")


def test_a_call_of_the_object_schedules_the_handler(pins: Machine) -> None:
    out = pins.exec("p.irq(lambda pin: print('called', pin is p))()\ntime.sleep_ms(1)")
    assert out == "called True\n"


def test_a_soft_reset_removes_interrupts(pins: Machine) -> None:
    pins.exec("p.irq(print, Pin.IRQ_FALLING)")
    pins.soft_reset()
    pins.exec("from machine import Pin")
    assert pins.eval("Pin(17).irq().trigger()") == 0


BAD = [
    ("p.irq(print, 0)", "ValueError", "trigger 0"),
    ("p.irq(print, 16)", "ValueError", "trigger 16"),
    ("p.irq(print, -1)", "ValueError", "trigger -1"),
    ("p.irq(print, 'a')", "TypeError", ""),
    ("p.irq(5)", "TypeError", "not int"),
    ("p.irq(print, hard=True)", "ValueError", "hard=True"),
    ("p.irq(print, Pin.IRQ_RISING, True)", "ValueError", "hard=True"),
    ("p.irq(print, wake=1)", "TypeError", ""),
    ("p.irq().trigger(99)", "ValueError", "trigger 99"),
]


@pytest.mark.parametrize(("call", "kind", "named"), BAD)
def test_what_a_pin_cannot_do_is_named(pins: Machine, call: str, kind: str, named: str) -> None:
    check_refused(pins, call, kind, named)
