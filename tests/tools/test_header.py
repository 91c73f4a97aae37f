# SPDX-License-Identifier: MIT
"""The picture of the header shows the pins of the classes' own tables."""

from __future__ import annotations

from pimem.dev import header


def test_the_picture_is_up_to_date() -> None:
    assert header.PICTURE.read_text(encoding="utf-8") == header.draw()


def test_every_gpio_of_the_header_is_in_it() -> None:
    assert sorted(header.gpio_by_pin().values()) == list(range(28))


def test_functions_of_some_pins() -> None:
    found = header.functions_by_gpio()
    assert found[2] == ["I2C(1) SDA", "I2C(3) SDA", "SPI(3) MOSI"]
    assert "SPI(0) SCK" in found[11]
    assert found[18] == ["PWM 0"]
    assert found[15][0] == "console RX" and "UART(1) RX" in found[15]
    assert "UART(5) TX" in found[12]
