# SPDX-License-Identifier: MIT
"""Whatever fails at boot, the REPL comes up, says so in its banner, and memory.report() works."""

from __future__ import annotations

import time
from collections.abc import Iterator

import memtest_image
import pytest

from pimem.board.link import BANNER, END, PROMPT, to_text
from pimem.board.qemu import NO_MODEL
from pimem.testing import Machine, board_session

KEY = b"\x18"  # Ctrl-X

WRITE = """
for name, text in FILES.items():
    with open(name, "w") as f:
        f.write(text)
"""


def restart(machine: Machine, files: dict[str, str], *, typed: bytes = b"") -> str:
    """A soft reset of the friendly REPL with these files at /: all it says up to the
    prompt."""
    machine.exec(f"FILES = {files!r}\n{WRITE}")
    machine.link.write(b"\x02")
    machine.link.read_until(PROMPT, total=20)
    machine.link.write(END + typed)
    text = to_text(machine.link.read_until(PROMPT, total=60))
    machine.link.enter_raw_repl()
    return text


def check_report(machine: Machine, why: str | None) -> None:
    report = machine.eval("memory.report()", "import memory")
    assert report["board"] == machine.name
    assert report["mmu"] is True and report["frames"]["free"] > 10_000
    assert report["safe_mode"] == why


def banner_of(text: str) -> list[str]:
    """The banner: the line before MicroPython's own, and that one."""
    lines = text.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith(to_text(BANNER)))
    return lines[at - 1 : at + 1]


GOOD_MAIN = {"main.py": "print('main ran')"}
FILES = [
    ({"boot.py": "1 / 0", **GOOD_MAIN}, "boot.py ended with an exception; main.py was not run"),
    (
        {"boot.py": "syntax error(", **GOOD_MAIN},
        "boot.py ended with an exception; main.py was not run",
    ),
    (
        {"boot.py": "print('boot ran')", "main.py": "import nothing"},
        "main.py ended with an exception",
    ),
    ({"main.py": "import machine\nmachine.mem8[0]"}, "main.py ended with an exception"),
    ({"boot.py": "print('boot ran')", **GOOD_MAIN}, None),
]


@pytest.mark.parametrize(("files", "why"), FILES, ids=["boot", "syntax", "main", "fault", "good"])
def test_a_file_that_fails_leads_to_safe_mode(
    victim: Machine, files: dict[str, str], why: str | None
) -> None:
    text = restart(victim, files)
    first = banner_of(text)[0]
    if why is None:
        assert "Safe mode" not in text and "boot ran" in text and "main ran" in text
    else:
        assert first == f"Safe mode: {why}"
        assert "Error" in text or "Fault" in text, "the traceback is above"
        assert ("main ran" in text) == ("main.py was not run" not in why and "main ran" in files)
    check_report(victim, why)
    # The next start is not marked by this one.
    victim.exec(
        "import os\nfor name in FILES:\n    os.remove(name)\n".replace("FILES", repr(list(files)))
    )
    victim.link.write(b"\x02")
    victim.link.read_until(PROMPT, total=20)
    victim.link.write(END)
    assert "Safe mode" not in to_text(victim.link.read_until(PROMPT, total=60))


def test_the_key_skips_the_files(victim: Machine) -> None:
    why = "Ctrl-X was pressed; boot.py and main.py were not run"
    loop = {"boot.py": "print('boot ran')\nwhile True:\n    pass", **GOOD_MAIN}
    text = restart(victim, loop, typed=KEY)
    assert banner_of(text)[0] == f"Safe mode: {why}"
    assert "ran" not in text
    check_report(victim, why)


def test_a_held_ctrl_c_skips_the_files(victim: Machine) -> None:
    why = "Ctrl-C was held; boot.py and main.py were not run"
    text = restart(victim, {"main.py": "while True:\n    pass"}, typed=b"\x03" * 5)
    assert banner_of(text)[0] == f"Safe mode: {why}"
    check_report(victim, why)


def test_the_key_without_files_is_told_of_as_well(victim: Machine) -> None:
    why = "Ctrl-X was pressed; there is no boot.py and no main.py"
    text = restart(victim, {}, typed=KEY)
    assert banner_of(text)[0] == f"Safe mode: {why}"
    check_report(victim, why)


def test_other_keys_do_not(victim: Machine) -> None:
    # What tools send when they open a port. It is kept for the REPL.
    text = restart(victim, {"main.py": "print('main ran')"}, typed=b"\r\x03\x03\r")
    assert "Safe mode" not in text and "main ran" in text


def test_a_tool_in_raw_mode_does_not_wait(victim: Machine) -> None:
    victim.exec(f"FILES = {{'boot.py': 'import time; t = time.ticks_us()'}}\n{WRITE}")
    assert "Safe mode" not in victim.soft_reset()
    assert victim.eval("t") > 0


def test_without_files_nothing_waits(victim: Machine) -> None:
    start, prompt, _ = victim.eval("_memory.boot_ticks()", "import _memory")
    hz = victim.eval("_memory.regs()['cntfrq']")
    assert prompt > start and hz > 0
    assert victim.eval("_memory.boot_info()['safe_mode']") is None


@pytest.fixture(params=board_session.BOARDS)
def name(request: pytest.FixtureRequest) -> Iterator[str]:
    yield request.param


def test_frozen_boot_code_that_fails(name: str) -> None:
    with board_session.booted(name, memtest_image.start_args(name, "switch")) as machine:
        first = machine.report.rstrip().splitlines()[-1]
        assert first.startswith("Safe mode: the kernel map could not be made: OSError(")
        assert "Traceback" in machine.report and "memory/boot.py" in machine.report
        report = machine.eval("memory.report()", "import memory")
        assert report["board"] == name and report["safe_mode"] in first
        assert report["heap"]["size"] == 0, "there is no kernel heap"
        assert machine.exec("print(6 * 7)") == "42\n"


MISSING = {
    "mailbox": "mailbox",
    "intc": "interrupt controller",
    "gpio": "GPIO",
    "watchdog": "watchdog",
    "silent_mailbox": "mailbox",
}


@pytest.mark.parametrize("failure", MISSING)
def test_a_missing_device_is_reported(name: str, failure: str) -> None:
    if name not in board_session.PIS and failure != "intc":
        pytest.skip("QEMU's virt machine has no such device in the first place")
    with board_session.booted(name, memtest_image.start_args(name, failure)) as machine:
        assert f"missing  {MISSING[failure]}: no answer" in machine.report
        missing = set(machine.eval("memory.report()['missing']", "import memory"))
        assert missing - NO_MODEL.get(name, frozenset()) == {MISSING[failure]}
        # Sleeping and receiving work, with interrupts or without.
        assert machine.exec("import time\ntime.sleep_ms(5)\nprint(6 * 7)\n" + "#" * 5000) == "42\n"
        assert machine.eval("memory.check()", "import memory") == []


def test_a_missing_uart_does_not_hang_the_boot(name: str) -> None:
    machine = board_session.start(name, memtest_image.start_args(name, "uart"))
    try:
        pa = memtest_image.physical_address(machine.board, "memtest_prompts")
        end = time.monotonic() + 60
        while not int.from_bytes(machine.emulated().read_physical(pa, 8), "little"):
            assert time.monotonic() < end, "the REPL never asked for its first key"
            time.sleep(0.2)
    finally:
        machine.close()
