# SPDX-License-Identifier: MIT
"""Boards behind a network: the commands over socket:// and rfc2217://, and resets over RUN."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import pytest
from bridge import Bridge
from power_on import power_on, run_tests

from pimem.board import reset
from pimem.testing import board_session

LOST = "import machine\nmachine.disable_irq()\nprint('going')\nwhile True: pass"
SUBSET = "test_soft_reset"


def pimem(*args: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pimem", *args]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=120)


@pytest.fixture(params=["socket", "rfc2217"])
def bridge(request: pytest.FixtureRequest) -> Iterator[Bridge]:
    with power_on("RPI4") as machine, Bridge(machine, telnet=request.param == "rfc2217") as bridge:
        board_session.attach("RPI4", bridge.url).close()  # it has booted
        yield bridge


@pytest.fixture
def bench() -> Iterator[Bridge]:
    with power_on("RPI4") as machine, Bridge(machine, telnet=True) as bridge:
        board_session.attach("RPI4", bridge.url).close()
        yield bridge


def test_each_command_works_over_a_network(bridge: Bridge, tmp_path: Path) -> None:
    port = ("--port", bridge.url)
    done = pimem("run", *port, stdin="print('ü' * 300)\n1 / 0\n")
    assert (done.returncode, done.stdout) == (1, "ü" * 300 + "\n"), done.stderr
    done = pimem("frames", *port, "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["board"] == "RPI4"
    done = pimem("boot", str(board_session.kernel(board_session.boards.load("RPI4"))), *port)
    assert done.returncode == 0 and "entered at EL2" in done.stdout, done.stderr
    done = pimem("monitor", *port, "--seconds", "1")
    assert done.returncode == 0, done.stderr
    assert bridge.uart.resets == 0, "to open a port must not reset the board"


def test_a_board_is_reset_over_the_lines_of_its_bridge(bench: Bridge) -> None:
    board = board_session.attach("RPI4", bench.url)
    board.exec("import memory\nkept = 1")
    board.close()
    done = pimem("reset", "--port", bench.url)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert done.stderr == f"pimem: {bench.url}: reset by {reset.SEQUENCE}\n"
    assert bench.uart.resets == 1
    board = board_session.attach("RPI4", bench.url)
    assert board.eval("'kept' in globals()") is False
    board.close()


def test_a_board_that_hears_nothing_is_brought_back_by_its_reset_line(bench: Bridge) -> None:
    board = board_session.attach("RPI4", bench.url)
    with pytest.raises(board_session.NoAnswer):
        board.exec(LOST, timeout=1)
    board.close()
    with pytest.raises(board_session.NoAnswer, match="no MicroPython answered within"):
        board_session.attach("RPI4", bench.url)
    board = board_session.attach("RPI4", bench.url, reset.SEQUENCE)
    assert board.exec("print(6 * 7)") == "42\n"
    board.close()


def test_the_target_tests_reset_the_board_between_tests(bench: Bridge, tmp_path: Path) -> None:
    options = ("--port", f"RPI4={bench.url}", "-k", SUBSET)
    done = run_tests(*options, folder=tmp_path, PIMEM_RESET=reset.SEQUENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    suite = next(ElementTree.parse(tmp_path / "junit.xml").iter("testsuite"))
    passed = int(suite.get("tests", 0)) - int(suite.get("skipped", 0))
    assert passed >= 5
    assert bench.uart.resets == passed + 1, "before each test, and when asked who is there"
