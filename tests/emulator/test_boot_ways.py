# SPDX-License-Identifier: MIT
"""Every way to start the kernel, on every machine: the rows of boot_ways.py.

The summary of a test run has them as a table.
"""

from __future__ import annotations

from pathlib import Path

import boot_ways
import pytest
from boot_ways import PROPERTY, TABLE, WAYS, Way
from guest_errors import unexpected
from test_boot_matrix import check

from pimem.board import boards
from pimem.testing import board_session


@pytest.mark.parametrize(("machine", "name"), list(boot_ways.rows()))
def test_every_way_ends_at_the_prompt(
    machine: str, name: str, tmp_path: Path, record_property: pytest.RecordProperty
) -> None:
    way = TABLE[machine][name]
    assert isinstance(way, Way)
    record_property(PROPERTY, (machine, name, f"EL{way.el}, ok"))
    board = boot_ways.board_of(machine, way)
    args, log = way.args(board, tmp_path), tmp_path / "guest_errors"
    with board_session.booted(board.name, args, board=board, guest_errors=log) as booted:
        report = check(booted, el=way.el, ram_from=way.ram_from)
        assert report["ram"] == way.ram
        # An answer from the MMU, the timer and the interrupt controller, not from the report only.
        assert booted.eval("time.ticks_diff(time.ticks_ms(), t) >= 20", SLEEP)
        assert booted.exec(WORK) == "4096\n"
    assert unexpected(log.read_text(), board.name) == []


SLEEP = "import time\nt = time.ticks_ms()\ntime.sleep_ms(20)"
WORK = """
import memory
with memory.frames.alloc() as frame, memory.AddressSpace() as space:
    space.map(0x4000000000, frame)
    print(len(memoryview(frame)))
    space.unmap(0x4000000000, 4096)
"""


def test_the_table_has_every_board_and_way_or_a_reason() -> None:
    boards_of_table = {boot_ways.board_of(machine).name for machine in TABLE}
    assert boards_of_table == set(boards.names())
    for machine, ways in TABLE.items():
        assert tuple(ways) == WAYS, machine
        assert all(isinstance(way, Way) or len(way) > 20 for way in ways.values())
    assert sum(1 for _ in boot_ways.rows()) >= 19


def test_the_table_tells_failures_and_what_was_not_run() -> None:
    results = {("RPI4", "raw"): "EL2, ok", ("RPI3", "raw"): "FAILED"}
    lines = boot_ways.table(results)
    assert lines[0].split("  ")[-1].strip() == "EL1"
    assert lines[3].split() == ["RPI4", "not", "run", "EL2,", "ok", *["not", "run"] * 3]
    assert "FAILED" in lines[1] and "ok" not in lines[1]
    assert lines[5] == "  - QEMU_VIRT, raw: QEMU gives a raw image its tree"
