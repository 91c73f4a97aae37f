# SPDX-License-Identifier: MIT
"""Draw the 40-pin header with the functions of its pins, from the tables that the classes use.

`python -m pimem.dev.header` writes docs/header.svg. tests/tools/test_header.py compares.
"""

from __future__ import annotations

import csv
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from pimem import ROOT
from pimem.dev.drawing import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, YELLOW, Drawing

PICTURE = ROOT / "docs" / "header.svg"
MACHINE = ROOT / "ports" / "rpi-aarch64" / "machine"
PINS = ROOT / "boards" / "RPI4" / "pins.csv"
HEADER_PINS = 40
ROW = 22  # pixels
POWER = {1: "3.3 V", 17: "3.3 V", 2: "5 V", 4: "5 V"}
CONSOLE = {14: "console TX", 15: "console RX"}
FILLS = {"I2C": BLUE, "SPI": GREEN, "UART": ORANGE, "PWM": PURPLE, "console": YELLOW}

BUS = re.compile(r"\{ (\d), GPIO_ALT\d, \{ ([\d, ]+) \} \}")
PWM = re.compile(r"\.pin = (\d+), \.channel = (\d)")
UART = re.compile(r"\{(\d), (\d+), GPIO_ALT\d\}")


@dataclass(frozen=True)
class Function:
    """What a pin can be: 'I2C(1) SDA', or 'PWM 0' for channel 0."""

    kind: str
    number: int  # of the bus, or the channel
    role: str = ""

    def text(self) -> str:
        return (
            f"{self.kind}({self.number}) {self.role}"
            if self.role
            else f"{self.kind} {self.number}"
        )


def read(name: str) -> str:
    return (MACHINE / name).read_text(encoding="utf-8")


def bus_functions(name: str, kind: str, roles: tuple[str, ...]) -> Iterator[tuple[int, Function]]:
    for number, pins in BUS.findall(read(name)):
        for gpio, role in zip(pins.split(","), roles, strict=True):
            yield int(gpio), Function(kind, int(number), role)


def all_functions() -> Iterator[tuple[int, Function]]:
    """All functions of GPIOs that a class offers, as (number of the GPIO, function)."""
    yield from bus_functions("machine_i2c.c", "I2C", ("SDA", "SCL"))
    yield from bus_functions("machine_spi.c", "SPI", ("SCK", "MOSI", "MISO"))
    for number, gpio in UART.findall(read("modmachine_uart.c")):
        yield int(gpio), Function("UART", int(number), "TX")
        yield int(gpio) + 1, Function("UART", int(number), "RX")
    for gpio, channel in PWM.findall(read("modmachine_pwm.c")):
        yield int(gpio), Function("PWM", int(channel))


def functions_by_gpio() -> dict[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    for gpio, function in all_functions():
        found[gpio].append(function.text())
    for gpio, text in CONSOLE.items():
        found[gpio].insert(0, text)
    return found


def gpio_by_pin() -> dict[int, int]:
    """The GPIO at each pin of the header that has one."""
    with PINS.open(encoding="utf-8", newline="") as file:
        rows = [(row["name"], row["pin"]) for row in csv.DictReader(file)]
    return {
        int(name.removeprefix("J8_")): int(pin.removeprefix("GPIO"))
        for name, pin in rows
        if name.startswith("J8_")
    }


def draw() -> str:
    gpios, functions = gpio_by_pin(), functions_by_gpio()
    drawing = Drawing(1000, 24 + ROW * (HEADER_PINS // 2), "The header, and what its pins can be")
    for pin in range(1, HEADER_PINS + 1):
        draw_pin(drawing, pin, cells_of(gpios.get(pin), pin, functions))
    return drawing.svg()


def cells_of(gpio: int | None, pin: int, functions: dict[int, list[str]]) -> list[tuple[str, str]]:
    """The texts and fills beside a pin, from the pin outwards."""
    if gpio is None:
        return [(POWER[pin], RED) if pin in POWER else ("ground", GREY)]
    found = [(f"GPIO{gpio}", GREY)]
    return found + [(text, FILLS[re.split(r"[( ]", text)[0]]) for text in functions[gpio]]


def draw_pin(drawing: Drawing, pin: int, cells: list[tuple[str, str]]) -> None:
    """Odd pins are in the left column, their functions go to the left; even ones to the right."""
    y = 12 + ROW * ((pin - 1) // 2)
    left = pin % 2 == 1
    draw_cell(drawing, 468 if left else 502, y, 30, str(pin), GREY)
    x = 464 if left else 536
    for index, (text, fill) in enumerate(cells):
        width = 64 if index == 0 else 92
        draw_cell(drawing, x - width if left else x, y, width, text, fill)
        x += -(width + 4) if left else width + 4


def draw_cell(drawing: Drawing, x: int, y: int, width: int, text: str, fill: str) -> None:
    drawing.box(x, y, width, ROW - 3, fill)
    drawing.text(x + width / 2, y + 14, text, ink="dark", anchor="middle")


def main() -> int:
    PICTURE.write_text(draw(), encoding="utf-8")
    print(f"{PICTURE} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
