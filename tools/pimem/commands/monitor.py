# SPDX-License-Identifier: MIT
"""Watch a board: time stamps, capture, crashes explained."""

from __future__ import annotations

import argparse
from pathlib import Path

from pimem.board import boards, monitor
from pimem.board.session import elf_of
from pimem.commands import _options

EPILOG = """\
exit code 3 if a crash report was among what the board sent, or the machine stopped. Copying
files is mpremote's job: mpremote connect PORT cp main.py :
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    _options.add_source(parser)
    _options.add_line(parser)
    parser.add_argument(
        "--elf", type=Path, metavar="FILE", help="default: the one beside the image"
    )
    parser.add_argument(
        "--no-stamps", dest="stamps", action="store_false", help="lines without times"
    )
    parser.add_argument(
        "--seconds",
        type=_options.seconds,
        metavar="S",
        help="end after S seconds (default: on Ctrl-])",
    )
    parser.add_argument(
        "--wait",
        type=_options.seconds_or_none,
        default=monitor.WAIT_SECONDS,
        metavar="S",
        help="how long to wait for a port that is not there (0: not; default: %(default)g)",
    )


def run(options: argparse.Namespace) -> int:
    board = boards.load(options.board)
    return monitor.watch(
        monitor.source(board, port=options.port, kernel=options.kernel),
        options.elf or elf_of(board, options.kernel),
        stamps=options.stamps,
        capture=options.capture,
        baud=options.baud,
        seconds=options.seconds,
        wait=options.wait,
        first_wait=options.wait,
    )
