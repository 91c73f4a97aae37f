# SPDX-License-Identifier: MIT
"""Give a running board another kernel over its serial line."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pimem.board import boards, monitor
from pimem.board.boards import Board
from pimem.board.bootloader import Rejected, give_up, prepare, start, transmit
from pimem.board.session import elf_of, kernel_of, open_session
from pimem.board.text import Output
from pimem.commands import _options
from pimem.exits import complain
from pimem.progress import Progress

EPILOG = """\
The board receives the kernel itself (machine.bootloader()), checks it, and enters it as the
firmware entered the one that runs now. The card is not touched: after a reset the kernel on it is
back. If anything goes wrong before the last check, the board goes on as before.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "kernel", nargs="?", type=Path, metavar="KERNEL", help="default: the board's own build"
    )
    parser.add_argument(
        "--port", metavar="URL", required=True, help="the board: any pyserial device or URL"
    )
    _options.add_board(parser)
    _options.add_timeout(parser)
    parser.add_argument(
        "--no-monitor",
        dest="monitor",
        action="store_false",
        help="end at the new kernel's prompt, even on a terminal",
    )


def boot(board: Board, kernel: Path, port: str, silence: float) -> None:
    """Send the board on `port` a kernel, and show the boot report of that."""
    transfer = prepare(kernel.read_bytes())
    with open_session(board, port=port, kernel=kernel, silence=silence) as session:
        link = session.link
        link.enter_raw_repl()
        block_size = start(link)
        try:
            with Progress(kernel.name, len(transfer.packed)) as progress:
                transmit(link, transfer, block_size, progress.advance)
        except Rejected:
            link.leave_raw_repl()
            raise
        except KeyboardInterrupt:
            if give_up(link, block_size):
                link.leave_raw_repl()
                complain("the board goes on as before")
            raise
        with Output(sys.stdout) as output:
            session.finish_boot(output)


def run(options: argparse.Namespace) -> int | None:
    board = boards.load(options.board)
    kernel = kernel_of(board, options.kernel)
    boot(board, kernel, options.port, options.timeout)
    if not (options.monitor and sys.stdin.isatty() and sys.stdout.isatty()):
        return None
    place = monitor.source(board, port=options.port)
    return monitor.watch(place, elf_of(board, kernel), first_wait=monitor.WAIT_SECONDS)
