# SPDX-License-Identifier: MIT
"""The target tests as one runs them on ports: side by side, and with no board there."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from power_on import power_on, run_tests

from pimem.testing import Machine, board_session, port_options
from pimem.testing.shared_board import SharedBoard
from pimem.testing.transcript import Transcript, remove_old

# With interrupts masked a fault cannot be raised.
CRASH = "import machine\nmachine.disable_irq()\nmachine.mem8[0x10]"
SUBSET = "test_boot_report or test_soft_reset"


def test_two_boards_on_two_ports_are_tested_side_by_side(tmp_path: Path) -> None:
    with power_on("RPI3") as first, power_on("RPI4") as second:
        ports = ["--port", f"RPI3={first.pty}", "--port", f"RPI4={second.pty}"]
        done = run_tests(*ports, "-n", "2", "-v", "-k", SUBSET, folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    cases = [
        case.get("name", "") for case in ElementTree.parse(tmp_path / "junit.xml").iter("testcase")
    ]
    workers = {}
    for name, machine in (("RPI3", first), ("RPI4", second)):
        place = f"{name}@{machine.pty}"
        lines = [line for line in done.stdout.splitlines() if place in line and "PASSED" in line]
        workers[name] = {line.split("]")[0] for line in lines}
        assert len(lines) > 5 and len(workers[name]) == 1
        assert sum(place in case for case in cases) >= len(lines)
    assert workers["RPI3"] != workers["RPI4"]


def test_a_board_that_crashes_is_back_for_the_next_test() -> None:
    with power_on("RPI3") as machine:
        board = board_session.attach("RPI3", machine.pty)
        with pytest.raises(board_session.BoardCrash):
            board.exec(CRASH)
        board.close()
        again = board_session.attach("RPI3", machine.pty)
        assert again.exec("print(6 * 7)") == "42\n"
        again.close()


def test_a_board_that_does_not_come_back_holds_up_a_few_tests_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def absent(*where: str | None) -> Machine:
        asked.append(where)
        raise board_session.NoAnswer("absent")

    monkeypatch.setattr(board_session, "attach", absent)
    place = port_options.Place("RPI4", "/dev/ttyX")
    shared_board = SharedBoard(place, lambda board: pytest.fail("a board on a port is started"))
    for _ in range(3):
        with pytest.raises(board_session.NoAnswer):
            shared_board.get()
    with pytest.raises(pytest.fail.Exception, match="RPI4@/dev/ttyX has not come back in 3"):
        shared_board.get()
    assert asked == [("RPI4", "/dev/ttyX", None)] * 3


def test_with_no_board_there_it_ends_at_once_and_says_what_was_tried(tmp_path: Path) -> None:
    master, slave = os.openpty()
    try:
        port = os.ttyname(slave)
        done = run_tests("--board", "RPI4", "--port", port, folder=tmp_path)
    finally:
        os.close(master)
        os.close(slave)
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert f"RPI4@{port}: no MicroPython answered within 10 s of asking with Ctrl-C" in said
    assert "passed" not in said and "failed" not in said


def test_a_port_that_cannot_be_reset_is_told_before_any_test(tmp_path: Path) -> None:
    with power_on("RPI3") as machine:
        options = ("--board", "RPI3", "--port", machine.pty)
        done = run_tests(*options, folder=tmp_path, PIMEM_RESET="D0|R1|W0.1|R0")
    assert done.returncode == 1
    assert "it has no DTR and RTS" in done.stdout + done.stderr


def test_another_board_than_named_is_told_before_any_test(tmp_path: Path) -> None:
    with power_on("RPI3") as machine:
        done = run_tests("--board", "RPI4", "--port", machine.pty, folder=tmp_path)
    assert done.returncode == 1
    assert f"RPI4@{machine.pty}: the board there is RPI3" in done.stdout + done.stderr


@pytest.mark.parametrize(
    "options, message",
    [
        (["--port", "/dev/ttyX"], "which board is on port /dev/ttyX?"),
        (["--port", "RPI3=/dev/ttyX", "--port", "RPI4=/dev/ttyX"], "/dev/ttyX is given twice"),
    ],
)
def test_ports_that_make_no_sense_are_usage_errors(
    options: list[str], message: str, tmp_path: Path
) -> None:
    done = run_tests(*options, folder=tmp_path)
    assert done.returncode == 4 and message in done.stdout + done.stderr


def test_transcripts_of_an_earlier_run_are_removed(tmp_path: Path) -> None:
    Transcript().write(tmp_path, "tests/x.py::test_y")
    (tmp_path / "mine.log").touch()
    remove_old(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.log"]
    remove_old(tmp_path / "none")


def test_a_transcript_has_both_directions_and_every_byte(tmp_path: Path) -> None:
    transcript = Transcript()
    for direction, data in (
        ("<", b"a\r"),
        ("<", b"\nb\x04"),
        (">", b"\x01x\r"),
        ("<", b"\xff\r\n"),
    ):
        transcript(direction, data)
    assert transcript.lines() == ["< a", "< b\\x04", "> \\x01x\\x0d", "< \\xff"]
    path = transcript.write(tmp_path / "new", "tests/x.py::test_y[RPI3@/dev/pts/1]")
    assert path.read_text() == "\n".join(transcript.lines()) + "\n"
    assert path.name == "tests_x.py_test_y_RPI3@_dev_pts_1_.txt"
