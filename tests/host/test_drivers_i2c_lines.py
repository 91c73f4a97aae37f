# SPDX-License-Identifier: MIT
"""How a cut transfer on an I2C bus is ended, on played lines: UM10204, the I2C-bus specification.

3.1.16: "If the data line (SDA) is stuck LOW, the controller should send nine clock pulses. The
device that held the bus LOW should release it sometime within those nine clocks."
3.1.4: "A LOW to HIGH transition on the SDA line while SCL is HIGH defines a STOP condition."
3.1.3: "The data on the SDA line must be stable during the HIGH period of the clock."
"""

from __future__ import annotations

import ctypes
import functools
import itertools

import hardware
import pytest
from hypothesis import given
from hypothesis import strategies as st

BASE = 0x1000
SDA, SCL = 22, 43
HALF, STRETCH = 5, 300  # us
STUCK = 1 << 30
START, STOP, CLOCK = "start", "stop", "clock"

lib = functools.cache(hardware.build)


class Device:
    """Leaves the bus alone, or holds SCL low for `stretch` microseconds after each fall."""

    def __init__(self, stretch: int = 0) -> None:
        self.stretch = stretch

    def holds_data(self) -> bool:
        return False

    def clock_rises(self, data: bool) -> None:
        pass

    def clock_falls(self) -> None:
        pass


class Holder(Device):
    """Holds SDA low, and lets go in the last of so many clocks."""

    def __init__(self, clocks: int, stretch: int = 0) -> None:
        super().__init__(stretch)
        self.clocks = clocks

    def holds_data(self) -> bool:
        return self.clocks > 0

    def clock_falls(self) -> None:
        self.clocks -= 1


class Sender(Device):
    """Sends bytes, the first from a bit on; an acknowledge bit that is high ends it."""

    def __init__(self, data: bytes, bit: int) -> None:
        super().__init__()
        self.bits = "".join(f"{byte:08b}a" for byte in data)[bit:]

    def holds_data(self) -> bool:
        return self.bits[:1] == "0"

    def clock_rises(self, data: bool) -> None:
        if self.bits[:1] == "a" and data:
            self.bits = ""

    def clock_falls(self) -> None:
        self.bits = self.bits[1:]


class Lines:
    """The pins of a GPIO block with pull-ups. `log` has the changes: a time in us, a line, its
    level. At first the two pins are `low` or are not, as a transfer left them."""

    def __init__(self, device: Device, low: tuple[int, ...] = ()) -> None:
        self.machine = hardware.Machine(lib())
        self.device = device
        self.latches, self.free_at = 1 << SDA | 1 << SCL, 0
        self.log: list[tuple[int, int, bool]] = []
        registers = self.machine.on_write
        registers |= {BASE + 0x1C + 4 * n: functools.partial(self.latch, n, True) for n in (0, 1)}
        registers |= {BASE + 0x28 + 4 * n: functools.partial(self.latch, n, False) for n in (0, 1)}
        registers |= {BASE + 4 * n: functools.partial(self.function, n) for n in range(6)}
        self.machine.on_read |= {BASE + 0x34 + 4 * n: lambda n=n: self.levels(n) for n in (0, 1)}
        for pin in low:
            self.machine.registers[BASE + 4 * (pin // 10)] = 1 << 3 * (pin % 10)
            self.latches &= ~(1 << pin)
        self.seen = {pin: self.level(pin) for pin in (SDA, SCL)}
        self.clock = self.seen[SCL]

    @property
    def now(self) -> int:
        return round(self.machine.seconds * 1e6)

    def drives_low(self, pin: int) -> bool:
        word = self.machine.registers.get(BASE + 4 * (pin // 10), 0)
        return word >> 3 * (pin % 10) & 7 == 1 and not self.latches >> pin & 1

    def level(self, pin: int) -> bool:
        held = self.device.holds_data() if pin == SDA else self.now < self.free_at
        return not held and not self.drives_low(pin)

    def settle(self) -> None:
        """Take the levels of now down; the device answers to the clock."""
        for pin in (SCL, SDA):
            high = self.level(pin)
            if high == self.seen[pin]:
                continue
            self.seen[pin] = high
            self.log.append((self.now, pin, high))
            if pin == SCL and high:
                self.device.clock_rises(self.seen[SDA])
            elif pin == SCL:
                self.free_at = self.now + self.device.stretch
                self.device.clock_falls()

    def function(self, word: int, value: int) -> None:
        self.settle()  # a stretched clock may have risen meanwhile
        self.machine.registers[BASE + 4 * word] = value
        for pin in (SDA, SCL):
            assert value >> 3 * (pin % 10) & 7 <= 1 or pin // 10 != word
            assert self.latches >> pin & 1 == 0 or not self.is_output(pin), "driven high"
        self.settle()

    def is_output(self, pin: int) -> bool:
        return self.machine.registers.get(BASE + 4 * (pin // 10), 0) >> 3 * (pin % 10) & 7 == 1

    def latch(self, bank: int, high: bool, pins: int) -> None:
        mask = pins << 32 * bank
        self.latches = self.latches | mask if high else self.latches & ~mask
        self.settle()

    def levels(self, bank: int) -> int:
        self.settle()
        return sum(self.seen[pin] << pin for pin in (SDA, SCL)) >> 32 * bank & 0xFFFF_FFFF

    def stop(self, half: int = HALF) -> bool:
        gpio = hardware.Gpio(BASE, 58, True)
        lines = hardware.I2cLines(ctypes.addressof(gpio), SDA, SCL, half, STRETCH)
        freed = lib().i2c_lines_stop(ctypes.byref(lines))
        self.settle()
        assert not any(map(self.is_output, (SDA, SCL))), "a pin is left an output"
        assert self.latches == 0
        return freed

    def events(self) -> list[str]:
        """What devices see, in order: the clocks, START and STOP."""
        seen: list[str] = []
        clock = self.clock
        for _, pin, high in self.log:
            if pin == SCL:
                clock = high
                seen += [CLOCK] * high
            elif clock:
                seen.append(STOP if high else START)
        return seen


@pytest.mark.parametrize("clocks", range(10))
def test_stop_follows_as_soon_as_the_device_has_let_go(clocks: int) -> None:
    lines = Lines(Holder(clocks))
    assert lines.stop()
    assert lines.events() == [CLOCK] * clocks + [CLOCK, STOP]


def test_a_device_that_never_lets_go_gets_nine_clocks_and_a_stop_it_does_not_see() -> None:
    lines = Lines(Holder(STUCK))
    assert not lines.stop()
    assert lines.events() == [CLOCK] * 9 + [CLOCK]
    assert not lines.level(SDA) and lines.level(SCL)


def test_the_levels_of_a_stop_come_in_the_order_of_the_specification() -> None:
    """SDA may change while SCL is low, and rises while SCL is high."""
    lines = Lines(Device())
    assert lines.stop()
    changes = [(pin, high) for _, pin, high in lines.log]
    assert changes == [(SCL, False), (SDA, False), (SCL, True), (SDA, True)]


@pytest.mark.parametrize("low", [(SDA,), (SCL,), (SDA, SCL)])
def test_lines_that_the_transfer_left_low_are_let_go_first(low: tuple[int, ...]) -> None:
    lines = Lines(Device(), low)
    assert lines.stop()
    first = [(pin, high) for _, pin, high in lines.log[: len(low)]]
    assert first == [(pin, True) for pin in low], "SDA before SCL: no START"
    assert lines.events()[-2:] == [CLOCK, STOP] and START not in lines.events()


@given(st.binary(min_size=3, max_size=3), st.integers(0, 8))
def test_a_device_that_sends_is_stopped_in_its_byte(data: bytes, bit: int) -> None:
    """Its next bit may hold SDA low again; it ends when its byte is not acknowledged."""
    lines = Lines(Sender(data, bit))
    assert lines.stop()
    events = lines.events()
    assert events[-1] == STOP and START not in events and events.count(CLOCK) <= 10


@given(st.integers(0, 9), st.integers(0, STRETCH - 50), st.sampled_from([1, HALF, 1000]))
def test_each_half_of_a_clock_is_long_enough(clocks: int, stretch: int, half: int) -> None:
    """The high half counts from where SCL is high, not from where it is let go."""
    lines = Lines(Holder(clocks, stretch))
    assert lines.stop(half)
    assert lines.events() == [CLOCK] * clocks + [CLOCK, STOP]
    times = [(time, high) for time, pin, high in lines.log if pin == SCL]
    for (before, high), (after, _) in itertools.pairwise(times):
        assert after - before >= (half if high else max(half, stretch))
    stop, last = lines.log[-1][0], times[-1][0]
    assert stop - last >= half, "the set-up time of STOP"
    assert lines.now - stop >= half, "the bus is free for a while"


@pytest.mark.parametrize("low", [(), (SCL,)])
@pytest.mark.parametrize("clocks", [0, STUCK])
def test_a_clock_that_is_held_low_is_left_after_its_time(
    clocks: int, low: tuple[int, ...]
) -> None:
    """And SDA stays high: with SCL low, there is no STOP to send."""
    lines = Lines(Holder(clocks, STUCK), low)
    lines.free_at = STUCK if low else 0
    assert not lines.stop()
    assert STRETCH <= lines.now < 2 * STRETCH + 10 * HALF
    assert STOP not in lines.events() and not lines.level(SCL)


def test_the_time_is_bounded_whatever_the_devices_do() -> None:
    lines = Lines(Holder(STUCK, STRETCH - 10))
    assert not lines.stop()
    assert lines.now < 11 * (STRETCH + 6 * HALF + 20)


def test_a_clock_that_rose_while_an_interrupt_took_the_time_is_high() -> None:
    """Each look at the counter takes twice the limit. From the fall to the wait there are five."""
    lines = Lines(Holder(3, 11 * STRETCH))
    lines.machine.fake.step = 54 * 2 * STRETCH
    assert lines.stop()
    assert lines.events() == [CLOCK] * 4 + [STOP]
