# SPDX-License-Identifier: MIT
"""Fade an LED in and out five times with PWM.

QEMU's raspi3b runs the program without pulses; its raspi4b has no PWM block, and there the program
ends with OSError (ENODEV).

Wiring:
    pin 32 (GPIO12)   a resistor of 330 ohms, then the LED's long leg
    pin 34 (ground)   the LED's short leg

On a board: pimem run examples/pwm_fade.py --port /dev/ttyUSB0
In QEMU: pimem run examples/pwm_fade.py --board RPI3
"""

import time

from machine import PWM

STEPS = 64

led = PWM(12, freq=1000)
for _ in range(5):
    for step in list(range(STEPS)) + list(range(STEPS, -1, -1)):
        # The eye responds to ratios of brightness: with the square, the steps look even.
        led.duty_u16(65535 * step * step // (STEPS * STEPS))
        time.sleep_ms(8)
led.deinit()
print("the LED faded in and out 5 times")
