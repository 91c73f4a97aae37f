# SPDX-License-Identifier: MIT
"""Run MicroPython's own test suite."""

from __future__ import annotations

import argparse
from pathlib import Path

from pimem.board import boards
from pimem.commands import _options
from pimem.dev.conformance import DIRS, Selection, judge, run_suite, save_counts


def add_options(parser: argparse.ArgumentParser) -> None:
    _options.add_board(parser)
    _options.add_slot(parser)
    parser.add_argument(
        "--source", type=Path, required=True, metavar="DIR", help="MicroPython's source"
    )
    parser.add_argument("--dirs", nargs="+", metavar="DIR", help="directories of its tests")
    parser.add_argument(
        "--only", default="", metavar="REGEX", help="only the tests whose path matches"
    )
    parser.add_argument(
        "--check-skips",
        action="store_true",
        help="run only the tests on the skip list, and fail if one of them passes",
    )


def run(options: argparse.Namespace) -> int:
    board = boards.load(options.board)
    selection = Selection(options.dirs or DIRS, options.only, options.check_skips)
    suite, skips = run_suite(board, options.source, selection, options.card)
    if selection == Selection() and not options.card:
        save_counts(suite, skips, board.name)
    return judge(suite, skips, options.check_skips)
