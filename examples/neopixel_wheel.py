# SPDX-License-Identifier: MIT
"""Send a colour around a ring of eight NeoPixels (WS2812 or SK6812) three times.

At a supply of 3.3 V the LEDs are bright enough, and 3.3 V is a valid level for their data input.

Wiring:
    pin 1 (3.3 V)     5V or VCC of the ring
    pin 39 (ground)   GND
    pin 40 (GPIO21)   a resistor of 330 ohms, then DIN

On a board: pimem run examples/neopixel_wheel.py --port /dev/ttyUSB0
In QEMU: pimem run examples/neopixel_wheel.py --board RPI4
"""

import time

from machine import Pin
from neopixel import NeoPixel

COUNT = 8
COLORS = ((40, 0, 0), (0, 40, 0), (0, 0, 40))  # of 255: at full brightness eight LEDs draw 0.5 A

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
