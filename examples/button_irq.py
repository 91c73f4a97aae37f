# SPDX-License-Identifier: MIT
"""Count presses of a button for ten seconds: an interrupt at each falling edge calls a function.

A contact bounces for some milliseconds: an edge less than 30 ms after the last one belongs to it.
Wiring: a button from pin 11 of the header (GPIO17) to pin 9 (ground). The pull-up of the pin is
enough. QEMU has no model of edges: there the program ends with 0 presses.
"""

import time

from machine import Pin

SECONDS = 10
BOUNCE_MS = 30

presses = 0
last = time.ticks_ms()


def pressed(pin):
    global presses, last
    now = time.ticks_ms()
    if time.ticks_diff(now, last) >= BOUNCE_MS:
        presses += 1
        print("pressed")
    last = now


button = Pin("GPIO17", Pin.IN, Pin.PULL_UP)
button.irq(pressed, Pin.IRQ_FALLING)
time.sleep(SECONDS)
button.irq(None)
print(presses, "presses")
