# SPDX-License-Identifier: MIT
"""Who has a pin or a channel, and the pins of buses: what is refused, and with which words."""

import ctypes
import itertools
from ctypes import c_uint, c_uint64

import machine_lib
import pytest
from machine_lib import (
    BCM2837,
    EBUSY,
    ENODEV,
    TYPE_ERROR,
    VALUE_ERROR,
    BusKind,
    BusPins,
    Machine,
    library,
    said,
)

I2C, SPI, UART, PWM = range(1, 5)
INPUT, ALT0, ALT5 = 0, 4, 2
NONE, UP, DOWN = range(3)
CONSOLE = (14, 15)


def owner(kind: int, number: int) -> int:
    return kind << 8 | number


def mask(*pins: int) -> int:
    return sum(1 << pin for pin in pins)


def take(kind: int, number: int, *pins: int) -> int:
    return library().machine_shim_take(owner(kind, number), mask(*pins))


def is_free(pin: int) -> bool:
    return library().machine_shim_check_pin(pin) == 0


# --- claims ---


@pytest.mark.parametrize(
    ("kind", "number", "name"),
    [(I2C, 1, "I2C(1)"), (SPI, 6, "SPI(6)"), (UART, 5, "UART(5)"), (PWM, 18, "PWM(18)")],
)
def test_a_second_user_is_refused_with_the_name_of_the_first(kind, number, name):
    Machine()
    assert take(kind, number, 2, 57) == 0
    for pin in (2, 57):
        assert take(I2C, 3, pin) == EBUSY
        assert said() == f"GPIO{pin} is in use by {name}"
        assert not is_free(pin)
    assert is_free(3)


def test_the_console_has_its_pins_for_good():
    Machine()
    for pin in CONSOLE:
        assert take(SPI, 5, 13, pin) == EBUSY
        assert said() == f"GPIO{pin} is in use by UART(0), the console"
    library().claims_deinit()
    assert not any(map(is_free, CONSOLE))
    assert is_free(13), "all pins, or none"


def test_all_pins_are_had_or_none_and_the_first_in_use_is_named():
    machine = Machine()
    assert take(I2C, 3, 5) == 0
    machine.writes.clear()
    assert take(SPI, 4, 4, 5, 6) == EBUSY and said() == "GPIO5 is in use by I2C(3)"
    assert is_free(4) and is_free(6)
    assert machine.writes == [], "nothing was changed"


def test_pins_that_their_owner_leaves_are_free():
    Machine()
    assert take(I2C, 3, 4, 5) == 0
    assert take(I2C, 3, 2, 3) == 0
    assert is_free(4) and is_free(5) and not is_free(2) and not is_free(3)
    library().claims_release(owner(I2C, 3))
    assert is_free(2) and is_free(3)


def test_an_owner_releases_only_what_it_has():
    Machine()
    assert take(I2C, 1, 2) == 0 and take(I2C, 3, 4) == 0 and take(SPI, 3, 6) == 0
    library().claims_release(owner(I2C, 3))
    assert (is_free(2), is_free(4), is_free(6)) == (False, True, False)
    take_block = library().machine_shim_take_block
    assert take_block(owner(PWM, 12), 0) == 0 and take_block(owner(PWM, 13), 1) == 0
    library().claims_release(owner(PWM, 13))
    assert take_block(owner(PWM, 18), 0) == EBUSY and take_block(owner(PWM, 19), 1) == 0


@pytest.mark.parametrize(
    ("pin", "pull"), [(0, UP), (8, UP), (9, DOWN), (27, DOWN), (28, NONE), (57, NONE)]
)
def test_a_pin_that_is_released_is_as_at_power_on(pin, pull):
    """An input; 0 to 8 pulled up, the rest of the header down, the board's own not at all."""
    machine = Machine()
    machine.registers |= {machine.GPIO + 4 * n: 0o7777777777 for n in range(6)}
    machine.registers |= {machine.GPIO + 0xE4 + 4 * n: 0xFFFFFFFF for n in range(4)}
    assert take(UART, 2, pin) == 0
    library().claims_release(owner(UART, 2))
    assert machine.function(pin) == INPUT and machine.pull(pin) == pull
    other = (pin + 1) % 58
    assert machine.function(other) == 7 and machine.pull(other) == 3


@pytest.mark.parametrize(("pin", "control"), [(8, 2), (9, 1), (28, 0)])
def test_a_released_pin_of_bcm2837_has_its_pull_too(pin, control):
    machine = Machine(BCM2837)
    assert take(UART, 1, pin) == 0
    library().claims_release(owner(UART, 1))
    assert machine.written(machine.GPIO + 0x94) == [
        (machine.GPIO + 0x94, control),
        (machine.GPIO + 0x94, 0),
    ]
    assert machine.written(machine.GPIO + 0x98)[0][1] == 1 << pin


def test_a_soft_reset_releases_all_but_the_consoles_pins():
    machine = Machine()
    assert take(I2C, 1, 2, 3) == 0 and take(PWM, 12, 12) == 0
    assert library().machine_shim_take_block(owner(PWM, 12), 0) == 0
    library().claims_deinit()
    assert [pin for pin in range(58) if not is_free(pin)] == list(CONSOLE)
    assert library().machine_shim_take_block(owner(PWM, 18), 0) == 0
    assert machine.function(2) == INPUT


@pytest.mark.parametrize(
    ("block", "name"),
    [
        (0, "PWM0, channel 0"),
        (1, "PWM0, channel 1"),
        (2, "PWM1, channel 0"),
        (3, "PWM1, channel 1"),
    ],
)
def test_a_channel_has_one_user(block, name):
    Machine()
    take_block = library().machine_shim_take_block
    assert take_block(owner(PWM, 12), block) == 0
    assert take_block(owner(PWM, 12), block) == 0, "its own"
    assert take_block(owner(PWM, 18), block) == EBUSY
    assert said() == f"{name} is in use by PWM(12)"
    assert take_block(owner(PWM, 18), (block + 1) % 4) == 0, "the others are free"
    library().claims_release(owner(PWM, 12))
    assert take_block(owner(PWM, 18), block) == 0


# --- pins of buses ---

PAIRS = (BusPins * 4)(
    BusPins(1, ALT0, (2, 3)), BusPins(3, ALT5, (4, 5)), BusPins(3, ALT5, (2, 3)), BusPins(6, ALT5)
)
KIND = BusKind(b"I2C", I2C, (b"sda", b"scl"), 2, PAIRS, 4)
#: Of 7 numbers; what is behind them is not 0.
BASES = (c_uint64 * 8)(0x1000, 0x2000, 0, 0x3000, 0, 0, 0, 0x4000)


def bus_id(number: int) -> int | str:
    found = c_uint()
    result = library().machine_shim_get_id(ctypes.byref(KIND), number, BASES, ctypes.byref(found))
    assert result in (0, VALUE_ERROR)
    return said() if result else found.value


def find(number: int, *wanted: int | None, now: int | None = None) -> int | str:
    """The index of the pins, or what was said."""
    found = ctypes.POINTER(BusPins)()
    kept = None if now is None else ctypes.byref(PAIRS, now * ctypes.sizeof(BusPins))
    result = library().machine_shim_find(
        ctypes.byref(KIND), number, machine_lib.objects(wanted), kept, ctypes.byref(found)
    )
    if result:
        assert result == VALUE_ERROR
        return said()
    offset = ctypes.addressof(found.contents) - ctypes.addressof(PAIRS)
    return offset // ctypes.sizeof(BusPins)


def test_a_bus_that_is_not_here_is_refused_with_those_that_are():
    assert [bus_id(number) for number in (0, 1, 3)] == [0, 1, 3]
    for number in (-1, 2, 4, 6, 7, 2**40):
        expected = f"there is no I2C({number}) here, but I2C(0), I2C(1), I2C(3)"
        assert bus_id(number) == expected


def test_a_bus_that_does_not_answer_is_another_error_and_listed():
    silent = (c_uint64 * 7)(0x1000, 0, 0, 1)
    arguments = (ctypes.byref(KIND), 3, silent, ctypes.byref(c_uint()))
    assert library().machine_shim_get_id(*arguments) == ENODEV
    assert said().startswith("I2C(3) does not answer: memory.report()['missing'] names ")
    arguments = (ctypes.byref(KIND), 1, silent, ctypes.byref(c_uint()))
    assert library().machine_shim_get_id(*arguments) == VALUE_ERROR
    assert said() == "there is no I2C(1) here, but I2C(0), I2C(3)"


def test_what_is_no_integer_and_a_tuple_of_another_length_are_named():
    get_int, get_items = library().machine_shim_get_int, library().machine_shim_get_items
    assert get_int(2 * 7 + 1, b"bits", 5, 8) == 0
    assert get_int(2 * 9 + 1, b"bits", 5, 8) == VALUE_ERROR
    assert said() == "bits 9 is not in 5 to 8"
    assert get_int(8, b"bits", 5, 8) == TYPE_ERROR
    assert said() == "bits is an integer in 5 to 8, not str"
    pair = (c_uint64 * 3)(2, 1, 3)
    assert get_items(pair, b"timing", 2, b"high, low") == 0
    assert get_items(pair, b"timing", 3, b"a, b, c") == VALUE_ERROR
    assert said() == "timing has 2 items, not 3: a, b, c"


def test_the_first_pins_of_a_bus_are_its_default_and_any_can_be_named():
    Machine()
    assert find(1, None, None) == 0
    assert find(3, None, None) == 1
    assert find(3, 4, 5) == 1 and find(3, None, 5) == 1
    assert find(3, 2, 3) == 2 and find(3, 2, None) == 2
    assert find(3, None, None, now=2) == 2, "it keeps those that it has"
    assert find(3, 4, None, now=2) == 1


def test_pins_without_the_function_are_refused_with_those_that_have_it():
    Machine()
    assert find(1, 4, 5) == "I2C(1) is not on sda=4, scl=5, but on sda=2, scl=3"
    assert find(1, None, 2) == "I2C(1) is not on scl=2, but on sda=2, scl=3"
    expected = "I2C(3) is not on sda=4, scl=3, but on sda=4, scl=5 or sda=2, scl=3"
    assert find(3, 4, 3) == expected, "not the pins of two pairs"
    assert find(3, 4, 3, now=1) == expected


def test_all_pins_of_a_bus_are_claimed_and_connected():
    machine = Machine()
    pins = ctypes.byref(PAIRS, ctypes.sizeof(BusPins))
    assert library().machine_shim_claim(ctypes.byref(KIND), pins) == 0
    assert not is_free(4) and not is_free(5)
    assert take(UART, 3, 5) == EBUSY and said() == "GPIO5 is in use by I2C(3)"
    library().bus_pins_connect(ctypes.byref(KIND), pins)
    assert [machine.function(pin) for pin in (3, 4, 5, 6)] == [INPUT, ALT5, ALT5, INPUT]


def test_a_stop_by_the_pins_takes_a_sixth_of_a_second_at_most():
    """Whatever the rate of the bus, and a device that holds SDA. SCL is high in time each time."""
    machine = Machine()
    level, late = machine.GPIO + 0x34, itertools.cycle([False] * 9000 + [True])
    machine.on_read[level] = lambda: next(late) << 3
    library().bus_pins_send_stop(2, 3, 1 << 20)
    assert 0.1 < machine.seconds < 1 / 6
    assert [machine.function(pin) for pin in (2, 3)] == [INPUT, INPUT]


@pytest.mark.parametrize(("value", "good"), [(0, False), (1, True), (9, True), (10, False)])
def test_a_range_has_its_ends(value, good):
    result = library().machine_shim_check_range(b"freq", value, 1, 9)
    assert result == (0 if good else VALUE_ERROR)
    if not good:
        assert said() == f"freq {value} is not in 1 to 9"
