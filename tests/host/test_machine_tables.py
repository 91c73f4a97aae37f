# SPDX-License-Identifier: MIT
"""Tables of the port against those of the manuals: the pins of each class's blocks with their
alternate functions, and where the blocks of each SoC are.

BCM2835 and BCM2711 ARM Peripherals, "Alternative Function Assignments"; the SoCs' device trees.
"""

import ctypes
import re

import machine_lib
import pytest
from machine_lib import BCM2711, BCM2837, PORT

#: Of GPIO 0 to 27: signals by alternate function, as the classes use them.
SIGNALS = {
    "ALT0": "SDA0 SCL0 SDA1 SCL1 - - - - - MISO0 MOSI0 SCK0 PWM0 PWM1 TX0 RX0",
    "ALT3": "- MISO3 MOSI3 SCK3 - MISO4 MOSI4 SCK4 - - - - - MISO5 MOSI5 SCK5 - - - "
    "MISO6 MOSI6 SCK6",
    "ALT4": "TX2 RX2 - - TX3 RX3 - - TX4 RX4 - - TX5 RX5 - - - - - MISO1 MOSI1 SCK1",
    "ALT5": "SDA6 SCL6 SDA3 SCL3 SDA3 SCL3 SDA4 SCL4 SDA4 SCL4 SDA5 SCL5 SDA5 SCL5 TX1 RX1 - - "
    "PWM0 PWM1 - - SDA6 SCL6",
}
#: Beyond the header: the Bluetooth chip's pins.
OF_THE_BOARD = {("ALT5", 32): "TX1", ("ALT5", 33): "RX1"}


def signal(alt: str, gpio: int) -> str:
    row = SIGNALS.get(alt, "").split()
    return OF_THE_BOARD.get((alt, gpio)) or (row[gpio] if gpio < len(row) else "-")


def rows(name: str, pattern: str) -> list[tuple[str, ...]]:
    found = re.findall(pattern, (PORT / "machine" / name).read_text())
    assert found, f"{name} has no such table"
    return found


BUS = r"\{ (\d), GPIO_(ALT\d), \{ ([\d, ]+) \} \}"


@pytest.mark.parametrize(
    ("name", "roles", "numbers"),
    [
        ("machine_i2c.c", ("SDA", "SCL"), {0, 1, 3, 4, 5, 6}),
        ("machine_spi.c", ("SCK", "MOSI", "MISO"), {0, 1, 3, 4, 5, 6}),
        ("modmachine_uart.c", ("TX", "RX"), {1, 2, 3, 4, 5}),
    ],
)
def test_the_pins_of_a_bus_have_its_signals(name, roles, numbers):
    table = rows(name, BUS)
    assert {int(number) for number, _, _ in table} == numbers
    for number, alt, pins in table:
        gpios = [int(pin) for pin in pins.split(",")]
        assert [signal(alt, gpio) for gpio in gpios] == [role + number for role in roles]


def test_the_pins_of_pwm_have_their_channels():
    pattern = r"\.pin = (\d+), \.channel = (\d), \.function = GPIO_(ALT\d)"
    table = rows("modmachine_pwm.c", pattern)
    assert {int(pin) for pin, _, _ in table} == {12, 13, 18, 19}
    for pin, channel, alt in table:
        assert signal(alt, int(pin)) == f"PWM{channel}"


def test_the_field_of_a_function_has_the_manuals_codes():
    """ALT0 to ALT5 are 4, 5, 6, 7, 3, 2; an input is 0, an output 1."""
    text = (PORT / "drivers" / "gpio.h").read_text()
    codes = {name: int(code) for name, code in re.findall(r"GPIO_(\w+) = (\d),", text)}
    assert [codes[f"ALT{n}"] for n in range(6)] == [4, 5, 6, 7, 3, 2]
    assert (codes["INPUT"], codes["OUTPUT"]) == (0, 1)
    order = re.search(r"alt_functions\[ALT_COUNT\] = \{([^}]*)\}", machine_text("machine_pin.c"))
    assert re.findall(r"ALT\d", order[1]) == [f"ALT{n}" for n in range(6)]


def machine_text(name: str) -> str:
    return (PORT / "machine" / name).read_text()


#: From the start of the SoC's peripherals.
OFFSETS = {
    "mailbox": 0xB880, "watchdog": 0x10_0000, "clock_manager": 0x10_1000, "rng": 0x10_4000,
    "gpio": 0x20_0000, "uart": 0x20_1000, "pwm": 0x20_C000, "aux": 0x21_5000,
}  # fmt: skip
I2C = {0: 0x20_5000, 1: 0x80_4000, 3: 0x20_5600, 4: 0x20_5800, 5: 0x20_5A00, 6: 0x20_5C00}
SPI = {0: 0x20_4000, 1: 0x21_5000, 3: 0x20_4600, 4: 0x20_4800, 5: 0x20_4A00, 6: 0x20_4C00}


@pytest.mark.parametrize(
    ("midr", "base", "buses"),
    [(BCM2837, 0x3F00_0000, {0, 1}), (BCM2711, 0xFE00_0000, {0, 1, 3, 4, 5, 6})],
)
def test_the_blocks_of_a_soc_are_where_they_are(midr, base, buses):
    soc = machine_lib.soc(midr)
    for name, offset in OFFSETS.items():
        assert getattr(soc, name) == base + offset, name
    for kind, offsets in (("i2c", I2C), ("spi", SPI)):
        expected = [base + offsets[n] if n in buses else 0 for n in range(7)]
        assert list(getattr(soc, kind)) == expected, kind


#: Legacy interrupts of BCM2837; on BCM2711's GIC they are shared peripheral interrupts from 96 on.
LEGACY = {"uart_irq": 57, "aux_irq": 29, "gpio_irq": 49}


def test_each_soc_has_its_interrupts_pulls_and_crystal():
    old = machine_lib.soc(BCM2837)
    assert [getattr(old, name) for name in LEGACY] == list(LEGACY.values())
    assert (old.gpio_pulls_2711, old.rng_is_rng200, old.uart2) == (False, False, 0)
    assert (old.crystal, old.gpio_count) == (19_200_000, 54)
    new = machine_lib.soc(BCM2711)
    assert [getattr(new, name) for name in LEGACY] == [n + 96 for n in LEGACY.values()]
    assert (new.gpio_pulls_2711, new.rng_is_rng200, new.uart2) == (True, True, 0xFE20_1400)
    assert (new.crystal, new.gpio_count) == (54_000_000, 58)


# --- why the machine started ---

UNKNOWN, POWER_ON, SOFTWARE = range(3)


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (0x1000, POWER_ON),
        (0x1020, POWER_ON),
        (0x0020, SOFTWARE),
        (0x0575, SOFTWARE),
        (0x0200, SOFTWARE),
        (0x0010, UNKNOWN),  # bits of the firmware's partition number
        (0x0040, UNKNOWN),
        (0x0100, UNKNOWN),
        (0x0555, UNKNOWN),
        (0x0000, UNKNOWN),
        (0x0007, UNKNOWN),  # debug resets
        (0x5A000000, UNKNOWN),
    ],
)
def test_the_status_of_the_power_block_tells_why_the_machine_started(status, cause):
    machine = machine_lib.Machine(BCM2711)
    machine.registers[machine_lib.MMIO + machine.soc.watchdog + 0x20] = status
    assert machine.lib.board_reset_cause() == cause
    assert machine.writes == []


def test_a_machine_without_the_power_block_does_not_know():
    machine = machine_lib.Machine(BCM2711)
    without = type(machine.soc).from_buffer_copy(machine.soc)
    without.watchdog = 0
    machine.lib.machine_shim_set_soc(ctypes.byref(without))
    assert machine.lib.board_reset_cause() == UNKNOWN
