# SPDX-License-Identifier: MIT
"""A card that `pimem image --data` makes: programs copied to it run, on each board that has it."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from cards import build, check_filesystem
from test_card_boot import ROOT_LINE, SD_LINE, booted
from test_mpremote import mpremote

from pimem.board.link import Link
from pimem.testing import Machine, board_session

MIB = 1 << 20
BOOT_PARTITION = 64 * MIB
MAIN = """\
with open("/starts", "a") as file:
    file.write("x")
with open("/starts") as file:
    print("main.py ran", len(file.read()))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cards")


def made(folder: Path, *options: str) -> Path:
    """A card of an image with these options, made once for all tests."""
    own = folder / "_".join(options)
    image = own / "sdcard.img" if own.exists() else build(own, *options)
    card = folder / "card"
    subprocess.run(["cp", "--sparse=always", str(image), str(card)], check=True, timeout=60)
    return card


def boot_partition(card: Path) -> str:
    """The checksum of it, and of what is in front of it."""
    with card.open("rb") as file:
        return hashlib.sha256(file.read(BOOT_PARTITION)).hexdigest()


def copy_by_mpremote(machine: Machine, source: Path) -> None:
    """Leave the board to mpremote; afterwards the link is another one, in the raw REPL."""
    machine.link.leave_raw_repl()
    machine.link.close()
    pty = machine.emulated().pty
    # QEMU looks once a second whether a pty that nothing had open is open again.
    kept_open = os.open(pty, os.O_RDWR | os.O_NOCTTY)
    try:
        mpremote(pty, "cp", str(source), ":")
        machine.link = Link(pty)
    finally:
        os.close(kept_open)
    machine.link.enter_raw_repl()


def reset(machine: Machine) -> str:
    """Reset the board; return its report."""
    machine.link.write(b"import machine\nmachine.reset()\n\x04")
    board_session.wait_for_prompt(machine)
    return machine.report


def start_everywhere(card: Path, source: Path, names: Sequence[str]) -> None:
    """Copy main.py on the first board, and see it run there after a reset and on the others."""
    first, *others = names
    with booted(first, card, reboot=True) as machine:
        assert SD_LINE in machine.report and ROOT_LINE in machine.report
        assert "main.py ran" not in machine.report
        copy_by_mpremote(machine, source)
        assert "main.py ran 1\n" in reset(machine)
    for count, name in enumerate(others, 2):
        with booted(name, card) as machine:
            assert f"main.py ran {count}\n" in machine.report


CASES = [pytest.param(name, ("1G",), id=f"FAT32-{name}") for name in board_session.PIS]
CASES.append(pytest.param(board_session.PIS[-1], ("2M", "--littlefs"), id="littlefs"))


@pytest.mark.parametrize(("name", "options"), CASES)
def test_a_program_that_mpremote_copied_runs_after_a_reset_and_on_the_other_board(
    name: str, options: tuple[str, ...], folder: Path, tmp_path: Path
) -> None:
    card = made(folder, "--data", *options)
    before = boot_partition(card)
    source = tmp_path / "main.py"
    source.write_text(MAIN)
    start_everywhere(card, source, sorted(board_session.PIS, key=lambda other: other != name))
    assert boot_partition(card) == before, "nothing is written to the boot partition"
    if options == ("1G",):
        check_filesystem(card, BOOT_PARTITION, 1 << 30)
