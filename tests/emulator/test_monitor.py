# SPDX-License-Identifier: MIT
"""The monitor, the picture of frames and a runner's crash report, on running machines."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from pimem.board.link import Link
from pimem.testing import board_session

# With interrupts masked a fault cannot be raised: the board crashes.
CRASH = b"import machine; machine.disable_irq(); machine.mem8[0x10]"
MOST_TEXT = 1 << 20  # where a board prints without end
ENTRY = re.compile(r"^  #(\d+) +([0-9a-f]{16})  (\S+) at (\S+):(\d+)$", re.MULTILINE)


def pimem(*args: str, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pimem", *args]
    done = subprocess.run(command, input=stdin, capture_output=True, timeout=120)
    return subprocess.CompletedProcess(
        command, done.returncode, done.stdout.decode(), done.stderr.decode()
    )


def check_backtrace(text: str, report: dict) -> None:
    """Every address of the report's backtrace has its function, file and line."""
    assert int(report["text"], 16)  # that it is the ELF's, or there were no names
    entries = ENTRY.findall(text)
    assert [int(number) for number, *_ in entries] == list(range(len(report["backtrace"])))
    assert [int(each[1], 16) for each in entries] == [int(a, 16) for a in report["backtrace"]]
    functions = [each[2] for each in entries]
    assert "mp_execute_bytecode" in functions
    files = {each[3].rpartition("/")[2]: each for each in entries}
    assert "vm.c" in files and all(int(each[4]) > 0 for each in entries)


class Typist:
    """A command at a terminal: what it prints, and keys for it."""

    def __init__(self, *args: str) -> None:
        self.text = ""
        self._keys, slave = os.openpty()
        command = [sys.executable, "-m", "pimem", *args]
        self.process = subprocess.Popen(command, stdin=slave, stdout=subprocess.PIPE)
        os.close(slave)

    def read_until(self, wanted: str) -> None:
        assert self.process.stdout
        while wanted not in self.text:
            assert len(self.text) < MOST_TEXT, self.text[-1000:]
            assert select.select([self.process.stdout], [], [], 60)[0], self.text
            piece = os.read(self.process.stdout.fileno(), 4096)
            assert piece, self.text
            self.text += piece.decode()

    def type(self, keys: bytes) -> None:
        os.write(self._keys, keys)

    def leave(self) -> int:
        self.type(b"\x1d")
        code = self.process.wait(timeout=30)
        assert self.process.stdout
        self.text += self.process.stdout.read().decode()
        self.process.stdout.close()
        os.close(self._keys)
        return code


@pytest.mark.parametrize("name", board_session.BOARDS)
def test_the_monitor_explains_a_crash_line_by_line(name: str, tmp_path: Path) -> None:
    capture = tmp_path / "log"
    kernel = board_session.kernel(board_session.boards.load(name))
    monitor = Typist(
        "monitor", "--board", name, "--kernel", str(kernel), "--capture", str(capture)
    )
    monitor.read_until(">>> ")
    monitor.type(CRASH + b"\r")
    monitor.read_until("CRASH {")
    monitor.read_until("\n  #0")
    assert monitor.leave() == 3
    text = monitor.text.replace("\r\n", "\n")
    line = next(line for line in text.splitlines() if "CRASH {" in line)
    check_backtrace(text, json.loads(line[line.index("{") :]))
    assert capture.read_text() == text
    assert re.search(r"^\[ *\d+\.\d{3}\] RAM ", text, re.MULTILINE)


def test_the_repl_explains_a_crash(tmp_path: Path) -> None:
    kernel = str(board_session.kernel(board_session.boards.load("RPI4")))
    repl = Typist("repl", "--board", "RPI4", "--kernel", kernel)
    repl.read_until(">>> ")
    repl.type(CRASH + b"\r")
    repl.read_until("the board crashed; Ctrl-] leaves --")
    assert repl.leave() == 3
    text = repl.text.replace("\r\n", "\n")
    line = next(line for line in text.splitlines() if "CRASH {" in line)
    check_backtrace(text, json.loads(line[line.index("{") :]))


@pytest.mark.parametrize("command", ["repl", "monitor"])
@pytest.mark.parametrize("name", board_session.BOARDS)
def test_a_board_that_is_reset_restarts(name: str, command: str) -> None:
    """Also after a crash, of which the next start tells."""
    kernel = str(board_session.kernel(board_session.boards.load(name)))
    typist = Typist(command, "--board", name, "--kernel", kernel)
    typist.read_until(">>> ")
    typist.text = ""
    typist.type(b"import machine; machine.reset()\r")
    typist.read_until(">>> ")
    assert ", entered at EL" in typist.text
    typist.type(b"import machine, memory; memory.crash_action('reset')\r")
    typist.text = ""
    typist.read_until(">>> ")
    typist.text = ""
    typist.type(b"machine.disable_irq(); machine.mem8[8]\r")
    typist.read_until(">>> ")
    assert "CRASH {" in typist.text
    typist.text = ""
    typist.type(b"import machine, memory; machine.reset_cause() == machine.CRASH_RESET\r")
    typist.read_until("True")
    typist.type(b"memory.last_crash()\r")
    typist.read_until("fault with interrupts masked: ")
    assert typist.leave() == 3


def test_the_repl_ends_when_the_emulator_does() -> None:
    kernel = str(board_session.kernel(board_session.boards.load("RPI4")))
    repl = Typist("repl", "--board", "RPI4", "--kernel", kernel)
    repl.read_until(">>> ")
    children = Path(f"/proc/{repl.process.pid}/task/{repl.process.pid}/children").read_text()
    os.kill(int(children.split()[0]), signal.SIGKILL)
    repl.read_until("the machine stopped: QEMU ended with status -9")
    assert repl.process.wait(timeout=30) == 3


def test_the_runner_explains_a_crash_as_well(tmp_path: Path) -> None:
    kernel = board_session.kernel(board_session.boards.load("RPI3"))
    done = pimem("run", "--board", "RPI3", "--kernel", str(kernel), "--timeout", "60", stdin=CRASH)
    assert done.returncode == 3
    line = next(line for line in done.stderr.splitlines() if line.startswith("CRASH {"))
    check_backtrace(done.stderr, json.loads(line[len("CRASH ") :]))


def test_the_monitor_stamps_a_boot_log() -> None:
    kernel = board_session.kernel(board_session.boards.load("RPI3"))
    monitor = Typist("monitor", "--board", "RPI3", "--kernel", str(kernel))
    monitor.read_until("MicroPython v")
    assert monitor.leave() == 0
    lines = monitor.text.splitlines()
    stamps = [re.match(r"\[ *(\d+\.\d{3})\] ", line) for line in lines]
    assert all(stamps) and len(lines) > 10
    times = [float(stamp[1]) for stamp in stamps if stamp]
    assert times == sorted(times)
    assert any("MicroPython v" in line for line in lines)


@pytest.mark.parametrize("name", board_session.BOARDS)
def test_the_picture_agrees_with_the_board(name: str, tmp_path: Path) -> None:
    drawing = tmp_path / "frames.svg"
    with board_session.booted(name) as machine:
        expected = machine.exec("import memory\nx = memory.frames.alloc(300)\nprint(x.pa)")
        port = machine.link.url
        machine.link.close()
        done = pimem("frames", "--port", port, "--json", "--svg", str(drawing))
        text = pimem("frames", "--port", port)
    assert done.returncode == 0, done.stderr
    picture = json.loads(done.stdout)
    figures, owners = picture["frames"], picture["owners"]
    assert figures["free"] + figures["used"] + figures["reserved"] == figures["total"]
    assert sum(owners.values()) == figures["used"]
    at = int(expected)
    (used,) = [run for run in picture["runs"] if run[0] <= at < run[1]]
    assert used[2] == "used" and used[1] >= at + 300 * 4096
    total = sum(run[1] - run[0] for run in picture["runs"] if run[2] == "used")
    assert total == figures["used"] * 4096
    boxes = ElementTree.parse(drawing).getroot().iter("{http://www.w3.org/2000/svg}title")
    assert f"{used[0]:#x}-{used[1]:#x} used" in {box.text for box in boxes}
    assert text.returncode == 0 and "\x1b" not in text.stdout
    assert all(owner in text.stdout for owner in owners)


def test_looking_at_the_frames_leaves_the_board_as_it_was() -> None:
    with board_session.booted("RPI3") as machine:
        machine.exec("import memory\nkept = memory.frames.alloc(7)\nmemoryview(kept)[0] = 42")
        port = machine.link.url
        machine.link.close()
        assert pimem("frames", "--port", port).returncode == 0
        with Link(port) as link:
            link.enter_raw_repl()
            assert link.run("print(memoryview(kept)[0], kept.count)") == "42 7\n"
