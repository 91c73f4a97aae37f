# SPDX-License-Identifier: MIT
"""What QEMU's `-d guest_errors,unimp` may say of a boot, and the reason for each line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pimem.board import boards

#: By a pattern of a line: the SoCs, and why it is no fault of ours.
PIS = ("BCM2837", "BCM2711")
ALLOWED: dict[str, tuple[tuple[str, ...], str]] = {
    r"bcm2835_aux_write: (AUX_MU_\w+ unsupported|unsupported attempt .*)": (
        PIS,
        "the mini UART's rate and format, and that it can be off, are not in QEMU's model",
    ),
    r"bcm2835_aux_(read|write): Bad offset 8[04]": (
        PIS,
        "boot asks whether SPI(1) answers: QEMU's auxiliary block is the mini UART alone",
    ),
    r"pl011_(read|write): Bad offset 0x4(18|24)": (
        ("BCM2711",),
        "boot asks whether UART(2) to UART(5) answer: QEMU has UART(0) alone in their page",
    ),
    r"bcm2836_control_write: Unsupported offset 0x(0 value 0x0|8 value 0x80000000)": (
        PIS,
        "the stub selects the timer's clock and prescaler, as armstub8 does: QEMU has neither",
    ),
    r"gic_dist_writeb: Bad offset 9[c-f]": (
        ("BCM2711",),
        "the stub writes the groups of 256 interrupts, as armstub8 does: QEMU's GIC has 224",
    ),
    r"bcm2835_property: 0x00038002 set clock rate NYI": (
        PIS,
        "the kernel raises the ARM's clock: QEMU answers, without an effect",
    ),
    r"bcm2835_property: 0x00010004 get board serial NYI": (
        PIS,
        "the machine's number is asked for: QEMU answers 0",
    ),
    r"bcm2835_property: unhandled tag 0x00038041": (
        PIS,
        "the LED of some boards is a pin of the firmware's: QEMU does not know the tag",
    ),
    r"bcm2835_i2c_write: Bad offset 0x1c": (
        PIS,
        "how long a clock may be stretched is set: QEMU has the register at another offset",
    ),
    r".*bcm283[58]_gpio_(read|write): not implemented for [4-8][0-9a-f]": (
        PIS,
        "the event registers of pins, which Pin.irq() uses: QEMU has none",
    ),
    r"bcm2835_powermgt_read: Unknown offset 0x0*(2c|30|34)": (
        PIS,
        "the pads' registers, which Pin.drive() reads: QEMU has none",
    ),
    r"bcm2835_powermgt_write: WDOG": (
        PIS,
        "the watchdog's time is written before a reset: QEMU resets at once",
    ),
}


def unexpected(log: str, board: str) -> list[str]:
    """The lines of a log that no entry allows, each once."""
    soc = boards.load(board).soc
    lines = dict.fromkeys(line for line in log.splitlines() if line.strip())
    return [
        line
        for line in lines
        if not any(
            soc in socs and re.fullmatch(pattern, line) for pattern, (socs, _) in ALLOWED.items()
        )
    ]


def of_tests(lines: Iterable[tuple[str, str]], allowed: Sequence[str]) -> list[str]:
    """The lines of boards that neither an entry nor a test's own patterns allow, each once."""
    found = [
        f"{board}: {line}"
        for board, line in dict.fromkeys(lines)
        if not any(re.fullmatch(pattern, line) for pattern in allowed) and unexpected(line, board)
    ]
    return found
