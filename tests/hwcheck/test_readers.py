# SPDX-License-Identifier: MIT
"""Rules 4a and 4b, event by event: devices that read and write RAM once a register is written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from events import DEVICE, Machine

DMA, SDHCI, BUS = 0x3F007000, 0x3F300000, 0xC0000000
BLOCK, SOURCE, TARGET = 0x5000, 0x6000, 0x7000


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Machine]:
    ranges = (f"dma={DMA:x}-{DMA + 0xF00:x}", f"sdhci={SDHCI:x}-{SDHCI + 0x100:x}")
    made = Machine(tmp_path, 0, *ranges)
    yield made
    made.close()


def copy(board: Machine) -> None:
    """Let channel 2 copy 64 bytes from SOURCE to TARGET."""
    board.write(BLOCK, (BUS + SOURCE) << 32 | 1 << 8 | 1 << 4)
    board.write(BLOCK + 8, 64 << 32 | BUS + TARGET)
    board.store(DMA + 0x204, BUS + BLOCK, DEVICE, size=4)
    board.store(DMA + 0x200, 1, DEVICE, size=4)


@pytest.mark.parametrize("dirty", [None, BLOCK + 24, SOURCE + 63])
def test_4a_the_dma_engine_reads(board: Machine, dirty: int | None) -> None:
    board.store(SOURCE + 64)
    if dirty:
        board.store(dirty, 0, size=1)
    copy(board)
    assert board.rules() == (["4a"] if dirty else [])


def test_4b_the_dma_engine_writes(board: Machine) -> None:
    board.load(TARGET)
    board.load(TARGET + 64)
    copy(board)
    board.load(TARGET + 64)
    assert board.rules() == []
    board.load(TARGET)
    assert board.rules() == ["4b"]


@pytest.mark.parametrize(
    ("command", "rules"),
    [(24 << 24 | 0x2A0001, ["4a"]), (24 << 24 | 0x2A0000, []), (13 << 24 | 0x1A0001, [])],
    ids=["dma", "by words", "no data"],
)
def test_4a_the_sd_controller_reads(board: Machine, command: int, rules: list[str]) -> None:
    board.store(SOURCE + 511, size=1)
    for register, value in (4, 1 << 16 | 512), (0, SOURCE), (12, command):
        board.store(SDHCI + register, value, DEVICE, size=4)
    assert board.rules() == rules
