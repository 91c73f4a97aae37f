# SPDX-License-Identifier: MIT
"""Strips of WS2812 and SK6812 LEDs on one pin, driven by machine.bitstream()."""

import machine

#: Nanoseconds of high and low of a 0, then of a 1: for LEDs with 400 kHz and with 800 kHz.
TIMINGS = ((800, 1700, 1600, 900), (400, 850, 800, 450))


class NeoPixel:
    """`n` LEDs of `bpp` colours: assign (red, green, blue[, white]) by index, then write()."""

    ORDER = (1, 0, 2, 3)  # the LEDs take green before red

    def __init__(self, pin, n, bpp=3, timing=1):
        if bpp not in (3, 4):
            raise ValueError(f"bpp {bpp} is neither 3 nor 4")
        if n < 0:
            raise ValueError(f"a strip of {n} LEDs")
        self.pin = pin
        self.n = n
        self.bpp = bpp
        self.buf = bytearray(n * bpp)
        if isinstance(timing, int):
            if timing not in (0, 1):
                raise ValueError(f"timing {timing} is neither 0 nor 1")
            timing = TIMINGS[timing]
        self.timing = timing
        pin.init(pin.OUT, value=0)

    def __len__(self):
        return self.n

    def _start(self, index):
        if not 0 <= index < self.n:
            raise IndexError(f"no LED {index} of {self.n}")
        return index * self.bpp

    def __setitem__(self, index, colour):
        start = self._start(index)
        for part in range(self.bpp):
            if not 0 <= colour[part] <= 255:
                raise ValueError(f"colour {colour} has a part that is not in 0 to 255")
        for part in range(self.bpp):
            self.buf[start + self.ORDER[part]] = colour[part]

    def __getitem__(self, index):
        start = self._start(index)
        return tuple(self.buf[start + self.ORDER[part]] for part in range(self.bpp))

    def fill(self, colour):
        """Set all LEDs to one colour."""
        for index in range(self.n):
            self[index] = colour

    def write(self):
        """Send the colours to the LEDs."""
        machine.bitstream(self.pin, 0, self.timing, self.buf)
