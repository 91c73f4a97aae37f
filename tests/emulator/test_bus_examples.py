# SPDX-License-Identifier: MIT
"""The examples that need a device on a bus of the header run with QEMU's, as their heads say."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys

import pytest
from example_page import section, shown

from pimem import ROOT
from pimem.board import boards
from pimem.testing import board_session

PRINTED = {
    "temperature": r"(0\.00 degrees\n){5}",
    "clock": r"2026-06-15 (11:59:59|12:00:0.)\n2026-06-15 12:00\n",
    "eeprom": r"this is start 1\n",
    "flash_identity": r"maker 0xef, type 0x40, 1024 KiB\n",
}
COMMAND = re.compile(r"pimem run (--device \S+) examples/")


def text_of(example: str) -> str:
    return (ROOT / "examples" / f"{example}.py").read_text(encoding="utf-8")


def extra(example: str) -> list[str]:
    """QEMU's arguments, by the command in the head of the example."""
    found = COMMAND.search(text_of(example))
    assert found, f"the head of {example} says how it runs in QEMU"
    return shlex.split(found[1].replace("--device", "-device"))


@pytest.mark.parametrize("name", board_session.PIS)
@pytest.mark.parametrize("example", PRINTED)
def test_an_example_runs_with_the_device_that_it_names(example: str, name: str) -> None:
    with board_session.booted(name, extra=extra(example)) as machine:
        got = machine.exec(text_of(example)).replace("\r", "")
        assert re.fullmatch(PRINTED[example], got)


@pytest.mark.parametrize("example", PRINTED)
def test_the_page_shows_its_command_and_what_it_prints(example: str) -> None:
    assert re.fullmatch(PRINTED[example], shown(example))
    (command,) = re.findall(r"^In QEMU: (.*)$", text_of(example), re.MULTILINE)
    assert f"\n.venv/bin/{command}\n" in section(example)


def test_the_memory_keeps_the_number() -> None:
    with board_session.booted("RPI4", extra=extra("eeprom")) as machine:
        machine.exec(text_of("eeprom"))
        machine.soft_reset()
        assert machine.exec(text_of("eeprom")) == "this is start 2\n"


def test_without_the_device_the_example_says_so() -> None:
    with board_session.booted("RPI3") as machine:
        with pytest.raises(Exception, match="OSError: no flash answers"):
            machine.exec(text_of("flash_identity"))
        with pytest.raises(Exception, match=r"no device at 0x48 acknowledges on I2C\(1\)"):
            machine.exec(text_of("temperature"))


def pimem(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pimem", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


@pytest.mark.parametrize("name", board_session.PIS)
def test_the_command_in_the_head_works_as_it_stands(name: str) -> None:
    kernel = str(board_session.kernel(boards.load(name)))
    device = extra("temperature")[1]
    done = pimem(
        *("run", "--board", name, "--kernel", kernel, "--device", device),
        "examples/temperature.py",
    )
    assert (done.returncode, done.stdout) == (0, "0.00 degrees\n" * 5), done.stderr


def test_a_real_board_takes_no_devices_of_qemu() -> None:
    done = pimem("run", "--port", "/dev/null", "--device", "tmp105", "examples/temperature.py")
    assert done.returncode == 2 and "--device is for QEMU" in done.stderr


def test_a_device_that_qemu_does_not_have_is_told() -> None:
    kernel = str(board_session.kernel(boards.load("RPI3")))
    done = pimem(
        *("run", "--board", "RPI3", "--kernel", kernel, "--device", "thermometer9"),
        "examples/temperature.py",
    )
    assert done.returncode == 2
    assert done.stderr.startswith("pimem: QEMU did not start (status 1): "), done.stderr
    assert "'thermometer9' is not a valid device model name" in done.stderr
