# SPDX-License-Identifier: MIT
"""The examples that need a device on a bus of the header run with QEMU's, as their heads say."""

from __future__ import annotations

import re
import shlex

import pytest

from pimem import ROOT
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


def test_the_memory_keeps_the_number() -> None:
    with board_session.booted("RPI4", extra=extra("eeprom")) as machine:
        machine.exec(text_of("eeprom"))
        machine.soft_reset()
        assert machine.exec(text_of("eeprom")) == "this is start 2\n"


def test_without_the_device_the_example_says_so() -> None:
    with board_session.booted("RPI3") as machine:
        assert machine.exec(text_of("flash_identity")) == "no flash answers\n"
        with pytest.raises(Exception, match="ENODEV"):
            machine.exec(text_of("temperature"))
