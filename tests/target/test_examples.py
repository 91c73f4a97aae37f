# SPDX-License-Identifier: MIT
"""The examples that need no device on the board's buses run, and print what they say."""

from __future__ import annotations

import re

import pytest
from example_page import shown

from pimem import ROOT
from pimem.testing.board_session import Machine

EXAMPLES = ROOT / "examples"

# The error of an example for whose hardware QEMU has no model.
NO_MODEL = {
    ("blink", "RPI3"): "EOPNOTSUPP",  # the LED is on the firmware's expander
    ("pwm_fade", "RPI4"): "ENODEV",  # nothing answers where the block is
}
NO_PINS = {"QEMU_VIRT": ("blink", "blink_timer", "button_irq", "neopixel_wheel", "pwm_fade")}

PRINTED = {
    "blink": r"the LED blinked 10 times",
    "blink_timer": r"the timer called [1-9]\d* times while the program counted to \d+",
    "button_irq": r"(pressed\n)*\d+ presses",
    "guard_page": r"100 bytes: ok\n101 bytes: write of byte 100\nwrite to 0x0000400000001000: .*",
    "log_to_card": r"/log\.csv has \d+ bytes",
    "neopixel_wheel": r"the colour went around 3 times",
    "pwm_fade": r"the LED faded in and out 5 times",
    "memory_map": r"/map\.svg shows \d+ ranges",
}


def run(machine: Machine, example: str) -> str:
    """Run an example and return what it printed. One that waits for a user waits a second."""
    text = (EXAMPLES / f"{example}.py").read_text(encoding="utf-8")
    return machine.exec(text.replace("SECONDS = 10", "SECONDS = 1"))


def take_file(machine: Machine, path: str) -> str:
    """Return the text of a file on the board, and remove it."""
    text = machine.eval("text", f"text = open({path!r}).read()")
    machine.exec(f"import os; os.remove({path!r})")
    return str(text)


@pytest.mark.parametrize("example", PRINTED)
def test_it_prints_what_it_says(board: Machine, example: str) -> None:
    if example in NO_PINS.get(board.name, ()):
        pytest.skip(f"{board.name} has no GPIO")
    error = NO_MODEL.get((example, board.name))
    if error and board.qemu:
        with pytest.raises(Exception, match=error):
            run(board, example)
        return
    assert re.fullmatch(PRINTED[example], run(board, example).replace("\r", "").strip())


@pytest.mark.parametrize("example", PRINTED)
def test_the_page_shows_what_it_prints(example: str) -> None:
    assert re.fullmatch(PRINTED[example], shown(example)[:-1])


def test_the_log_keeps_the_lines_of_earlier_runs(board: Machine) -> None:
    board.exec("open('/log.csv', 'w').close(); import os; os.remove('/log.csv')")
    run(board, "log_to_card")
    run(board, "log_to_card")
    lines = take_file(board, "/log.csv").splitlines()
    assert lines[0] == "ms,free frames"
    assert len(lines) == 1 + 10 + 10
    assert all(re.fullmatch(r"\d+,\d+", line) for line in lines[1:])


def test_the_map_has_every_range_of_the_report(board: Machine) -> None:
    run(board, "memory_map")
    svg = take_file(board, "/map.svg")
    ranges = board.eval("(r['ram'], r['reserved'])", "import memory; r = memory.report()")
    starts = [item[0] for kind in ranges for item in kind]
    assert svg.startswith("<svg") and svg.endswith("</svg>\n")
    assert all(f">{start:012x}-" in svg for start in starts)
    assert svg.count("<rect") == len(starts)
