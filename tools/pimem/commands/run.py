# SPDX-License-Identifier: MIT
"""Boots a board, or attaches to one, and runs a script or a REPL on it.

stdout gets what the board prints before MicroPython's banner (the boot report) and the
script's output, as they come; everything else goes to stderr.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from pimem.board import boards
from pimem.board.script import execute
from pimem.board.session import Session, open_session
from pimem.board.text import Output
from pimem.commands import monitor
from pimem.exits import INTERRUPTED, OK, Refusal

SHOW_REPORT = b"import memory\nmemory.info()\n"


def read_script(name: str | None) -> bytes | None:
    """The script to run (maybe blank), or None where a person sits at a terminal."""
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


def run(args: Namespace, script: bytes) -> None:
    argv = [args.script, *args.arguments] if args.arguments else []
    with (
        open_session(
            boards.load(args.board),
            port=args.port,
            kernel=args.kernel,
            icount=args.icount,
            silence=args.timeout,
        ) as session,
        Output(sys.stdout) as output,
    ):
        run_script(session, script, argv, output)


def main(args: Namespace) -> int:
    """Run what the command line asks for; return the exit code."""
    script = None
    try:
        if not args.interactive:
            script = read_script(args.script)
        elif not sys.stdin.isatty():
            raise Refusal("repl needs a terminal; `run` takes a script on stdin")
        if script is None:
            return monitor.talk(args)
        run(args, script)
    except KeyboardInterrupt:
        return INTERRUPTED
    return OK
