# SPDX-License-Identifier: MIT
"""Alarms and the thread's wake-up on one comparator, against a list of deadlines."""

import ctypes
import functools

import hardware
import pytest
from hypothesis import given
from hypothesis import strategies as st

lib = functools.cache(hardware.build)


#: Ticks per second at which the gap after an interrupt, 20 us, is one tick.
TICK_IS_GAP = 50_000


class Alarms:
    """Alarms by number, and the numbers of those that were called, in order."""

    def __init__(self, count: int = 3, hz: int = TICK_IS_GAP) -> None:
        lib().alarm_wake_off()
        self.machine = hardware.Machine(lib(), hz=TICK_IS_GAP, step=0)
        lib().alarm_interrupt(None)  # at 0: the gap of a test before is over
        self.machine.fake.hz = hz
        self.called: list[int] = []
        self.again: dict[int, int] = {}
        self.alarms = [hardware.Alarm(fn=hardware.ALARM(self.call)) for _ in range(count)]

    def call(self, alarm: int, now: int) -> None:
        assert now == self.machine.fake.ticks
        number = [ctypes.addressof(each) for each in self.alarms].index(alarm)
        self.called.append(number)
        if number in self.again:
            self.set(number, self.again[number])

    def set(self, number: int, deadline: int) -> None:
        lib().alarm_set(ctypes.byref(self.alarms[number]), deadline)

    def cancel(self, number: int) -> None:
        lib().alarm_cancel(ctypes.byref(self.alarms[number]))

    def interrupt(self, ticks: int) -> list[int]:
        """The numbers of the alarms that an interrupt at this time calls."""
        self.machine.fake.ticks = ticks
        self.called.clear()
        lib().alarm_interrupt(None)
        return list(self.called)

    @property
    def comparator(self) -> int:
        return self.machine.fake.timer

    def clear(self) -> None:
        for number in range(len(self.alarms)):
            self.cancel(number)


def test_the_comparator_has_the_first_deadline() -> None:
    alarms = Alarms()
    alarms.set(0, 300)
    assert alarms.comparator == 300
    alarms.set(1, 100)
    alarms.set(2, 200)
    assert alarms.comparator == 100
    alarms.cancel(1)
    assert alarms.comparator == 200
    alarms.clear()
    assert alarms.comparator == hardware.TIMER_OFF


def test_an_interrupt_calls_what_is_due_in_order_and_waits_for_the_next() -> None:
    alarms = Alarms()
    for number, deadline in enumerate((300, 100, 200)):
        alarms.set(number, deadline)
    assert alarms.interrupt(200) == [1, 2]
    assert alarms.comparator == 300
    assert alarms.interrupt(299) == [], "not before its time"
    assert alarms.interrupt(300) == [0]
    assert alarms.comparator == hardware.TIMER_OFF


def test_of_equal_deadlines_the_first_that_was_set_is_called_first() -> None:
    alarms = Alarms()
    for number in (2, 0, 1):
        alarms.set(number, 50)
    assert alarms.interrupt(50) == [2, 0, 1]


def test_an_alarm_that_is_set_again_moves() -> None:
    alarms = Alarms()
    alarms.set(0, 100)
    alarms.set(0, 400)
    alarms.set(1, 200)
    assert alarms.comparator == 200
    assert alarms.interrupt(200) == [1]
    assert alarms.interrupt(400) == [0]
    assert alarms.interrupt(1000) == []


def test_an_alarm_that_moves_behind_another_lets_that_go_first() -> None:
    alarms = Alarms()
    alarms.set(0, 100)
    alarms.set(1, 200)
    alarms.set(0, 300)
    assert alarms.comparator == 200
    assert alarms.interrupt(200) == [1]
    alarms.set(2, 500)
    alarms.set(2, 250)
    assert alarms.interrupt(300) == [2, 0]


def test_a_periodic_alarm_sets_itself_again_in_its_call() -> None:
    alarms = Alarms()
    alarms.again[0] = 200
    alarms.set(0, 100)
    alarms.set(1, 150)
    assert alarms.interrupt(100) == [0]
    assert alarms.comparator == 150
    assert alarms.interrupt(160) == [1]
    assert alarms.comparator == 200
    alarms.again[0] = 300
    assert alarms.interrupt(250) == [0], "late, once"
    alarms.clear()


def test_the_wake_up_of_the_thread_is_one_more_deadline() -> None:
    alarms = Alarms()
    lib().alarm_wake_at(150)
    assert alarms.comparator == 150
    alarms.set(0, 100)
    alarms.set(1, 200)
    assert alarms.interrupt(100) == [0]
    assert alarms.comparator == 150, "the wait goes on"
    assert alarms.interrupt(150) == []
    assert alarms.comparator == 200, "it is over"
    lib().alarm_wake_at(180)
    lib().alarm_wake_off()
    assert alarms.comparator == 200
    alarms.clear()


def test_a_wait_does_not_turn_the_timer_off_for_an_alarm() -> None:
    alarms = Alarms()
    alarms.set(0, 9000)
    lib().timer_wait_until(5000)
    assert alarms.comparator == 9000
    alarms.clear()


def test_a_retry_stands_beside_waits() -> None:
    alarms = Alarms()
    lib().timer_interrupt_after_us(1000)
    assert alarms.comparator == 51  # the next tick after a millisecond
    lib().alarm_wake_at(20)
    assert alarms.interrupt(20) == []
    assert alarms.comparator == 51
    assert alarms.interrupt(60) == []
    assert alarms.comparator == hardware.TIMER_OFF


def test_the_thread_has_its_time_between_two_interrupts() -> None:
    """20 us at 54 MHz; one interrupt calls all alarms that are due by then."""
    alarms = Alarms(hz=54_000_000)
    for number, deadline in enumerate((100, 101, 1180)):
        alarms.set(number, deadline)
    assert alarms.comparator == 100
    assert alarms.interrupt(100) == [0]
    assert alarms.comparator == 100 + 20 * 54
    assert alarms.interrupt(1180) == [1, 2]


def test_what_is_set_after_an_interrupt_does_not_shorten_the_time_of_the_thread() -> None:
    """An interrupt with Ctrl-C pending sets an alarm at its end (thread_fault.c)."""
    alarms = Alarms(hz=54_000_000)
    alarms.set(0, 100)
    alarms.set(1, 101)
    assert alarms.interrupt(100) == [0]
    for change in (
        lambda: alarms.set(0, 110),
        lambda: alarms.set(2, 2000),
        lambda: alarms.cancel(2),
        lambda: lib().alarm_wake_at(5),
        lib().alarm_wake_off,
    ):
        change()
        assert alarms.comparator == 100 + 20 * 54
    assert alarms.interrupt(1180) == [1, 0]


@pytest.mark.parametrize("masked", [0, 1])
def test_the_interrupt_mask_is_as_before(masked: int) -> None:
    alarms = Alarms()
    alarms.machine.fake.masked = masked
    for call in (
        lambda: alarms.set(0, 5),
        lambda: lib().alarm_wake_at(9),
        lambda: alarms.cancel(0),
        lambda: lib().alarm_wake_off(),
    ):
        call()
        assert alarms.machine.fake.masked == masked


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["set", "cancel", "interrupt"]), st.integers(0, 3), st.integers(1, 99)
        ),
        max_size=60,
    )
)
def test_any_order_of_calls_is_that_of_a_list(steps: list[tuple[str, int, int]]) -> None:
    alarms = Alarms(4)
    model: list[tuple[int, int]] = []  # deadline, number: in the order in which they were set
    now = 0
    for what, number, time in steps:
        if what == "interrupt":
            now += time
            due = [each for each in sorted(model, key=lambda each: each[0]) if each[0] <= now]
            assert alarms.interrupt(now) == [number for _, number in due]
            model = [each for each in model if each not in due]
            continue
        model = [each for each in model if each[1] != number]
        if what == "set":
            model.append((now + time, number))
            alarms.set(number, now + time)
        else:
            alarms.cancel(number)
        assert [bool(each.is_set) for each in alarms.alarms] == [
            number in {n for _, n in model} for number in range(4)
        ]
    assert alarms.comparator == min((d for d, _ in model), default=hardware.TIMER_OFF)
    alarms.clear()
