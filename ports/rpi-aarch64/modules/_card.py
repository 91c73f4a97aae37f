# SPDX-License-Identifier: MIT
"""What of the SD card is mounted at boot.

Partition 1, which has the firmware and the kernel, is at /sd and read-only: nothing that Python
does keeps the board from starting. Partition 2 is at / for the user's files.
"""

import sys

import machine
import vfs

PLACES = ((1, "/sd", True), (2, "/", False))


def mount(card, told):
    """Mount the partitions that the card has, and return the one at /, or None if there is none.

    With `told` print where each is.
    """
    root = None
    for number, place, readonly in PLACES:
        try:
            partition = machine.Partition(card, number)
            vfs.mount(partition, place, readonly=readonly)
        except OSError:
            continue  # there is no such partition, or no filesystem on it
        if place == "/":
            root = partition
            sys.path.insert(2, "/lib")  # first, because packages are installed there
        else:
            sys.path.append(place + "/lib")
        if told:
            access = "read-only" if readonly else "read and write"
            print("files    %s: partition %d of the SD card, %s" % (place, number, access))
    return root
