# SPDX-License-Identifier: MIT
"""How a command ends: its exit codes, and the exceptions that stand for the common ones."""

from __future__ import annotations

import sys

OK, FAILED, USAGE, CRASHED, SILENT, INTERRUPTED = 0, 1, 2, 3, 4, 130


class CommandError(Exception):
    """A command ends here; the text is for the user, and says what to do about it."""

    code = FAILED


class Failure(CommandError):
    """It was tried and did not work out."""


class Refusal(CommandError):
    """It was not tried: wrong usage, something missing, or a rule against it."""

    code = USAGE


def complain(message: str) -> None:
    print(f"pimem: {message}", file=sys.stderr, flush=True)
