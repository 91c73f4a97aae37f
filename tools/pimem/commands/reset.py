# SPDX-License-Identifier: MIT
"""Reset a board over DTR and RTS."""

from __future__ import annotations

import argparse

from pimem.board.errors import NoAnswer
from pimem.board.reset import SEQUENCE, NotReset, configured, reset
from pimem.exits import Failure, complain

EPILOG = """\
SEQUENCE is esptool's: D0 and D1 set DTR, R0 and R1 RTS, W0.1 waits 0.1 s, joined by |. Without
--sequence it is that of $PIMEM_RESET, or D0|R1|W0.1|R0. A port without such lines (a pty, a
socket) is an error. RTS is released in any case, or the board would be held in reset.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", required=True, metavar="URL", help="any pyserial device or URL")
    parser.add_argument("--sequence", metavar="SEQUENCE", help=f"default: {SEQUENCE}")


def run(options: argparse.Namespace) -> None:
    sequence = configured(options.sequence) or SEQUENCE
    try:
        reset(options.port, sequence)
    except NotReset as exc:
        raise Failure(f"{options.port}: the board was NOT reset: {exc}") from exc
    except NoAnswer as exc:
        raise NoAnswer(f"the board was NOT reset: {exc}") from exc
    complain(f"{options.port}: reset by {sequence}")
