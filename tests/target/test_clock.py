# SPDX-License-Identifier: MIT
"""machine.RTC and what follows it; machine.WDT, temperature(), freq(), unique_id()."""

from __future__ import annotations

import pytest

from pimem.board.link import ScriptError
from pimem.testing.board_session import PIS, Machine
from pimem.testing.refusals import check_refused

SET = "rtc = machine.RTC(); rtc.datetime((2031, 2, 28, 0, 23, 59, 58, 250000))"


@pytest.fixture
def clock(board: Machine, clock_kept: None) -> Machine:
    """The board, whose clock a test may set: it is put back afterwards."""
    board.exec("import machine, os, time")
    return board


def test_the_time_is_what_was_set_and_goes_on(clock: Machine) -> None:
    got = clock.eval("list(rtc.datetime())", SET)
    assert got[:7] in ([2031, 2, 28, 4, 23, 59, 58], [2031, 2, 28, 4, 23, 59, 59])
    # 2031-02-28 23:59:58 is 1,930,089,598 seconds after 1970-01-01.
    assert clock.eval("0 <= time.time() - 1930089598 < 60") is True
    clock.exec("while rtc.datetime()[2] != 1: machine.idle()")
    assert clock.eval("list(rtc.datetime())[:5]") == [2031, 3, 1, 5, 0]
    assert clock.eval("list(time.localtime())[:4]") == [2031, 3, 1, 0]


def test_microseconds_are_kept(clock: Machine) -> None:
    spent = clock.eval(
        "spent", SET + "\nspent = time.time_ns() // 1000 - (1930089598 * 1000000 + 250000)"
    )
    assert 0 <= spent < 60_000_000


def test_times_of_files_follow(clock: Machine) -> None:
    clock.exec(SET + "\nopen('/dated', 'w').close()")
    mtime = clock.eval("os.stat('/dated')[8]")
    clock.exec("os.remove('/dated')")
    assert 0 <= mtime - 1_930_089_598 < 60


def test_there_is_one_clock(clock: Machine) -> None:
    assert clock.eval("machine.RTC() is machine.RTC(0)") is True


def test_the_time_stays_over_ten_soft_resets(clock: Machine) -> None:
    clock.exec(SET)
    for _ in range(10):
        clock.soft_reset()
        clock.exec("import machine, time")
        assert clock.eval("0 <= time.time() - 1930089598 < 600") is True


def test_a_year_that_leaps_has_its_day(clock: Machine) -> None:
    clock.exec("rtc = machine.RTC()\nrtc.datetime((2028, 2, 29, 7, 12, 0, 0, 0))")
    assert clock.eval("list(rtc.datetime())[:5]") == [2028, 2, 29, 1, 12]


BAD = [
    ("RTC(1)", "ValueError", "no RTC 1"),
    ("RTC('a')", "TypeError", ""),
    ("RTC().datetime(5)", "TypeError", ""),
    ("RTC().datetime((2026, 1, 1))", "ValueError", "RTC datetime has 3 items, not 8: year"),
    ("RTC().datetime((1999, 1, 1, 0, 0, 0, 0, 0))", "ValueError", "year 1999 is not in 2000"),
    ("RTC().datetime((2554, 1, 1, 0, 0, 0, 0, 0))", "ValueError", "year 2554"),
    ("RTC().datetime((2026, 0, 1, 0, 0, 0, 0, 0))", "ValueError", "month 0"),
    ("RTC().datetime((2026, 13, 1, 0, 0, 0, 0, 0))", "ValueError", "month 13"),
    ("RTC().datetime((2026, 1, 0, 0, 0, 0, 0, 0))", "ValueError", "day 0"),
    ("RTC().datetime((2027, 2, 29, 0, 0, 0, 0, 0))", "ValueError", "day 29 is not in 1 to 28"),
    ("RTC().datetime((2026, 1, 1, 8, 0, 0, 0, 0))", "ValueError", "weekday 8"),
    ("RTC().datetime((2026, 1, 1, 0, 24, 0, 0, 0))", "ValueError", "hour 24"),
    ("RTC().datetime((2026, 1, 1, 0, 0, 60, 0, 0))", "ValueError", "minute 60"),
    ("RTC().datetime((2026, 1, 1, 0, 0, 0, -1, 0))", "ValueError", "second -1"),
    ("RTC().datetime((2026, 1, 1, 0, 0, 0, 60, 0))", "ValueError", "second 60"),
    ("RTC().datetime((2026, 1, 1, 0, 0, 0, 0, 1000000))", "ValueError", "microsecond 1000000"),
    ("RTC().datetime((2026, 1, 1, 0, 0, 0, 0, 'a'))", "TypeError", ""),
    ("WDT(1)", "ValueError", "no WDT 1"),
    ("WDT(timeout=0)", "ValueError", "timeout 0 ms is not in 1 to 15999"),
    ("WDT(timeout=16000)", "ValueError", "timeout 16000"),
    ("WDT(timeout=-5)", "ValueError", "timeout -5"),
    ("WDT(timeout='a')", "TypeError", ""),
    ("temperature(1)", "TypeError", ""),
]


@pytest.mark.parametrize(("call", "kind", "named"), BAD)
def test_what_cannot_be_is_named(clock: Machine, call: str, kind: str, named: str) -> None:
    clock.exec(SET)
    check_refused(clock, f"machine.{call}", kind, named)
    assert clock.eval("rtc.datetime()[0]") == 2031, "a refused date changes nothing"


def test_without_a_power_management_block_there_is_no_watchdog(clock: Machine) -> None:
    if clock.name in PIS:
        pytest.skip("a WDT would reset the board")
    with pytest.raises(ScriptError, match="ENODEV"):
        clock.exec("machine.WDT()")


def test_the_temperature_is_the_firmwares(clock: Machine) -> None:
    if clock.name not in PIS:
        with pytest.raises(ScriptError, match="ENODEV"):
            clock.exec("machine.temperature()")
        return
    celsius = clock.eval("machine.temperature()")
    assert celsius == 25.0 if clock.qemu else 0 < celsius < 100


@pytest.mark.parametrize("hz", ["0", "-7", "1", "10 ** 10", "1 << 70"])
def test_a_clock_out_of_reach_is_refused_with_the_limits(clock: Machine, hz: str) -> None:
    if clock.name not in PIS:
        with pytest.raises(ScriptError, match="ENODEV|OverflowError"):
            clock.exec(f"machine.freq({hz})")
        return
    with pytest.raises(
        ScriptError, match=r"ValueError: frequency .* is not in \d+ to \d+|Overflow"
    ):
        clock.exec(f"machine.freq({hz})")


def test_the_clock_can_be_set_within_the_limits(clock: Machine) -> None:
    if clock.name not in PIS:
        pytest.skip("QEMU_VIRT has no firmware that sets clocks")
    clock.exec("hz = machine.freq()\nmachine.freq(hz)")
    assert clock.eval("machine.freq() == hz") is True


def test_lightsleep_sleeps_at_least_as_long(clock: Machine) -> None:
    """By WFI, not in a loop: tests/emulator counts the instructions."""
    took = "start = time.ticks_us()\nmachine.lightsleep(25)\ntook = time.ticks_us() - start"
    assert clock.eval("took >= 25000", took) is True
    with pytest.raises(ScriptError, match="cannot sleep -1 ms"):
        clock.exec("machine.lightsleep(-1)")
