# SPDX-License-Identifier: MIT
"""The places that the kernel passes while it boots, and what it means to stop after one.

Their numbers and names are those of ports/rpi-aarch64/boot/place.h.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    name: str  # what has been reached
    then: str  # what the kernel does from here to the next place
    stopped: str  # what to look at if it stops meanwhile


PLACES = (
    Place(
        "entry",
        "writes the registers of EL3 and EL2, and goes to EL1",
        "The kernel was loaded and runs. Note the firmware's release and `armstub=`, if "
        "config.txt has one: the exception level or a register differs from what a stock stub "
        "leaves.",
    ),
    Place(
        "EL1",
        "clears .bss",
        "RAM behind the image does not take stores: is `kernel_address` 0x80000, and is the image "
        "whole?",
    ),
    Place(
        "memory cleared",
        "detects the SoC and builds the boot page tables",
        "The device tree's header or the SoC's identification is not what was expected. "
        "Report the processor (MIDR) and x0.",
    ),
    Place(
        "page tables",
        "switches the MMU and the caches on and jumps to the upper half",
        "The first access through the page tables failed: stale cache lines or a wrong memory "
        "type. This is the place that QEMU cannot show; report it with the board's revision.",
    ),
    Place(
        "MMU on",
        "probes the devices",
        "A device register does not answer, or answers by an SError.",
    ),
    Place(
        "devices",
        "sets the interrupt controller and the timer up",
        "The interrupt controller is not where the SoC's table says: on a Pi 4 config.txt needs "
        "`enable_gic=1` and `arm_peri_high=0`.",
    ),
    Place(
        "interrupts",
        "asks the firmware over the mailbox for the UART's clock, and sets the UART up",
        "The mailbox does not answer, or the UART was set to a wrong rate: what follows may be "
        "unreadable instead of absent.",
    ),
    Place(
        "console",
        "reads the device tree and the mailbox for RAM",
        "The device tree is damaged or has an unknown form: keep a copy of the .dtb on the card.",
    ),
    Place(
        "RAM found",
        "asks the firmware for its release, raises the processor's clock, and sends the other "
        "cores to the parking page",
        "The higher clock needs a better power supply, or the spin table of the firmware's stub "
        "is not at 0xd8: is there an `armstub=`?",
    ),
    Place(
        "cores parked",
        "builds the frame allocator",
        "RAM that the tree or the mailbox names is not there, or in use by the firmware.",
    ),
    Place(
        "frames",
        "starts MicroPython",
        "The heap of MicroPython, or an interrupt that never ends.",
    ),
    Place(
        "MicroPython",
        "builds the kernel's address space in Python and prints the boot report",
        "The switch of TTBR1, or the linear map: the traceback or the last line of the report "
        "says how far it came.",
    ),
)
