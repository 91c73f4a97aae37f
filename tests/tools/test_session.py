# SPDX-License-Identifier: MIT
"""Opening a board: which image boots, what is refused, and what the session closes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fake_board import FakeBoard

from pimem.board import boards
from pimem.board.session import elf_of, kernel_of, open_session
from pimem.exits import USAGE, Refusal

RPI4 = boards.load("RPI4")
BOOT_TEXT = "report\r\nMicroPython v0 on a test\r\n>>> "


def test_an_emulated_board_boots_and_ends_with_its_session(tiny: Callable[..., Path]) -> None:
    image = tiny("RPI4", BOOT_TEXT)
    sunk: list[bytes] = []
    with open_session(RPI4, kernel=image) as session:
        assert session.booting and session.machine
        assert session.finish_boot(sunk.append) == "report\n"
        machine = session.machine
        assert machine.running()
    assert not machine.running()
    assert b"".join(sunk) == b"report\r\n"


def test_a_board_on_a_port_is_taken_as_it_is(fake: FakeBoard) -> None:
    with open_session(RPI4, port=fake.url) as session:
        assert not session.booting and session.machine is None
        with session.link.in_raw_repl():
            assert session.link.run("print(1)") == "1\n"
    assert fake.resets == 0


def test_an_image_that_is_not_there_is_refused_with_the_way_to_build_it(tmp_path: Path) -> None:
    missing = tmp_path / "kernel8.img"
    with pytest.raises(Refusal, match="no image .*: `make BOARD=RPI4` builds it") as caught:
        open_session(RPI4, kernel=missing)
    assert caught.value.code == USAGE


def test_the_image_named_comes_before_the_boards_own(tmp_path: Path) -> None:
    image = tmp_path / "other.img"
    image.write_bytes(b"x")
    assert kernel_of(RPI4, image) == image
    assert elf_of(RPI4, image) == tmp_path / "firmware.elf"
    assert elf_of(RPI4) == RPI4.elf


def test_a_board_on_a_port_has_a_slot_of_its_own(fake: FakeBoard, tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="--card is for QEMU"):
        open_session(RPI4, port=fake.url, card=tmp_path)
