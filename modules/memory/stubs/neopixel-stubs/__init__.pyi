# SPDX-License-Identifier: MIT
"""Strips of WS2812 and SK6812 LEDs."""

from typing import Any, ClassVar

from machine import Pin

class NeoPixel:
    """`n` LEDs of `bpp` colours on one pin: assign a colour to each by index, then write().

    A colour is (red, green, blue), or (red, green, blue, white) with bpp=4, each an integer in 0
    to 255; another one is a ValueError or a TypeError.
    `timing` is 1 for LEDs with 800 kHz, 0 for 400 kHz, or a tuple as machine.bitstream() takes it.

    ValueError: a `bpp` that is neither 3 nor 4. IndexError: no such LED.
    """

    ORDER: ClassVar[tuple[int, int, int, int]]
    def __init__(
        self, pin: Pin, n: int, bpp: int = 3, timing: int | tuple[int, int, int, int] = 1
    ) -> None: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> tuple[int, ...]: ...
    def __setitem__(self, index: int, colour: Any) -> None: ...
    def fill(self, colour: Any) -> None:
        """Set all LEDs to one colour."""

    def write(self) -> None:
        """Send the colours to the LEDs."""
