# SPDX-License-Identifier: MIT
"""The clock manager and the PWM block on played hardware: sequences, in the manual's order."""

import functools
from fractions import Fraction

import hardware
import pytest
from hypothesis import given
from hypothesis import strategies as st

CLOCK = 0x10A0
CTL, DIV = CLOCK, CLOCK + 4
PASSWORD = 0x5A000000
ENABLE, KILL, BUSY, FLIP, MASH = 1 << 4, 1 << 5, 1 << 7, 1 << 8, 3 << 9
CRYSTAL, PLLD = 1, 6

PWM = 0x2000
CONTROL, STATUS = PWM, PWM + 4
RANGE, DATA = (PWM + 0x10, PWM + 0x20), (PWM + 0x14, PWM + 0x24)
PWEN, POLA, MSEN = 1 << 0, 1 << 4, 1 << 7

lib = functools.cache(hardware.build)


class Clock:
    """A clock of the manager. It stops `ends` reads of its control after ENAB is cleared; None:
    only when it is killed; "never": not at all."""

    def __init__(self, control: int = 0, ends: int | str | None = 0) -> None:
        self.machine = hardware.Machine(lib(), step=540)
        self.control, self.divisor, self.ends = control, 0, ends
        self.mistakes: list[str] = []
        self.machine.on_read |= {CTL: self.read, DIV: lambda: self.divisor}
        self.machine.on_write |= {CTL: self.write_control, DIV: self.write_divisor}

    def read(self) -> int:
        if not self.control & ENABLE and self.control & BUSY and isinstance(self.ends, int):
            if self.ends == 0:
                self.control &= ~BUSY
            self.ends = max(self.ends - 1, 0)
        return self.control

    def runs(self) -> bool:
        return bool(self.control & (ENABLE | BUSY))

    def write_control(self, value: int) -> None:
        if value & 0xFF000000 != PASSWORD:
            self.mistakes.append("a write without the password")
            return
        source = (value ^ self.control) & 15
        if source and (self.runs() or value & ENABLE):
            self.mistakes.append("the source changes while the clock runs or as it starts")
        if (value ^ self.control) & (FLIP | MASH) and self.runs():
            self.mistakes.append("MASH or FLIP changes while the clock runs")
        busy = self.control & BUSY
        if value & KILL and self.ends is None:
            busy = 0
        if value & ENABLE:
            busy = BUSY
        self.control = value & 0x7FF & ~BUSY | busy

    def write_divisor(self, value: int) -> None:
        if value & 0xFF000000 != PASSWORD:
            self.mistakes.append("a write without the password")
        elif self.runs():
            self.mistakes.append("the divisor changes while the clock runs")
        else:
            self.divisor = value & 0xFFFFFF

    def run(self, divisor: int = 2) -> bool:
        return lib().clock_manager_run(CLOCK, CRYSTAL, divisor)


def is_right(clock: Clock, divisor: int = 2) -> bool:
    return (
        clock.mistakes == []
        and clock.control == CRYSTAL | ENABLE | BUSY
        and clock.divisor == divisor << 12
    )


def test_a_clock_that_is_off_gets_its_divisor_then_its_source_then_starts() -> None:
    clock = Clock()
    assert clock.run()
    assert clock.machine.writes == [
        (DIV, PASSWORD | 2 << 12),
        (CTL, PASSWORD | CRYSTAL),
        (CTL, PASSWORD | CRYSTAL | ENABLE),
    ]
    assert is_right(clock)


@pytest.mark.parametrize("ends", [0, 1, 50])
@pytest.mark.parametrize("source", [CRYSTAL, PLLD])
def test_a_clock_that_runs_is_stopped_and_waited_for(source: int, ends: int) -> None:
    clock = Clock(source | ENABLE | BUSY, ends)
    assert clock.run(5)
    assert clock.machine.writes[0] == (CTL, PASSWORD | source), "it keeps its source, and no KILL"
    assert not any(value & KILL for address, value in clock.machine.writes if address == CTL)
    assert is_right(clock, 5)


def test_a_clock_that_is_still_ending_is_waited_for() -> None:
    clock = Clock(PLLD | BUSY, 20)
    assert clock.run()
    assert is_right(clock)


def test_only_a_clock_that_is_stuck_is_killed() -> None:
    clock = Clock(PLLD | ENABLE | BUSY, None)
    assert clock.run()
    assert clock.machine.written(CTL)[:2] == [
        (CTL, PASSWORD | PLLD),
        (CTL, PASSWORD | PLLD | KILL),
    ]
    assert is_right(clock)
    assert not clock.control & KILL


def test_a_clock_that_cannot_be_stopped_is_an_error_in_bounded_time() -> None:
    clock = Clock(PLLD | ENABLE | BUSY, "never")
    assert not clock.run()
    assert clock.mistakes == []
    assert clock.machine.written(DIV) == []
    assert clock.machine.seconds < 0.1


@pytest.mark.parametrize("others", [FLIP, 1 << 9, MASH])
def test_what_the_firmware_has_set_stays_until_its_clock_has_stopped(others: int) -> None:
    clock = Clock(PLLD | ENABLE | BUSY | others, 20)
    assert clock.run()
    assert is_right(clock)


def test_a_clock_runs_before_a_block_is_written_to() -> None:
    clock = Clock()
    looks = iter([0] * 5)
    clock.machine.on_read[CTL] = lambda: next(looks, BUSY)
    assert clock.run()
    assert next(looks, None) is None, "it did not wait for BUSY"


def test_busy_is_waited_for_a_moment_only() -> None:
    """QEMU's clock manager does not set it."""
    machine = hardware.Machine(lib())
    assert lib().clock_manager_run(CLOCK, CRYSTAL, 2)
    assert machine.seconds < 0.0001


@pytest.mark.parametrize("channel", [0, 1])
@pytest.mark.parametrize("invert", [False, True])
def test_a_channel_is_off_while_it_is_set_up(channel: int, invert: bool) -> None:
    machine = hardware.Machine(lib())
    machine.registers[CONTROL] = 0xFFFF
    other = 0xFF << 8 * (1 - channel)
    lib().pwm_start(PWM, channel, 9600, 4800, invert)
    bits = PWEN | MSEN | (POLA if invert else 0)
    assert machine.writes == [
        (CONTROL, other),
        (STATUS, 1 << 8),
        (RANGE[channel], 9600),
        (DATA[channel], 4800),
        (CONTROL, other | bits << 8 * channel),
    ]


@pytest.mark.parametrize("channel", [0, 1])
def test_a_register_is_not_written_again_before_its_clock_has_taken_it(channel: int) -> None:
    """Some of its cycles: at 9.6 MHz less than 1 us. Else it sets BERR."""
    machine = hardware.Machine(lib(), step=1)
    last: dict[int, int] = {}
    early: list[int] = []

    def write(address: int, value: int) -> None:
        if machine.fake.ticks - last.get(address, -54) < 54:
            early.append(address)
        last[address] = machine.fake.ticks

    machine.fake.write = kept = hardware.WRITE(write)
    for _ in range(3):
        lib().pwm_start(PWM, channel, 9600, 4800, False)
        lib().pwm_change(PWM, channel, 9600, 100)
        lib().pwm_change(PWM, channel, 9600, 200)
        lib().pwm_stop(PWM, channel)
    assert kept and early == []
    assert set(last) == {CONTROL, STATUS, RANGE[channel], DATA[channel]}


@pytest.mark.parametrize("channel", [0, 1])
def test_a_change_touches_period_and_high_part_only(channel: int) -> None:
    machine = hardware.Machine(lib())
    lib().pwm_change(PWM, channel, 2**32 - 1, 7)
    assert machine.writes == [(RANGE[channel], 2**32 - 1), (DATA[channel], 7)]


@given(st.integers(0, 0xFFFF), st.sampled_from([0, 1]))
def test_a_stop_leaves_the_other_channel(control: int, channel: int) -> None:
    machine = hardware.Machine(lib())
    machine.registers[CONTROL] = control
    lib().pwm_stop(PWM, channel)
    assert machine.writes == [(CONTROL, control & ~(0xFF << 8 * channel))]


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**31), st.integers(1, 2**40))
def test_a_scaled_count_is_the_nearest(a: int, b: int, c: int) -> None:
    exact = Fraction(a * b, c)
    if exact < 2**32 - 1:
        assert abs(lib().test_pwm_scale(a, b, c) - exact) <= Fraction(1, 2)
