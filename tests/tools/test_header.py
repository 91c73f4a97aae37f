# SPDX-License-Identifier: MIT
"""The pictures of the header show the pins of the classes' tables and the examples' wiring."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest
from example_page import section

from pimem.dev import header

PI_3, PI_4 = header.FAMILIES
CHARACTER = 8  # pixels, at the font size of the pictures
SVG = "{http://www.w3.org/2000/svg}"


def functions(family: header.Family, gpio: int) -> list[str]:
    return [each.text() for each in header.functions_by_gpio(family)[gpio]]


def test_the_pictures_are_up_to_date() -> None:
    made = header.pictures()
    stale = [path.name for path, text in made.items() if path.read_text(encoding="utf-8") != text]
    assert stale == [], "python -m pimem.dev.header"
    assert set(header.WIRING.glob("*")) == {path for path in made if path.parent == header.WIRING}


def test_every_gpio_of_the_header_is_in_it() -> None:
    assert sorted(header.gpio_by_pin().values()) == list(range(28))


def test_functions_of_some_pins() -> None:
    assert functions(PI_4, 2) == ["I2C(1) SDA", "I2C(3) SDA", "SPI(3) MOSI"]
    assert functions(PI_4, 12) == ["I2C(5) SDA", "UART(5) TX", "PWM 0"]
    assert functions(PI_4, 11) == ["I2C(5) SCL", "SPI(0) SCK"]
    assert functions(PI_3, 2) == ["I2C(1) SDA"]
    assert functions(PI_3, 12) == functions(PI_3, 18) == ["PWM 0"]


def test_the_legend_has_the_kinds_of_the_header_only() -> None:
    assert ">UART<" in header.draw(PI_4)
    assert ">UART<" not in header.draw(PI_3), "UART(1) of a Pi 3 is not on the header"


def test_a_bus_on_the_pins_of_the_console_is_not_offered() -> None:
    assert functions(PI_4, 14) == functions(PI_4, 15) == []
    assert "SPI(5) MISO" not in functions(PI_4, 13)


def test_the_first_pins_of_a_bus_are_those_without_a_choice() -> None:
    found = {each.text(): each.default for each in header.functions_by_gpio(PI_4)[2]}
    assert found == {"I2C(1) SDA": True, "I2C(3) SDA": False, "SPI(3) MOSI": True}


@pytest.mark.parametrize("family", header.FAMILIES, ids=lambda family: family.picture)
def test_a_family_has_the_buses_of_its_soc(family: header.Family) -> None:
    found = {
        (each.kind, each.number)
        for on_pin in header.functions_by_gpio(family).values()
        for each in on_pin
    }
    wanted = {(kind, number) for kind, numbers in family.buses.items() for number in numbers}
    assert found == wanted - {("SPI", 5)}, "the console has its pins"


def test_the_heads_of_the_examples_name_the_pins_that_they_wire() -> None:
    wired = dict(header.examples())
    assert {"blink_timer", "flash_identity", "temperature"} <= set(wired)
    for example, wires in wired.items():
        assert all(header.pin_name(pin) == name for pin, name, _ in wires), example
        text = (header.EXAMPLES / f"{example}.py").read_text(encoding="utf-8")
        assert "\nWiring:\n" in text and text.count("\n    pin ") == len(wires), example


def test_every_example_tells_its_wiring_and_how_it_runs() -> None:
    for path in header.EXAMPLES.glob("*.py"):
        head = path.read_text(encoding="utf-8").split('"""')[1]
        assert ("Wiring: none." in head) != (path.stem in dict(header.examples())), path.name
        assert f"\nOn a board: pimem run examples/{path.name} --port " in head, path.name
        assert "\nIn QEMU: pimem run " in head and head.count(f"examples/{path.name}") == 2


def test_the_page_has_the_wiring_of_the_heads() -> None:
    for example, wires in header.examples():
        text = section(example)
        assert f"](wiring/{example}.svg)" in text
        rows = re.findall(r"^\| (\d+) \(([^)]+)\) \| .+ \|$", text, re.MULTILINE)
        assert sorted(rows) == sorted((str(pin), name) for pin, name, _ in wires), example


def test_every_example_has_a_section() -> None:
    for path in header.EXAMPLES.glob("*.py"):
        assert f"(../examples/{path.name})" in section(path.stem), path.name


def test_texts_of_the_wiring_fit_into_the_picture() -> None:
    for example, wires in header.examples():
        svg = ElementTree.fromstring(header.draw_wiring(example, wires))
        for text in svg.iter(f"{SVG}text"):
            width = len(text.text or "") * CHARACTER
            x, anchor = float(text.get("x", 0)), text.get("text-anchor")
            left = x - {"start": 0.0, "middle": width / 2, "end": width}[str(anchor)]
            assert left >= 0 and left + width <= float(svg.get("width", 0)), (example, text.text)


def test_a_wire_is_marked_and_a_pin_without_one_is_a_frame() -> None:
    text = header.draw_wiring("some", [(9, "ground", "the button")])
    assert text.count(f'fill="{header.GROUND}"') == 2 and ">the button<" in text
    assert text.count('class="line"') == header.HEADER_PINS - 1
