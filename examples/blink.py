# SPDX-License-Identifier: MIT
"""Blink the LED of the board ten times.

Wiring: none. LED is the green activity LED; the firmware's expander drives it on some models, and
QEMU's raspi3b has no such expander: there the program ends with OSError (EOPNOTSUPP).
With a LED and a resistor of 330 ohms from pin 11 (GPIO17) to pin 9 (ground), write Pin("GPIO17").
"""

import time

from machine import Pin

led = Pin("LED", Pin.OUT, value=0)
for _ in range(10):
    led.on()
    time.sleep_ms(250)
    led.off()
    time.sleep_ms(250)
print("the LED blinked 10 times")
