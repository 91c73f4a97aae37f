# SPDX-License-Identifier: MIT
"""How a command ends: its exit codes, and the exceptions that carry them.

Each exception knows its exit code and what the user reads; cli.main() catches them all.
"""

from __future__ import annotations

import sys

OK, FAILED, USAGE, CRASHED, SILENT, INTERRUPTED = 0, 1, 2, 3, 4, 130


class CommandError(Exception):
    """The command ends here; the text is for the user, and says what to do about it."""

    code = FAILED

    def details(self) -> str:
        """Return what is printed on stderr as it is, before the message."""
        return ""

    def message(self) -> str:
        """Return the line that the user reads; '' if the details say everything."""
        return str(self)


class Failure(CommandError):
    """The command tried it and did not succeed."""


class Refusal(CommandError):
    """The command did not try: wrong usage, something missing, or a rule against it."""

    code = USAGE


def complain(message: str) -> None:
    """Print a message of this program, as opposed to a board's, on stderr."""
    print(f"pimem: {message}", file=sys.stderr, flush=True)


def report(error: CommandError) -> int:
    """Print what the exception has to say; return its exit code."""
    print(error.details(), end="", file=sys.stderr, flush=True)
    if error.message():
        complain(error.message())
    return error.code
