# SPDX-License-Identifier: MIT
"""What QEMU finds wrong with the guests of the target tests: what is allowed, and the rest."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import guest_errors
import pytest

from pimem.board.qemu import Qemu
from pimem.testing import board_session
from pimem.testing.board_session import GuestErrors

SERIAL = "bcm2835_property: 0x00010004 get board serial NYI"
ILLEGAL = "Illegal exception return at EL1: resuming execution at 0x14"


class Process:
    """A machine, as far as its log is concerned."""

    alive = True

    def running(self) -> bool:
        return self.alive


def test_whole_lines_are_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process, path = Process(), tmp_path / "log"
    log = GuestErrors("RPI3", path, cast(Qemu, process))
    monkeypatch.setattr(board_session, "GUEST_ERRORS", [log])
    assert board_session.new_guest_errors() == []
    path.write_text("one\ntwo\nthr")
    assert board_session.new_guest_errors() == [("RPI3", "one"), ("RPI3", "two")]
    path.write_text("one\ntwo\nthree\n")
    process.alive = False
    assert board_session.new_guest_errors() == [("RPI3", "three")]
    assert board_session.GUEST_ERRORS == []


def test_of_a_guest_that_errs_without_end_the_beginning_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board_session, "MOST_ERROR_BYTES", 10)
    log = GuestErrors("RPI3", tmp_path / "log", cast(Qemu, Process()))
    log.path.write_text("one\ntwo\nthree\nfour\n")
    assert log.new_lines() == ["one", "two"]
    with log.path.open("a") as file:
        file.write("five\n")
    assert log.new_lines() == ["five"]


def test_only_machines_of_target_tests_are_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own"
    monkeypatch.setattr(board_session, "guest_error_folder", None)
    assert board_session.log_of_guest_errors(None) is None
    monkeypatch.setattr(board_session, "guest_error_folder", tmp_path)
    made = board_session.log_of_guest_errors(None)
    assert made and made.parent == tmp_path
    assert board_session.log_of_guest_errors(own) == own


@pytest.mark.parametrize(
    ("board", "line", "allowed", "told"),
    [
        ("RPI3", SERIAL, (), []),
        ("QEMU_VIRT", SERIAL, (), [f"QEMU_VIRT: {SERIAL}"]),
        ("RPI3", ILLEGAL, (), [f"RPI3: {ILLEGAL}"]),
        ("RPI3", ILLEGAL, ("Illegal exception return .*",), []),
        ("RPI3", ILLEGAL, ("Illegal",), [f"RPI3: {ILLEGAL}"]),
    ],
)
def test_what_is_allowed(board: str, line: str, allowed: tuple[str, ...], told: list[str]) -> None:
    assert guest_errors.of_tests([(board, line), (board, line)], allowed) == told
