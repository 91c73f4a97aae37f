# SPDX-License-Identifier: MIT
"""Blink an LED with a Timer while the program does something else.

Wiring:
    pin 11 (GPIO17)   a resistor of 330 ohms, then the LED's long leg
    pin 9 (ground)    the LED's short leg

On a board: pimem run examples/blink_timer.py --port /dev/ttyUSB0
In QEMU: pimem run examples/blink_timer.py --board RPI4
"""

import time

from machine import Pin, Timer

led = Pin("GPIO17", Pin.OUT, value=0)
calls = 0


def blink(timer):
    global calls
    calls += 1
    led.toggle()


timer = Timer(freq=4, callback=blink)
counted = 0
end = time.ticks_add(time.ticks_ms(), 3000)
while time.ticks_diff(end, time.ticks_ms()) > 0:
    counted += 1
timer.deinit()
led.off()
print("the timer called", calls, "times while the program counted to", counted)
