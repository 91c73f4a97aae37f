# SPDX-License-Identifier: MIT
"""machine.WDT resets the board, and the next start reports the watchdog as the cause. QEMU resets
as soon as the watchdog is started; tests/host asserts the sequence of the driver."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pimem.testing import board_session
from pimem.testing.board_session import Machine

CAUSES = ("PWRON_RESET", "HARD_RESET", "WDT_RESET", "SOFT_RESET", "CRASH_RESET")
CAUSE = f"[n for n in {CAUSES} if getattr(machine, n) == machine.reset_cause()]"


@pytest.fixture(params=board_session.PIS)
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    machine = board_session.boot(request.param, reboot=True)
    yield machine
    machine.close()


def cause(machine: Machine) -> str:
    (name,) = machine.eval(CAUSE, "import machine")
    return str(name)


def end_by(machine: Machine, line: bytes) -> None:
    """Run a line that resets the machine, and wait for the next prompt."""
    machine.link.write(b"import machine\n" + line + b"\n\x04")
    board_session.wait_for_prompt(machine)
    machine.link.enter_raw_repl()


def test_a_watchdog_resets_the_board_and_is_the_cause(machine: Machine) -> None:
    assert cause(machine) == "PWRON_RESET"
    end_by(machine, b"machine.WDT(timeout=500)")
    assert cause(machine) == "WDT_RESET"
    machine.soft_reset()
    assert cause(machine) == "SOFT_RESET"


def test_a_reset_that_was_asked_for_is_another_cause(machine: Machine) -> None:
    end_by(machine, b"machine.WDT()")
    end_by(machine, b"machine.reset()")
    assert cause(machine) == "HARD_RESET"
    end_by(machine, b"machine.WDT()")
    assert cause(machine) == "WDT_RESET"
    assert machine.eval("memory.last_crash()", "import memory") is None


def test_a_refused_watchdog_leaves_no_trace(machine: Machine) -> None:
    machine.exec(
        "import machine\ntry:\n    machine.WDT(timeout=16000)\nexcept ValueError: print('refused')"
    )
    machine.emulated().qmp.execute("system_reset")
    board_session.wait_for_prompt(machine)
    machine.link.enter_raw_repl()
    assert cause(machine) == "PWRON_RESET"
