# SPDX-License-Identifier: MIT
"""What set-up says: on stderr, so that stdout stays for results."""

from __future__ import annotations

import sys

from pimem.exits import USAGE, CommandError


class SetupError(CommandError):
    """Set-up cannot go on; the text is for the user."""

    code = USAGE

    def details(self) -> str:
        return f"setup: error: {self}\n"

    def message(self) -> str:
        return ""


def say(message: str) -> None:
    """Print what set-up is about to do, on a terminal over the line that another step changes."""
    begin = "\r\x1b[K" if sys.stderr.isatty() else ""
    print(f"{begin}setup: {message}", file=sys.stderr, flush=True)
