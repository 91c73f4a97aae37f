# SPDX-License-Identifier: MIT
"""Start emulated boards that other programs connect to."""

from __future__ import annotations

import argparse
import contextlib
import os

from pimem.board import boards
from pimem.board.boards import Board
from pimem.board.server import Address, Served, parse_address, serve
from pimem.board.session import attach, elf_of, launch
from pimem.commands import _options
from pimem.exits import CRASHED, OK, Refusal, complain

EPILOG = """\
When a board is at its prompt, a line on stdout says where: a pseudo-terminal, or with --listen a
URL. mpremote, Thonny and tests connect to it as to a real board. It stays until Ctrl-C; a board
that is reset restarts.
"""
MOST = 64  # boards


def add_options(parser: argparse.ArgumentParser) -> None:
    _options.add_board(parser)
    _options.add_kernel(parser)
    _options.add_slot(parser)
    parser.add_argument(
        "--count", type=int, default=1, metavar="N", help="so many boards (default: %(default)d)"
    )
    parser.add_argument(
        "--listen",
        metavar="URL",
        help="socket://[HOST]:PORT or rfc2217://[HOST]:PORT, and the ports after it for more "
        "boards (HOST: 127.0.0.1 by default; PORT 0: any)",
    )


def start(board: Board, options: argparse.Namespace, address: Address | None) -> Served:
    """Start one board; return it when it is at its prompt."""
    extra = _options.device_args(options)
    machine = launch(board, options.kernel, card=options.card, reboot=True, extra=extra)
    session = attach(machine, elf=elf_of(board, options.kernel))
    try:
        session.finish_boot()
        assert session.machine
        # QEMU looks once a second whether a pty that was closed is open again.
        kept_open = os.open(session.machine.pty, os.O_RDWR | os.O_NOCTTY)
        session.link.close()
        try:
            return Served(session.machine, address)
        finally:
            os.close(kept_open)
    except BaseException:
        session.close()
        raise


def run(options: argparse.Namespace) -> int:
    board = boards.load(options.board)
    if not 1 <= options.count <= MOST:
        raise Refusal(f"--count {options.count}: it must be from 1 to {MOST}")
    if options.card and options.count > 1:
        raise Refusal(f"--count {options.count}: a card is in one board's slot only")
    if options.uart is not None and options.count > 1:
        raise Refusal(f"--count {options.count}: --uart is for one board")
    address = parse_address(options.listen) if options.listen is not None else None
    with contextlib.ExitStack() as stack, contextlib.suppress(KeyboardInterrupt):
        served = []
        for number in range(options.count):
            where = address.next(number) if address else None
            served.append(stack.enter_context(start(board, options, where)))
            print(served[-1].door.url, flush=True)
        complain(f"{board.name} is there; Ctrl-C ends it")
        serve(served)
        return CRASHED
    return OK
