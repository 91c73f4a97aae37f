# SPDX-License-Identifier: MIT
"""Append a line to /log.csv every 100 ms, so that a power cut loses one line at most.

`with` closes the file after each line, which writes the line and the size of the file to the card.
Without a data partition on the card, / is a RAM disk: a reset then loses the file.

Wiring: none. For a card with a data partition: make image IMAGE_OPTIONS='--data 1G'

On a board: pimem run examples/log_to_card.py --port /dev/ttyUSB0
In QEMU: pimem run examples/log_to_card.py --board RPI4
"""

import os
import time

import memory

PATH = "/log.csv"
LINES = 10


def exists(path):
    try:
        os.stat(path)
    except OSError:
        return False
    return True


if not exists(PATH):
    with open(PATH, "w") as log:
        log.write("ms,free frames\n")
for _ in range(LINES):
    with open(PATH, "a") as log:
        free = memory.report()["frames"]["free"]
        log.write(f"{time.ticks_ms()},{free}\n")
    time.sleep_ms(100)
print(PATH, "has", os.stat(PATH)[6], "bytes")
