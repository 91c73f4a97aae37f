# SPDX-License-Identifier: MIT
"""What QEMU's machines lack is named by the boot report, refused by the classes, and documented.

The words are those of the table in docs/machine.md, whose rows are in pimem.dev.status_rows.
"""

from __future__ import annotations

import re

import pytest

from pimem import ROOT
from pimem.board.qemu import NO_MODEL
from pimem.dev.status_rows import (
    FEATURES,
    MACHINES,
    NO_CLASS,
    NOT_IN_SOC,
    REFUSED,
    WEAK,
)
from pimem.testing.board_session import Machine

#: Not for a real board: something may be connected to its header.
pytestmark = pytest.mark.emulator

MACHINE = (ROOT / "docs" / "machine.md").read_text(encoding="utf-8")
COLUMNS = dict(zip(("RPI3", "RPI4", "QEMU_VIRT"), MACHINES, strict=True))
#: The first use of each feature, by the start of its name in the table.
OPEN = {
    "`Pin`": ["machine.Pin(17)"],
    "`Pin.drive`": ["machine.Pin(17).drive()", "machine.Pin(17).drive(8)"],
    "`Pin.irq`": ["machine.Pin(17).irq()"],
    "`time_pulse_us`": [
        "machine.time_pulse_us(17, 1, 0)",
        "machine.bitstream(17, 0, (0, 0, 0, 0), b'')",
    ],
    "`WDT`": ["machine.WDT()"],
    "`I2C(0)`": ["machine.I2C(0)", "machine.I2C(1)"],
    "`I2C(3)`": [f"machine.I2C({n})" for n in (3, 4, 5, 6)],
    "`SoftI2C`": ["machine.SoftI2C(5, 6)"],
    "`SPI(0)`": ["machine.SPI(0)"],
    "`SPI(1)`": ["machine.SPI(1)"],
    "`SPI(3)`": [f"machine.SPI({n})" for n in (3, 4, 6)],
    "`SoftSPI`": ["machine.SoftSPI(sck=5, mosi=6, miso=13)"],
    "`UART(1)`": ["machine.UART(1)"],
    "`UART(2)`": [f"machine.UART({n})" for n in (2, 3, 4, 5)],
    "`PWM`": ["machine.PWM(18)"],
    "`temperature()`": ["machine.temperature()", "machine.freq()"],
    "`SDCard`": ["machine.SDCard()"],
}
ERRORS = {
    REFUSED: ["OSError", 19],
    NOT_IN_SOC: ["ValueError", None],
    NO_CLASS: ["AttributeError", None],
}
TRY = """
import machine
def attempt(call):
    try:
        eval(call)
    except Exception as exc:
        number = exc.errno if isinstance(exc, OSError) else None
        return [type(exc).__name__, number]
    return "works"
"""


def words(board: Machine) -> dict[str, str]:
    """What the table says of each feature on this machine."""
    return {row.what: row.on(COLUMNS[board.name]) for row in FEATURES}


@pytest.mark.guest_errors(r"pl011_(read|write): Bad offset 0x[68a]24")  # UART(3) to UART(5)
def test_each_absent_feature_is_refused_as_the_table_says(board: Machine) -> None:
    board.exec(TRY)
    told = words(board)
    judged = 0
    for start, calls in OPEN.items():
        (what,) = (name for name in told if name.startswith(start))
        wanted = next(
            (error for said, error in ERRORS.items() if told[what].startswith(said)), None
        )
        if wanted:
            assert [board.eval(f"attempt({call!r})") for call in calls] == [wanted] * len(calls), (
                what
            )
            judged += 1
    assert judged >= 3


def test_each_absent_feature_is_tried() -> None:
    absent = (*ERRORS, WEAK)
    for row in FEATURES:
        said = [row.on(machine) for machine in MACHINES]
        if any(each.startswith(absent) for each in said) and "RNG" not in row.what:
            assert any(row.what.startswith(start) for start in OPEN), row.what


def test_the_source_of_random_numbers_is_as_the_table_says(board: Machine) -> None:
    source = board.eval("memory.report()['random']", "import memory")
    told = {what: said for what, said in words(board).items() if "RNG" in what}
    for what, said in told.items():
        name = "weak" if said == WEAK else re.sub(r" \(.*", "", what)
        assert said == NOT_IN_SOC or source.startswith(name), what
    assert len(told) == 2


def test_the_report_names_what_this_machine_lacks(board: Machine) -> None:
    missing = board.eval("memory.report()['missing']", "import memory")
    assert len(missing) == len(set(missing))
    assert set(missing) == NO_MODEL.get(board.name, frozenset())
    assert [name for name in missing if f"`{name}`" not in MACHINE] == []


def test_the_page_lists_what_the_report_names() -> None:
    rows = dict(re.findall(r"^\| QEMU (\w+) \| (`.*`) \|$", MACHINE, re.MULTILINE))
    told = {name: set(re.findall(r"`([^`]+)`", text)) for name, text in rows.items()}
    assert told == {COLUMNS[name]: set(missing) for name, missing in NO_MODEL.items()}
