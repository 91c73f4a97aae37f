# SPDX-License-Identifier: MIT
"""Rules 1 to 4, event by event."""

from __future__ import annotations

from events import DEVICE, NC, Machine


def test_4a_a_read_without_the_cache_of_what_it_has(machine: Machine) -> None:
    machine.store(machine.base + 0x5008, size=4)
    machine.load(machine.base + 0x500C, NC, size=4)  # another word of the line
    assert machine.rules() == []
    machine.load(machine.base + 0x5008, DEVICE, size=4)
    assert machine.rules() == ["4a"]
