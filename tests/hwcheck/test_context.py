# SPDX-License-Identifier: MIT
"""Rules 6, 8 and 9, event by event."""

from __future__ import annotations

from events import ISB_WORD, LOAD, NOP, Machine


def test_6a_a_load_before_the_isb(machine: Machine) -> None:
    machine.do("msr mair_el1")
    machine.fetch(0x1000, NOP, LOAD[8])
    assert machine.rules() == ["6a"]
    assert machine.violations()[0].pc == 0x1004


def test_6a_an_isb_is_enough(machine: Machine) -> None:
    machine.do("msr mair_el1")
    machine.fetch(0x1000, NOP, ISB_WORD, LOAD[8])
    machine.do("isb")
    machine.fetch(0x2000, LOAD[8])
    assert machine.rules() == []
