# SPDX-License-Identifier: MIT
"""The blocks of the quick reference that need parts on the buses, or that reset the board.

tests/target/test_docs.py types the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pimem import ROOT
from pimem.board import boards
from pimem.board.qemu import card_args
from pimem.dev.pages import Block, read_blocks
from pimem.testing import Machine, board_session

PAGE = ROOT / "docs" / "quickref.md"
MIB = 1 << 20
DEVICES = ("tmp105,bus=i2c-bus.1,address=0x48", "w25q80bl,bus=spi")
FORMAT = """
import machine, vfs
card = machine.SDCard()
table = bytearray(512)
table[450], table[455], table[459], table[510:] = 0x0c, 8, 1, b"\\x55\\xaa"
assert card.writeblocks(0, table) == 0
vfs.VfsFat.mkfs(machine.Partition(card, 1))
"""


def blocks(option: str) -> list[Block]:
    return [block for block in read_blocks(PAGE) if option in block.options]


def each(option: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "block", [pytest.param(block, id=f"line {block.line}") for block in blocks(option)]
    )


@pytest.fixture(scope="module", params=board_session.PIS)
def with_parts(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Machine]:
    """A board with a TMP105 at I2C(1), a W25Q80 at SPI(0), and a card with a FAT in its slot."""
    path: Path = tmp_path_factory.mktemp("card") / "card.img"
    with path.open("wb") as file:
        file.truncate(64 * MIB)
    extra = [word for device in DEVICES for word in ("-device", device)]
    extra += card_args(boards.load(request.param), path)
    with board_session.booted(request.param, extra=extra) as machine:
        machine.exec(FORMAT)
        yield machine


@each("parts")
def test_a_block_runs_with_the_parts_that_it_names(with_parts: Machine, block: Block) -> None:
    with_parts.exec(block.text)


def test_the_parts_answered(with_parts: Machine) -> None:
    (i2c,) = (block for block in blocks("parts") if "I2C(1" in block.text)
    with_parts.exec(i2c.text)
    assert with_parts.eval("[found, len(data)]") == [[0x48], 2]


@pytest.mark.parametrize("name", board_session.PIS)
@each("reset")
def test_a_block_resets_the_board(block: Block, name: str) -> None:
    machine = board_session.boot(name, reboot=True)
    try:
        machine.exec("import machine")
        machine.link.write(block.text.encode() + b"\x04")
        board_session.wait_for_prompt(machine)
        machine.link.enter_raw_repl()
        causes = machine.eval("[machine.WDT_RESET, machine.HARD_RESET]", "import machine")
        wanted = causes[0 if "WDT" in block.text else 1]
        assert machine.eval("machine.reset_cause()") == wanted
    finally:
        machine.close()
