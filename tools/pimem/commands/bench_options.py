# SPDX-License-Identifier: MIT
"""The command line of `make bench`; apart, because set-up must work without the rest."""

from __future__ import annotations

import argparse

PARTS = ("host", "boot", "target")
SEED = 20251122
REPEAT = 21

Commands = argparse._SubParsersAction  # what add_subparsers() returns has no public name


def add_command(commands: Commands[argparse.ArgumentParser]) -> None:
    command = commands.add_parser("bench", help="measure the memory system, count instructions")
    command.add_argument("--check", action="store_true", help="fail when a row misses its bar")
    command.add_argument(
        "--part", action="append", choices=PARTS, help="only this one (default: all)"
    )
    command.add_argument(
        "--seed", type=int, default=SEED, help="of the random sequences (default: %(default)s)"
    )
    command.add_argument(
        "--repeat",
        type=int,
        default=REPEAT,
        metavar="N",
        help="repetitions on the host (default: %(default)s)",
    )
