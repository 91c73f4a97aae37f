# SPDX-License-Identifier: MIT
"""Measure the memory system, count instructions."""

from __future__ import annotations

import argparse

from pimem.dev import bench


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--check", action="store_true", help="fail when a row misses its bar")
    parser.add_argument(
        "--part", action="append", choices=bench.PARTS, help="only this one (default: all)"
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=bench.SEED,
        help="of the random sequences (default: %(default)s)",
    )
    parser.add_argument(
        "--repeat",
        type=int,
        default=bench.REPEAT,
        metavar="N",
        help="repetitions on the host (default: %(default)s)",
    )


def run(options: argparse.Namespace) -> None:
    missed = bench.measure(options.part or bench.PARTS, options.seed, options.repeat).missed
    if options.check:
        bench.check(missed)
