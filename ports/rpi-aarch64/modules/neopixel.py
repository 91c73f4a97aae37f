# SPDX-License-Identifier: MIT
"""Strips of WS2812 and SK6812 LEDs on one pin, driven by machine.bitstream()."""

import machine

#: Nanoseconds of high and low of a 0, then of a 1: for LEDs with 400 kHz and with 800 kHz.
TIMINGS = ((800, 1700, 1600, 900), (400, 850, 800, 450))


def _check(what, value, least, most, error=ValueError):
    """Refuse a value that is no integer in least to most."""
    if not isinstance(value, int):
        raise TypeError(f"{what} {value!r} is not an integer")
    if not least <= value <= most:
        raise error(f"{what} {value} is not in {least} to {most}")


def _to_bytes(colour, bpp, order):
    """Return the bytes of a colour in the order of the LEDs."""
    try:
        values = bytes(tuple(colour)) if len(colour) == bpp else b""
        error = ValueError
    except (TypeError, ValueError, OverflowError) as exc:
        values = b""
        error = TypeError if isinstance(exc, TypeError) else ValueError
    if not values:
        raise error(f"colour {colour!r} is not {bpp} integers in 0 to 255")
    parts = bytearray(bpp)
    for part, value in enumerate(values):
        parts[order[part]] = value
    return bytes(parts)


class NeoPixel:
    """`n` LEDs of `bpp` colours: assign (red, green, blue[, white]) by index, then write()."""

    ORDER = (1, 0, 2, 3)  # the LEDs take green before red

    def __init__(self, pin, n, bpp=3, timing=1):
        pin = machine.Pin(pin)
        _check("the number of LEDs", n, 0, 1 << 24)
        _check("bpp", bpp, 3, 4)
        if not isinstance(timing, (tuple, list)):
            _check("timing", timing, 0, 1)
            timing = TIMINGS[timing]
        machine.bitstream(pin, 0, timing, b"")  # checks both
        self.pin = pin
        self.n = n
        self.bpp = bpp
        self.buf = bytearray(n * bpp)
        self.timing = timing
        pin.init(pin.OUT, value=0)

    def __len__(self):
        return self.n

    def _start(self, index):
        _check("LED", index, 0, self.n - 1, IndexError)
        return index * self.bpp

    def __setitem__(self, index, colour):
        start = self._start(index)
        self.buf[start : start + self.bpp] = _to_bytes(colour, self.bpp, self.ORDER)

    def __getitem__(self, index):
        start = self._start(index)
        return tuple(self.buf[start + self.ORDER[part]] for part in range(self.bpp))

    def fill(self, colour):
        """Set all LEDs to one colour."""
        self.buf[:] = _to_bytes(colour, self.bpp, self.ORDER) * self.n

    def write(self):
        """Send the colours to the LEDs."""
        machine.bitstream(self.pin, 0, self.timing, self.buf)
