# SPDX-License-Identifier: MIT
"""Blink the LED of the board ten times.

Pin("LED") is the green activity LED. On a Raspberry Pi 3B the firmware's expander drives it. QEMU
does not model that expander: on its raspi3b the program ends with OSError (EOPNOTSUPP).

Wiring: none.

On a board: pimem run examples/blink.py --port /dev/ttyUSB0
In QEMU: pimem run examples/blink.py --board RPI4
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
