# SPDX-License-Identifier: MIT
"""Blink a LED by a Timer, while the program does something else.

Wiring: a LED and a resistor of 330 ohms from pin 11 of the header (GPIO17) to pin 9 (ground).
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
