# SPDX-License-Identifier: MIT
"""Fade a LED in and out, five times.

Wiring: a LED with a resistor of 330 ohms from pin 32 (GPIO12) to pin 34 (ground).
"""

import time

from machine import PWM

STEPS = 64

led = PWM(12, freq=1000)
for _ in range(5):
    for step in list(range(STEPS)) + list(range(STEPS, -1, -1)):
        # The eye sees ratios: the square makes the steps look even.
        led.duty_u16(65535 * step * step // (STEPS * STEPS))
        time.sleep_ms(8)
led.deinit()
print("the LED faded in and out 5 times")
