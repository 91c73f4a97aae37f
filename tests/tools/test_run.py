# SPDX-License-Identifier: MIT
"""The runner as a user meets it: what goes to which stream, and the exit code."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_board import CRASH, FakeBoard
from terminals import at_a_terminal, read_until

from pimem.board import boards
from pimem.board.link import Link

Pimem = Callable[..., "subprocess.CompletedProcess[str]"]
Tiny = Callable[..., Path]

BOOT_TEXT = "boot report\r\n  frames 1 of 2\r\nMicroPython v0 on a test\r\n>>> "
SCRIPT = """\
def twice(n):
    for _ in range(2):
        yield n

print(sum(twice(21)))
"""


def test_a_script_on_stdin_runs_on_a_port(pimem: Pimem, fake: FakeBoard) -> None:
    done = pimem("run", "--port", fake.url, stdin=SCRIPT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "42\n", "")
    assert fake.resets == 1


@pytest.mark.parametrize("dash", [[], ["-"]])
def test_stdin_is_the_script_with_and_without_a_dash(
    pimem: Pimem, fake: FakeBoard, dash: list[str]
) -> None:
    assert pimem("run", "--port", fake.url, *dash, stdin="print(7)").stdout == "7\n"


def test_a_script_file_runs(pimem: Pimem, fake: FakeBoard, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = pimem("run", str(script), "--port", fake.url)
    assert (done.returncode, done.stdout) == (0, "42\n")


def test_an_uncaught_exception_is_1_with_its_traceback_on_stderr(
    pimem: Pimem, fake: FakeBoard
) -> None:
    done = pimem("run", "--port", fake.url, stdin="print('before')\n1 / 0\n")
    assert (done.returncode, done.stdout) == (1, "before\n")
    assert done.stderr.startswith("Traceback")
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")


@pytest.mark.parametrize("script", ["print(1)", "1 / 0"])
def test_the_next_program_on_the_port_finds_a_prompt(
    pimem: Pimem, fake: FakeBoard, script: str
) -> None:
    pimem("run", "--port", fake.url, stdin=script)
    with Link(fake.url, silence=2) as link:
        link.write(b"\r")
        link.read_until(b"\r\n>>> ")


def test_a_crash_is_3_with_the_report_on_stderr(pimem: Pimem, fake: FakeBoard) -> None:
    done = pimem("run", "--port", fake.url, stdin="print('before')\ncrash()\n")
    assert (done.returncode, done.stdout) == (3, "before\n\n")
    assert "*** crash: exception in the fake\nx0 " in done.stderr
    assert 'CRASH {"cause": "test", "far": "0x10"}\n' in done.stderr


def test_silence_is_4(pimem: Pimem, fake: FakeBoard) -> None:
    done = pimem("run", "--port", fake.url, "--timeout", "1", stdin="print('a')\nhang()\n")
    assert (done.returncode, done.stdout) == (4, "a\n")
    assert "silent for 1 s" in done.stderr


def test_a_board_that_never_answers_is_4(pimem: Pimem) -> None:
    with FakeBoard() as off:
        done = pimem("run", "--port", off.url, "--timeout", "1", stdin="print(1)\n")
    assert (done.returncode, done.stdout) == (4, "")


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (["run", "--board", "ZX81"], "ZX81"),
        (["run", "no-such-script.py"], "no-such-script.py"),
        (["run", "--kernel", "no-such.img"], "no-such.img"),
        (["repl"], "terminal"),
        (["fly"], "fly"),
    ],
)
def test_usage_errors_are_2_and_name_the_culprit(
    pimem: Pimem, args: list[str], named: str
) -> None:
    done = pimem(*args)
    assert done.returncode == 2
    assert named in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("board", boards.names())
def test_an_empty_stdin_boots_prints_the_report_and_ends(
    pimem: Pimem, tiny: Tiny, board: str
) -> None:
    image = tiny(board, BOOT_TEXT)
    done = pimem("run", "--board", board, "--kernel", str(image))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "boot report\n  frames 1 of 2\n"


def test_a_crash_while_booting_is_3(pimem: Pimem, tiny: Tiny) -> None:
    text = 'boot\r\n\r\n*** crash: early\r\nCRASH {"cause": "early"}\r\n'
    done = pimem("run", "--kernel", str(tiny("RPI4", text)))
    assert (done.returncode, done.stdout) == (3, "boot\n\n")
    assert '*** crash: early\nCRASH {"cause": "early"}\npimem: ' in done.stderr


def test_a_machine_that_resets_itself_is_3(pimem: Pimem, tiny: Tiny) -> None:
    image = tiny("QEMU_VIRT", "about to go\r\n", then="reset")
    done = pimem("run", "--board", "QEMU_VIRT", "--kernel", str(image))
    assert done.returncode == 3
    assert "about to go" in done.stderr
    assert "the machine stopped" in done.stderr


def test_a_boot_that_falls_silent_is_4(pimem: Pimem, tiny: Tiny) -> None:
    image = tiny("RPI3", "half a rep", then="spin")
    done = pimem("run", "--board", "RPI3", "--kernel", str(image), "--timeout", "1")
    assert (done.returncode, done.stdout) == (4, "half a rep")


@pytest.mark.parametrize("command", ["run", "repl"])
def test_a_terminal_gets_a_repl_and_is_told_how_to_leave(fake: FakeBoard, command: str) -> None:
    with at_a_terminal(command, "--port", fake.url) as (master, child):
        assert b"Ctrl-] leaves" in read_until(master, b">>> ")
        os.write(master, b"typed")
        read_until(master, b"typed")
        os.write(master, b"\x1d")
        assert child.wait(10) == 0


def test_a_crash_at_the_repl_is_told_and_kept(fake: FakeBoard, tmp_path: Path) -> None:
    capture = tmp_path / "log"
    with at_a_terminal("repl", "--port", fake.url, "--capture", str(capture)) as (master, child):
        read_until(master, b">>> ")
        fake.send(CRASH)
        read_until(master, b"-- the board crashed; Ctrl-] leaves --")
        os.write(master, b"\x1d")
        assert child.wait(10) == 3
    text = capture.read_text()
    assert "*** crash: exception in the fake\n" in text and "[" not in text.partition("*")[0]


def test_a_repl_on_a_port_that_is_not_there_ends_at_once(tmp_path: Path) -> None:
    with at_a_terminal("repl", "--port", str(tmp_path / "none")) as (master, child):
        read_until(master, b"there is no such device; `pimem ports` lists what there is")
        assert child.wait(10) == 4


@pytest.mark.parametrize("key", [b"\x1d", b"\x03"])
def test_who_waits_for_a_port_can_leave(tmp_path: Path, key: bytes) -> None:
    with at_a_terminal("monitor", "--port", str(tmp_path / "none")) as (master, child):
        read_until(master, b"waiting for it --")
        os.write(master, key)
        assert child.wait(10) == 0
