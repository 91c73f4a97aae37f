# SPDX-License-Identifier: MIT
"""Resets a board whose RUN pin hangs on a serial adapter's control lines.

The sequence is written in esptool's language: D and R set DTR and RTS, W waits, as in
`D0|R1|W0.1|R0`. esptool is imported only when a reset is made.
"""

from __future__ import annotations

import contextlib
import os
from argparse import Namespace

import serial

from pimem.board.errors import NoAnswer
from pimem.board.serial_port import open_port
from pimem.exits import OK, Failure, Refusal, complain

#: With the transistor of the hardware guide: RUN falls while RTS is asserted and DTR is not.
SEQUENCE = "D0|R1|W0.1|R0"
VARIABLE = "PIMEM_RESET"


class NotReset(Exception):
    """The board was not reset; the text says why."""


def configured(sequence: str | None) -> str | None:
    """The sequence of this bench: the one given, or the environment's; None if it has none."""
    return sequence or os.environ.get(VARIABLE) or None


def check_lines(port: serial.Serial) -> None:
    """Whether the port has control lines at all: where it has none, pyserial does not say."""
    if type(port).__module__.endswith("protocol_socket"):
        raise NotReset("a socket:// has no DTR and RTS (rfc2217:// has)")
    try:
        _ = port.cts  # TIOCMGET, which a pseudo-terminal does not know
    except (OSError, serial.SerialException) as exc:
        raise NotReset(f"it has no DTR and RTS: {exc}") from exc


def reset_port(port: serial.Serial, sequence: str) -> None:
    """Runs the sequence on an open port; RTS is released whatever happens."""
    from esptool.reset import CustomReset
    from esptool.util import FatalError

    try:
        strategy = CustomReset(port, sequence)
    except FatalError as exc:
        raise Refusal(f"reset sequence '{sequence}': {exc}") from exc
    check_lines(port)
    try:
        # Not strategy(), which turns failures into warnings.
        strategy.reset()
    except (OSError, ValueError, serial.SerialException) as exc:
        raise NotReset(f"in the middle of '{sequence}': {exc}") from exc
    finally:
        with contextlib.suppress(OSError, serial.SerialException):
            port.rts = False


def reset(url: str, sequence: str) -> None:
    """The same for a port that is not open."""
    port = open_port(url)
    try:
        reset_port(port, sequence)
    finally:
        port.close()


def main(args: Namespace) -> int:
    sequence = configured(args.sequence) or SEQUENCE
    try:
        reset(args.port, sequence)
    except (NotReset, NoAnswer) as exc:
        raise Failure(f"{args.port}: the board was NOT reset: {exc}") from exc
    complain(f"{args.port}: reset by {sequence}")
    return OK
