# SPDX-License-Identifier: MIT
"""Draw the 40-pin header: the functions of its pins, and the wiring of the examples.

`python -m pimem.dev.header` writes docs/header-pi3.svg and docs/header-pi4.svg, made from the
tables that the classes of `machine` use, and docs/wiring/*.svg, made from the heads of the
examples. tests/tools/test_header.py compares.
"""

from __future__ import annotations

import csv
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pimem import ROOT
from pimem.dev.drawing import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, YELLOW, Drawing

DOCS = ROOT / "docs"
WIRING = DOCS / "wiring"
EXAMPLES = ROOT / "examples"
MACHINE = ROOT / "ports" / "rpi-aarch64" / "machine"
PINS = ROOT / "boards" / "RPI4" / "pins.csv"
HEADER_PINS = 40
ROW = 22  # pixels
POWER = {1: "3.3 V", 17: "3.3 V", 2: "5 V", 4: "5 V"}
CONSOLE = {14: "console TX", 15: "console RX"}
GROUND = "#aeb6bf"
FILLS = {"I2C": BLUE, "SPI": GREEN, "UART": ORANGE, "PWM": PURPLE, "console": YELLOW}

BUS = re.compile(r"\{ (\d), GPIO_ALT\d, \{ ([\d, ]+) \} \}")
PWM = re.compile(r"\.pin = (\d+), \.channel = (\d)")
CONNECTION = re.compile(r"^    pin (\d+) \(([^)]+)\) +(.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Family:
    """Boards with one SoC, and the numbers of the buses that it has."""

    name: str
    picture: str
    buses: dict[str, tuple[int, ...]]


FAMILIES = (
    Family(
        "Raspberry Pi 3B, 3B+, 3A+, Zero 2 W",
        "header-pi3.svg",
        {"I2C": (0, 1), "SPI": (0, 1), "UART": (1,), "PWM": (0, 1)},
    ),
    Family(
        "Raspberry Pi 4B, 400, Compute Module 4 on its IO board",
        "header-pi4.svg",
        {
            "I2C": (0, 1, 3, 4, 5, 6),
            "SPI": (0, 1, 3, 4, 5, 6),
            "UART": (1, 2, 3, 4, 5),
            "PWM": (0, 1),
        },
    ),
)


@dataclass(frozen=True)
class Function:
    """What a pin can be: 'I2C(1) SDA', or 'PWM 0' for channel 0."""

    kind: str
    number: int  # of the bus, or the channel
    role: str = ""
    default: bool = True  # the bus is on this pin unless the program names others

    def text(self) -> str:
        if self.role:
            return f"{self.kind}({self.number}) {self.role}"
        return f"{self.kind} {self.number}"


Places = Iterator[tuple[int, Function]]  # the number of a GPIO, and a function of it


def read(name: str) -> str:
    return (MACHINE / name).read_text(encoding="utf-8")


def placed(
    kind: str, number: int, roles: tuple[str, ...], gpios: list[int], seen: set[int]
) -> Places:
    """Yield the functions of one set of pins; none if the console has one of them."""
    if not set(gpios) & set(CONSOLE):
        for gpio, role in zip(gpios, roles, strict=True):
            yield gpio, Function(kind, number, role, number not in seen)
    seen.add(number)


def bus_functions(name: str, kind: str, roles: tuple[str, ...]) -> Places:
    seen: set[int] = set()
    for number, pins in BUS.findall(read(name)):
        yield from placed(kind, int(number), roles, list(map(int, pins.split(","))), seen)


def all_functions() -> Places:
    """Yield every function that a class offers on a pin which the console does not have."""
    yield from bus_functions("machine_i2c.c", "I2C", ("SDA", "SCL"))
    yield from bus_functions("machine_spi.c", "SPI", ("SCK", "MOSI", "MISO"))
    yield from bus_functions("modmachine_uart.c", "UART", ("TX", "RX"))
    for gpio, channel in PWM.findall(read("modmachine_pwm.c")):
        yield int(gpio), Function("PWM", int(channel))


def functions_by_gpio(family: Family) -> dict[int, list[Function]]:
    found: dict[int, list[Function]] = defaultdict(list)
    for gpio, function in all_functions():
        if function.number in family.buses[function.kind]:
            found[gpio].append(function)
    return found


@cache
def gpio_by_pin() -> dict[int, int]:
    """Return the GPIO at each pin of the header that has one."""
    with PINS.open(encoding="utf-8", newline="") as file:
        rows = [(row["name"], row["pin"]) for row in csv.DictReader(file)]
    return {
        int(name.removeprefix("J8_")): int(pin.removeprefix("GPIO"))
        for name, pin in rows
        if name.startswith("J8_")
    }


def pin_name(pin: int) -> str:
    """Return what a pin of the header is: 'GPIO17', '3.3 V', 'ground'."""
    gpio = gpio_by_pin().get(pin)
    return POWER.get(pin, "ground") if gpio is None else f"GPIO{gpio}"


def pin_fill(pin: int, of_gpio: str) -> str:
    if pin in POWER:
        return RED
    return of_gpio if pin in gpio_by_pin() else GROUND


def draw_cell(
    drawing: Drawing, x: float, y: float, width: int, text: str, fill: str | None
) -> None:
    """Draw a box of one row with a text; without a fill its frame only."""
    if fill:
        drawing.box(x, y, width, ROW - 3, fill)
    else:
        drawing.frame(x + 0.5, y + 0.5, width - 1, ROW - 4)
    drawing.text(x + width / 2, y + 14, text, ink="dark" if fill else "ink", anchor="middle")


# The functions of the pins

LEFT, RIGHT, TOP = 468, 502, 86  # the two columns of pin numbers, and the first row
NAME_WIDTH, CELL_WIDTH, GAP = 64, 92, 4
PIN_1 = "pin 1 has a square solder pad and is at the end of the microSD slot"
CHOSEN = "framed: if the call names the pins, as in I2C(3, sda=2, scl=3)"


def draw_legend(drawing: Drawing, functions: dict[int, list[Function]]) -> None:
    """Show the fill of each kind of function that the picture has."""
    found = [each for gpio in gpio_by_pin().values() for each in functions.get(gpio, [])]
    kinds = [kind for kind in FILLS if kind in {each.kind for each in found} | {"console"}]
    x = 20
    for kind in kinds:
        text = "PWM channel" if kind == "PWM" else kind
        width = 16 + 8 * len(text)
        draw_cell(drawing, x, 36, width, text, FILLS[kind])
        x += width + GAP
    if not all(each.default for each in found):
        drawing.text(x + 8, 50, CHOSEN)


def draw(family: Family) -> str:
    """Return the picture of what the pins of a family's header can be."""
    height = TOP + ROW * (HEADER_PINS // 2) + 8
    drawing = Drawing(1000, height, f"The header of {family.name}: what its pins can be")
    drawing.text(20, 24, family.name)
    functions = functions_by_gpio(family)
    draw_legend(drawing, functions)
    drawing.text(500, 78, PIN_1, ink="dim", anchor="middle")
    for pin in range(1, HEADER_PINS + 1):
        draw_pin(drawing, pin, functions)
    return drawing.svg()


def cells_of(pin: int, functions: dict[int, list[Function]]) -> list[tuple[str, str | None]]:
    """Return the texts and fills beside a pin, from the pin outwards."""
    gpio = gpio_by_pin().get(pin)
    cells: list[tuple[str, str | None]] = [(pin_name(pin), pin_fill(pin, GREY))]
    if gpio in CONSOLE:
        cells.append((CONSOLE[gpio], FILLS["console"]))
    found = functions.get(gpio, []) if gpio is not None else []
    cells += [(each.text(), FILLS[each.kind] if each.default else None) for each in found]
    return cells


def draw_pin(drawing: Drawing, pin: int, functions: dict[int, list[Function]]) -> None:
    """Odd pins are in the left column, their functions go to the left; even ones to the right."""
    y = TOP + ROW * ((pin - 1) // 2)
    left = pin % 2 == 1
    draw_cell(drawing, LEFT if left else RIGHT, y, 30, str(pin), GREY)
    x = LEFT - GAP if left else RIGHT + 30 + GAP
    for index, (text, fill) in enumerate(cells_of(pin, functions)):
        width = NAME_WIDTH if index == 0 else CELL_WIDTH
        draw_cell(drawing, x - width if left else x, y, width, text, fill)
        x += -(width + GAP) if left else width + GAP


# The wiring of an example


def connections(text: str) -> list[tuple[int, str, str]]:
    """Return (pin, its name, what is connected to it) for each wire in the head of an example."""
    head = text.partition('"""')[2].partition('"""')[0]
    return [(int(pin), name, part) for pin, name, part in CONNECTION.findall(head)]


def examples() -> Iterator[tuple[str, list[tuple[int, str, str]]]]:
    """Yield the name and the wires of each example that has any."""
    for path in sorted(EXAMPLES.glob("*.py")):
        wires = connections(path.read_text(encoding="utf-8"))
        if wires:
            yield path.stem, wires


def draw_wiring(example: str, wires: list[tuple[int, str, str]]) -> str:
    """Return the picture of a header on which the wires of an example are marked."""
    drawing = Drawing(980, 20 + ROW * (HEADER_PINS // 2), f"The wiring of examples/{example}.py")
    wired = {pin: part for pin, _, part in wires}
    for pin in range(1, HEADER_PINS + 1):
        draw_wire(drawing, pin, wired.get(pin))
    return drawing.svg()


def draw_wire(drawing: Drawing, pin: int, part: str | None) -> None:
    """Draw a pin of the header, and what is connected to it."""
    y = 10 + ROW * ((pin - 1) // 2)
    left = pin % 2 == 1
    x = 458 if left else 492
    draw_cell(drawing, x, y, 30, str(pin), pin_fill(pin, GREEN) if part else None)
    if part:
        name_x = x - GAP - NAME_WIDTH if left else x + 30 + GAP
        draw_cell(drawing, name_x, y, NAME_WIDTH, pin_name(pin), pin_fill(pin, GREEN))
        text_x = name_x - 8 if left else name_x + NAME_WIDTH + 8
        drawing.text(text_x, y + 14, part, anchor="end" if left else "start")


def pictures() -> dict[Path, str]:
    """Return every picture of this module, by its path."""
    made = {DOCS / family.picture: draw(family) for family in FAMILIES}
    return made | {WIRING / f"{name}.svg": draw_wiring(name, wires) for name, wires in examples()}


def main() -> int:
    WIRING.mkdir(exist_ok=True)
    for path, text in pictures().items():
        path.write_text(text, encoding="utf-8")
        print(f"{path.relative_to(ROOT)} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
