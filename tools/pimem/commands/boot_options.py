# SPDX-License-Identifier: MIT
"""Command line of `pimem boot`."""

from __future__ import annotations

import argparse
from pathlib import Path

from pimem.board import boards

EPILOG = """\
The board receives the kernel itself (machine.bootloader()), checks it, and enters it as the
firmware entered the one that runs now. The card is not touched: after a reset the kernel on it is
back. If anything goes wrong before the last check, the board goes on as before.
"""


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    boot = commands.add_parser(
        "boot",
        help="give a running board another kernel over its serial line",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    boot.add_argument(
        "kernel", nargs="?", type=Path, metavar="KERNEL", help="default: the board's own build"
    )
    boot.add_argument(
        "--port", metavar="URL", required=True, help="the board: any pyserial device or URL"
    )
    boot.add_argument(
        "--board", default=boards.DEFAULT, choices=boards.names(), help="default: %(default)s"
    )
    boot.add_argument(
        "--timeout",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="longest silence that does not count as 'no answer' (default: %(default)g)",
    )
    boot.add_argument(
        "--no-monitor",
        dest="monitor",
        action="store_false",
        help="end at the new kernel's prompt, even on a terminal",
    )
