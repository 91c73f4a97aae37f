# SPDX-License-Identifier: MIT
"""Show free and used RAM of a board, live."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
import time
from pathlib import Path

from pimem.board import boards
from pimem.board.errors import ScriptError
from pimem.board.frames import Snapshot, picture, svg, take
from pimem.board.link import Link
from pimem.board.session import open_session
from pimem.commands import _options
from pimem.exits import Failure, complain

EPILOG = """\
Reading the board interrupts the program that runs on it, as Ctrl-C does; its memory stays as it
is. On a terminal the picture is drawn anew every --interval seconds until Ctrl-C.
"""
HOME_AND_CLEAR = "\x1b[H\x1b[J"


def add_options(parser: argparse.ArgumentParser) -> None:
    _options.add_source(parser)
    parser.add_argument("--json", action="store_true", help="the figures, once, as JSON")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="the picture, once, as a file")
    parser.add_argument(
        "--interval", type=_options.seconds, default=1.0, metavar="S", help="default: %(default)g"
    )
    parser.add_argument("--count", type=int, metavar="N", help="end after N pictures")


def draw(snapshot: Snapshot, live: bool) -> None:
    width = shutil.get_terminal_size((100, 24)).columns
    lines = picture(snapshot, width, colour=live and "NO_COLOR" not in os.environ)
    text = "\n".join(lines)
    print(f"{HOME_AND_CLEAR}{text}" if live else text, flush=True)


def show(link: Link, count: int | None, interval: float) -> None:
    """Draw `count` pictures; by default without end on a terminal, and one elsewhere."""
    live = sys.stdout.isatty()
    left = count or (None if live else 1)
    while left is None or left > 0:
        draw(take(link), live)
        left = None if left is None else left - 1
        if left != 0:
            time.sleep(interval)


def write_svg(snapshot: Snapshot, path: Path) -> None:
    try:
        path.write_text(svg(snapshot), encoding="utf-8")
    except OSError as exc:
        raise Failure(f"cannot write {path}: {exc.strerror}") from exc
    complain(f"{path} is written")


def save(link: Link, drawing: Path | None, as_json: bool) -> None:
    """Take the figures once, for a file and as JSON."""
    snapshot = take(link)
    if drawing:
        write_svg(snapshot, drawing)
    if as_json:
        print(snapshot.as_json())


def run(options: argparse.Namespace) -> None:
    board = boards.load(options.board)
    if options.svg:
        _options.require_folder(options.svg)
    try:
        with open_session(board, port=options.port, kernel=options.kernel) as session:
            if session.booting:
                session.finish_boot()
            with session.link.in_raw_repl():
                if options.json or options.svg:
                    save(session.link, options.svg, options.json)
                    return
                with contextlib.suppress(KeyboardInterrupt):  # the way to end a live picture
                    show(session.link, options.count, options.interval)
    except ScriptError as exc:
        raise Failure(f"the board could not report its frames: {exc}") from exc
