# SPDX-License-Identifier: MIT
"""machine.Timer: scheduled callbacks, once or periodically, whatever the callback does."""

from __future__ import annotations

import pytest

from pimem.board.link import RAW_PROMPT, REBOOT, ScriptError
from pimem.board.text import to_text
from pimem.testing.board_session import Machine
from pimem.testing.refusals import check_refused

SETUP = """\
import gc, machine, time
from machine import Timer
calls = []
def note(timer):
    calls.append(timer)
def after(count, ms=20000):
    end = time.ticks_add(time.ticks_ms(), ms)
    while len(calls) < count and time.ticks_diff(end, time.ticks_ms()) > 0:
        machine.idle()
    return len(calls)
def still():
    count = len(calls)
    time.sleep_ms(40)
    return len(calls) == count
"""


@pytest.fixture
def timers(board: Machine) -> Machine:
    board.exec(SETUP)
    return board


def test_a_periodic_timer_calls_until_it_is_stopped(timers: Machine) -> None:
    timers.exec("t = Timer(period=2, callback=note)")
    assert timers.eval("after(5) >= 5") is True
    timers.exec("t.deinit()")
    assert timers.eval("[still(), all(each is t for each in calls)]") == [True, True]


def test_a_timer_without_another_reference_runs(timers: Machine) -> None:
    timers.exec("Timer(-1, mode=Timer.ONE_SHOT, period=30, callback=note)\ngc.collect()")
    timers.exec("rubbish = [bytearray(100) for _ in range(1000)]\ngc.collect()")
    assert timers.eval("after(1)") == 1
    assert timers.eval("[still(), type(calls[0]) is Timer]") == [True, True]


def test_a_one_shot_timer_can_start_itself_again(timers: Machine) -> None:
    timers.exec(
        "def again(timer):\n    calls.append(timer)\n    if len(calls) < 3:\n"
        "        timer.init(mode=Timer.ONE_SHOT, period=1, callback=again)\n"
        "Timer(mode=Timer.ONE_SHOT, freq=1000, callback=again)"
    )
    assert timers.eval("[after(3), still()]") == [3, True]


def test_each_of_many_timers_has_its_turn(timers: Machine) -> None:
    timers.exec(
        "all = [Timer(mode=Timer.ONE_SHOT, period=1 + n % 7, callback=note) for n in range(100)]"
    )
    assert timers.eval("[after(100), still(), len(set(id(t) for t in calls))]") == [100, True, 100]


def test_more_than_a_hundred_timers_are_refused(timers: Machine) -> None:
    timers.exec("all = [Timer(period=1000, callback=note) for _ in range(100)]")
    with pytest.raises(ScriptError, match="RuntimeError: 100 timers run already"):
        timers.exec("Timer(callback=note)")
    timers.exec("all[5].init(period=900)\nall[7].deinit()\nextra = Timer(callback=note)")
    timers.exec("for t in all + [extra]: t.deinit()")
    assert timers.eval("[still(), len(calls) < 100]") == [True, True]


def test_the_prompt_answers_with_the_dearest_timers(timers: Machine) -> None:
    timers.exec("all = [Timer(freq=20000, callback=id) for _ in range(100)]", timeout=60)
    assert timers.eval("6 * 7", timeout=60) == 42
    timers.exec("for t in all: t.deinit()", timeout=60)


def test_the_period_is_that_of_the_arguments(timers: Machine) -> None:
    made = [
        ("freq=4", 250_000),
        ("freq=0.5", 2_000_000),
        ("freq=20000", 50),
        ("period=3", 3_000),
        ("period=60, tick_hz=1000000", 60),
        ("period=315359999999", 315_359_999_999_000),
        ("", 1_000_000),
    ]
    for arguments, us in made:
        printed = timers.eval(f"str(Timer({arguments}))")
        assert printed == f"Timer(mode=PERIODIC, period={us}, tick_hz=1000000)"


#: Masks interrupts for some 80 ms, with a timer that is due 20,000 times a second.
MASKED = """
import memory
before = memory.report()["dropped_calls"]
state = machine.disable_irq()
t = Timer(freq=20000, callback=note)
start = time.ticks_us()
for _ in range(8):
    time.sleep_us(9999)
us = time.ticks_diff(time.ticks_us(), start)
machine.enable_irq(state)
"""


def test_missed_calls_are_made_up_for(timers: Machine) -> None:
    """After masked interrupts or long C code there is still one call per period."""
    timers.exec(
        "state = machine.disable_irq()\nt = Timer(period=1, callback=note)\n"
        "start = time.ticks_us()\ntime.sleep_us(9500)\nmachine.enable_irq(state)\n"
        "end = time.ticks_add(time.ticks_ms(), 20000)\nmade = due = 0\n"
        "while time.ticks_diff(end, time.ticks_ms()) > 0:\n"
        "    due = time.ticks_diff(time.ticks_us(), start) // 1000\n"
        "    made = len(calls)\n"
        "    if made >= due: break\n"  # a call that is lost is never made up for
        "t.deinit()"
    )
    assert timers.eval("made >= due >= 9") is True


def test_no_more_calls_wait_than_a_thousand(timers: Machine) -> None:
    timers.exec(MASKED + "after(1000)\nt.deinit()")
    calls, dropped, us = timers.eval("[len(calls), memory.report()['dropped_calls'] - before, us]")
    assert calls >= 1000 and dropped >= 1 and calls + dropped >= us // 50
    assert timers.eval("still()") is True


def test_calls_that_wait_end_with_their_timer(timers: Machine) -> None:
    timers.exec(MASKED + "t.deinit()")
    assert timers.eval("[len(calls) <= 1000, still()]") == [True, True]


@pytest.mark.parametrize("sleep", ["time.sleep_ms(1000)", "machine.lightsleep(1000)"])
def test_callbacks_run_during_sleep(timers: Machine, sleep: str) -> None:
    timers.exec(f"t = Timer(period=10, callback=note)\n{sleep}\nt.deinit()")
    assert timers.eval("len(calls) >= 20") is True


def test_what_a_callback_raises_is_printed_and_the_timer_goes_on(timers: Machine) -> None:
    out = timers.exec(
        "def bad(timer):\n    calls.append(timer)\n    if len(calls) == 2: timer.deinit()\n"
        "    [][len(calls)]\nt = Timer(period=1, callback=bad)\nprint(after(2), still())"
    )
    assert out.count("IndexError") == 2
    assert out.splitlines()[-1] == "2 True"


def test_a_fault_in_a_callback_is_an_exception(timers: Machine) -> None:
    out = timers.exec(
        "def bad(timer):\n    calls.append(timer)\n    machine.mem8[0x10]\n"
        "t = Timer(mode=Timer.ONE_SHOT, period=1, callback=bad)\nprint(after(1), still())"
    )
    assert "in bad" in out and "Fault" in out
    assert out.splitlines()[-1] == "1 True"


def test_exit_in_a_callback_ends_the_program(timers: Machine) -> None:
    with pytest.raises(ScriptError, match="SystemExit|KeyboardInterrupt"):
        timers.exec(
            "def stop(timer):\n    raise KeyboardInterrupt\n"
            "t = Timer(mode=Timer.ONE_SHOT, period=1, callback=stop)\n"
            "while True:\n    pass"
        )
    assert timers.eval("1 + 1") == 2


def test_a_soft_reset_stops_timers(board: Machine) -> None:
    """Also one whose calls print more than the line takes. What they print while the raw REPL is
    idle is no script's output."""
    late = "def late(timer):\n    calls.append(timer)\n    print('late')\n"
    board.exec(SETUP + late + "t = Timer(period=1, callback=late)\nassert after(3) >= 3")
    printed = board.soft_reset()
    assert printed.partition(to_text(REBOOT))[2] == to_text(RAW_PROMPT)
    board.exec("import time")
    assert board.exec("time.sleep_ms(30)\nprint('end')") == "end\n"


BAD = [
    ("Timer(0)", "ValueError", "no Timer 0"),
    ("Timer(-2)", "ValueError", "no Timer -2"),
    ("Timer('a')", "TypeError", ""),
    ("Timer(hard=True, callback=note)", "ValueError", "hard=True"),
    ("Timer(freq=0)", "ValueError", "freq 0"),
    ("Timer(freq=-3)", "ValueError", "freq -3"),
    ("Timer(freq=20001)", "ValueError", "freq 20001"),
    ("Timer(freq=float('nan'))", "ValueError", "nan"),
    ("Timer(freq=float('inf'))", "ValueError", "inf"),
    ("Timer(freq='a')", "TypeError", ""),
    ("Timer(period=0)", "ValueError", "period 0"),
    ("Timer(period=-1)", "ValueError", "period -1"),
    ("Timer(period=315360000000)", "ValueError", "period 315360000000"),
    ("Timer(period=49, tick_hz=1000000)", "ValueError", "period 49 is not in 50"),
    ("Timer(period=1, tick_hz=0)", "ValueError", "tick_hz 0"),
    ("Timer(period=1, tick_hz=1000000001)", "ValueError", "tick_hz 1000000001"),
    ("Timer(period=1.5)", "TypeError", ""),
    ("Timer(period=1, freq=1)", "TypeError", "not both"),
    ("Timer(mode=0)", "ValueError", "mode 0"),
    ("Timer(mode=3)", "ValueError", "mode 3"),
    ("Timer(callback=7)", "TypeError", "not int"),
    ("Timer(-1, 5)", "TypeError", ""),
    ("Timer(speed=5)", "TypeError", ""),
]


@pytest.mark.parametrize(("call", "kind", "named"), BAD)
def test_what_a_timer_cannot_do_is_named(
    timers: Machine, call: str, kind: str, named: str
) -> None:
    check_refused(timers, call, kind, named)


def test_a_refused_init_leaves_the_timer_running(timers: Machine) -> None:
    timers.exec("t = Timer(period=2, callback=note)")
    check_refused(timers, "t.init(period=0, callback=print)", "ValueError", "period 0")
    timers.exec("calls.clear()")
    assert timers.eval("[after(3) >= 3, str(t)]") == [
        True,
        "Timer(mode=PERIODIC, period=2000, tick_hz=1000000)",
    ]
    timers.exec("t.deinit()\nt.deinit()")
