# SPDX-License-Identifier: MIT
"""Send a colour around a ring of eight NeoPixels three times.

Wiring: DIN of the ring to pin 40 of the header (GPIO21) through a resistor of 330 ohms, ground to
pin 39, its supply to pin 1 (3.3 V), which is bright enough, and keeps the levels right.
"""

import time

from machine import Pin
from neopixel import NeoPixel

COUNT = 8
COLORS = ((40, 0, 0), (0, 40, 0), (0, 0, 40))  # of 255: eight at full brightness take 0.5 A

ring = NeoPixel(Pin("GPIO21"), COUNT)
for color in COLORS:
    for lit in range(COUNT):
        ring.fill((0, 0, 0))
        ring[lit] = color
        ring.write()
        time.sleep_ms(60)
ring.fill((0, 0, 0))
ring.write()
print("the colour went around", len(COLORS), "times")
