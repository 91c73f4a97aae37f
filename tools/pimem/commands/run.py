# SPDX-License-Identifier: MIT
"""Boot and run a script, or a REPL on a terminal.

stdout gets what the board prints before MicroPython's banner (the boot report) and the script's
output, as they come; everything else goes to stderr.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pimem.board import boards, monitor
from pimem.board.script import execute
from pimem.board.session import Session, open_session
from pimem.board.text import Output
from pimem.commands import _options
from pimem.exits import INTERRUPTED, Refusal

SHOW_REPORT = b"import memory\nmemory.info()\n"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("script", nargs="?", help="a file, or - for stdin (read to its end first)")
    parser.add_argument(
        "arguments", nargs="*", metavar="ARG", help="the script's sys.argv[1:]; -- before dashes"
    )
    _options.add_source(parser)
    _options.add_icount(parser)
    _options.add_timeout(parser)


def read_script(name: str | None) -> bytes | None:
    """Return the script to run (maybe blank), or None where stdin is a terminal."""
    if name not in (None, "-"):
        try:
            return Path(name).read_bytes()
        except OSError as exc:
            raise Refusal(f"cannot read {name}: {exc.strerror}") from exc
    if name is None and sys.stdin.isatty():
        return None
    return sys.stdin.buffer.read()


def run_script(session: Session, script: bytes, argv: Sequence[str], output: Output) -> None:
    """Show the boot report, then run the script; a board that runs already is soft-reset."""
    if session.booting:
        session.finish_boot(output)
        if not script.strip():
            return
    with session.link.in_raw_repl():
        if not session.booting:
            session.link.soft_reset()
        execute(session.link, script if script.strip() else SHOW_REPORT, argv, output)


def run(options: argparse.Namespace) -> int | None:
    board = boards.load(options.board)
    place = {"port": options.port, "kernel": options.kernel, "icount": options.icount}
    argv = [options.script, *options.arguments] if options.arguments else []
    try:
        script = read_script(options.script)
        if script is None:
            return monitor.talk(board, **place)
        with (
            open_session(board, silence=options.timeout, **place) as session,
            Output(sys.stdout) as output,
        ):
            run_script(session, script, argv, output)
    except KeyboardInterrupt:
        return INTERRUPTED
    return None
