# SPDX-License-Identifier: MIT
"""Append a line to /log.csv each 100 ms, so that a power cut loses at most one line.

`with` closes the file after each line, which writes its size and its last sector to the card.
Without a data partition on the card, / is a RAM disk: the file is lost at reset.
Wiring: none.
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
