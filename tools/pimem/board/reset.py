# SPDX-License-Identifier: MIT
"""Reset a board whose RUN pin is connected to a serial adapter's control lines.

The sequence is written in esptool's language: D and R set DTR and RTS, W waits, as in
`D0|R1|W0.1|R0`. esptool is imported only when a reset is made.
"""

from __future__ import annotations

import contextlib
import logging
import os

import serial

from pimem.board.serial_port import open_port
from pimem.exits import CommandError, Refusal

#: With the transistor of the hardware guide: RUN falls while RTS is asserted and DTR is not.
SEQUENCE = "D0|R1|W0.1|R0"
VARIABLE = "PIMEM_RESET"

log = logging.getLogger(__name__)


class NotReset(CommandError):
    """The board was not reset; the text says why."""


def configured(sequence: str | None) -> str | None:
    """Return the sequence to use: the one given, or the environment's; None if there is none."""
    return sequence or os.environ.get(VARIABLE) or None


def check_lines(port: serial.Serial) -> None:
    """Raise NotReset for a port without control lines, which pyserial does not report."""
    if type(port).__module__.endswith("protocol_socket"):
        raise NotReset("a socket:// has no DTR and RTS (rfc2217:// has)")
    try:
        _ = port.cts  # TIOCMGET, which a pseudo-terminal does not know
    except (OSError, serial.SerialException) as exc:
        raise NotReset(f"it has no DTR and RTS: {exc}") from exc


def reset_port(port: serial.Serial, sequence: str) -> None:
    """Run the sequence on an open port; RTS is released in any case."""
    from esptool.reset import CustomReset
    from esptool.util import FatalError

    try:
        strategy = CustomReset(port, sequence)
    except FatalError as exc:
        raise Refusal(f"reset sequence '{sequence}': {exc}") from exc
    check_lines(port)
    try:
        log.info("reset by %s", sequence)
        # Not strategy(), which turns failures into warnings.
        strategy.reset()
    except (OSError, ValueError, serial.SerialException) as exc:
        raise NotReset(f"in the middle of '{sequence}': {exc}") from exc
    finally:
        with contextlib.suppress(OSError, serial.SerialException):
            port.rts = False


def reset(url: str, sequence: str) -> None:
    """Reset through a port that is not open yet."""
    port = open_port(url)
    try:
        reset_port(port, sequence)
    finally:
        port.close()
