# SPDX-License-Identifier: MIT
"""`pimem serve`: boards to which other programs connect, by pseudo-terminal and TCP."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from terminals import heed_ctrl_c

from pimem.board.link import Link
from pimem.testing import board_session

SLOW = "import time\nfor n in range(3000):\n    print(n, '.' * 60)\n"


class Server:
    """A running `pimem serve`, and the places that it printed."""

    def __init__(self, *options: str, places: int = 1) -> None:
        command = [sys.executable, "-m", "pimem", "serve", *options]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=heed_ctrl_c,
        )
        assert self.process.stdout
        self.places = [self.process.stdout.readline().strip() for _ in range(places)]

    def children(self) -> list[str]:
        """Return the process numbers of its emulators."""
        pid = self.process.pid
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()

    def end(self) -> tuple[int, str]:
        """Press Ctrl-C; return the exit code, and what was said."""
        self.process.send_signal(signal.SIGINT)
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, said


@contextlib.contextmanager
def serving(name: str, *options: str, places: int = 1) -> Iterator[Server]:
    kernel = str(board_session.kernel(board_session.boards.load(name)))
    server = Server("--board", name, "--kernel", kernel, *options, places=places)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.communicate()


def ask(place: str, script: str) -> str:
    with Link(place) as link, link.in_raw_repl():
        return link.run(script)


@pytest.mark.parametrize("name", board_session.BOARDS)
@pytest.mark.parametrize("listen", [None, "socket://:0", "rfc2217://:0"])
def test_one_program_after_the_other_connects(name: str, listen: str | None) -> None:
    options = ["--listen", listen] if listen else []
    with serving(name, *options) as server:
        (place,) = server.places
        start = "/dev/pts/" if listen is None else listen.replace(":0", "127.0.0.1:")
        assert place.startswith(start)
        assert ask(place, "kept = 6 * 7") == ""
        assert ask(place, "print(kept)") == "42\n"
        assert ask(place, SLOW).count("\n") == 3000
        code, said = server.end()
    assert (code, said) == (0, f"pimem: {name} is there; Ctrl-C ends it\n")


def test_several_boards_are_apart_and_end_together() -> None:
    with serving("RPI3", "--count", "2", places=2) as server:
        first, second = server.places
        assert ask(first, "x = 1") == ask(second, "x = 2") == ""
        assert (ask(first, "print(x)"), ask(second, "print(x)")) == ("1\n", "2\n")
        emulators = server.children()
        assert len(emulators) == 2
        assert server.end()[0] == 0
    assert not any(os.path.exists(f"/proc/{pid}") for pid in emulators)


def test_a_board_prints_without_anyone_there_and_goes_on() -> None:
    with serving("RPI4") as server:
        (place,) = server.places
        with Link(place) as link:
            link.enter_raw_repl()
            link.paste(SLOW.encode() + b"done = True\n")
        assert ask(place, "try:\n    print(done)\nexcept NameError:\n    print('no')") != ""
        assert ask(place, "print(6 * 7)") == "42\n"


RESET = "print('before')\nimport machine\nmachine.reset()\n"
CRASH = """\
import machine, memory
memory.crash_action('reset')
machine.disable_irq()
machine.mem8[8]
"""
CAUSE = """\
import machine, memory
print(machine.reset_cause() == machine.CRASH_RESET, bool(memory.last_crash()))
"""


@pytest.mark.parametrize(
    ("script", "code", "cause"), [(RESET, 0, "False False\n"), (CRASH, 3, "True True\n")]
)
def test_a_board_that_is_reset_restarts(script: str, code: int, cause: str) -> None:
    with serving("RPI4") as server:
        (place,) = server.places
        command = [sys.executable, "-m", "pimem", "run", "--port", place, "--timeout", "60"]
        done = subprocess.run(command, input=script, capture_output=True, text=True, timeout=120)
        assert done.returncode == code, done.stderr
        with Link(place) as link:
            link.enter_raw_repl()
            assert link.run(CAUSE) == cause
        _, said = server.end()
    assert ("the board crashed" in said) == (code == 3)


def test_the_lines_of_rfc_2217_reset_it() -> None:
    with serving("RPI4", "--listen", "rfc2217://:0") as server:
        (place,) = server.places
        assert ask(place, "kept = 1") == ""
        command = [sys.executable, "-m", "pimem", "reset", "--port", place]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        board = board_session.attach("RPI4", place)
        assert board.eval("'kept' in globals()") is False
        board.close()


def test_an_emulator_that_ends_is_told() -> None:
    with serving("RPI4") as server:
        os.kill(int(server.children()[0]), signal.SIGKILL)
        assert server.process.wait(60) == 3
        assert server.process.stderr
        said = server.process.stderr.read()
    assert f"{server.places[0]}: the machine stopped: QEMU ended with status -9" in said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--listen", "4000"], "--listen 4000: it must be socket://[HOST]:PORT or rfc2217://"),
        (["--listen", "socket://:70000"], "--listen socket://:70000: it must be socket://"),
        (["--listen", ""], "--listen : it must be socket://[HOST]:PORT"),
        (["--count", "0"], "--count 0: it must be from 1 to 64"),
    ],
)
def test_wrong_options_are_one_line(options: list[str], message: str) -> None:
    command = [sys.executable, "-m", "pimem", "serve", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith(f"pimem: {message}")


def test_a_card_is_in_one_boards_slot(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pimem", "serve", "--count", "2", "--card", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "pimem: --count 2: a card is in one board's slot only\n"
