# SPDX-License-Identifier: MIT
"""Count the presses of a button for ten seconds, with an interrupt at each falling edge.

A contact bounces for some milliseconds, so an edge that follows another within 30 ms is not a new
press. The pull-up of the pin holds the level high while the button is open. QEMU does not model
edges: there the program counts 0 presses.

Wiring:
    pin 11 (GPIO17)   one contact of a button
    pin 9 (ground)    the other contact

On a board: pimem run examples/button_irq.py --port /dev/ttyUSB0
In QEMU: pimem run examples/button_irq.py --board RPI4
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
