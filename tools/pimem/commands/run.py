# SPDX-License-Identifier: MIT
"""Boots a board, or attaches to one, and runs a script or a REPL on it.

stdout gets what the board prints before MicroPython's banner (the boot report) and the
script's output, as they come; everything else goes to stderr.
"""

from __future__ import annotations

import codecs
import contextlib
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

from pimem.board import boards, symbols
from pimem.board.link import BANNER, PROMPT, BoardCrash, Link, NoAnswer, ScriptError
from pimem.board.qemu import Qemu, QemuError, kernel_args
from pimem.board.script import ScriptExit, execute
from pimem.commands import monitor
from pimem.exits import CRASHED, FAILED, INTERRUPTED, OK, SILENT, USAGE, Refusal, complain

BOOT_SECONDS = 120.0
SHOW_REPORT = b"import memory\nmemory.info()\n"


class Output:
    """Puts the board's bytes on a text stream as they come: UTF-8, plain newlines."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._held = ""

    def __call__(self, data: bytes) -> None:
        text = self._held + self._decode(data)
        # The newline that belongs to a carriage return may be in the next piece.
        self._held = "\r" if text.endswith("\r") else ""
        text = text.removesuffix("\r")
        self._stream.write(text.replace("\r\n", "\n"))
        self._stream.flush()

    def __enter__(self) -> Output:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.write(self._held + self._decode(b"", True))
        self._stream.flush()


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


@contextlib.contextmanager
def connect(args: Namespace) -> Iterator[Link]:
    """The board asked for: the one on args.port as it is, or an emulated one about to boot."""
    silence = {"silence": args.timeout}
    if args.port:
        with Link(args.port, **silence) as link:
            yield link
        return
    board = boards.load(args.board)
    kernel = Path(args.kernel) if args.kernel else board.kernel
    if not kernel.is_file():
        raise Refusal(f"no image {kernel}: `make BOARD={board.name}` builds it")
    with (
        Qemu(board, kernel_args(kernel), icount=args.icount) as machine,
        Link(machine.pty, ended=machine.ended, **silence) as link,
    ):
        machine.resume()
        yield link


def finish_boot(link: Link, output: Output | None = None) -> None:
    """Waits for a booting board's first prompt; `output` gets its boot report."""
    link.read_until(BANNER, total=BOOT_SECONDS, sink=output)
    link.read_until(PROMPT, total=BOOT_SECONDS)


def run_script(
    link: Link, script: bytes, argv: Sequence[str], output: Output, *, booting: bool
) -> None:
    """Boot report, then the script; a board that runs already is soft-reset instead."""
    if booting:
        finish_boot(link, output)
        if not script.strip():
            return
    with link.in_raw_repl():
        if not booting:
            link.soft_reset()
        execute(link, script if script.strip() else SHOW_REPORT, argv, output)


def session(args: Namespace, script: bytes) -> None:
    argv = [args.script, *args.arguments] if args.arguments else []
    with connect(args) as link, Output(sys.stdout) as output:
        run_script(link, script, argv, output, booting=not args.port)


def main(args: Namespace) -> int:
    """Runs what the command line asks for; the exit code."""
    script = None
    try:
        if not args.interactive:
            script = read_script(args.script)
        elif not sys.stdin.isatty():
            raise Refusal("repl needs a terminal; `run` takes a script on stdin")
        if script is None:
            return monitor.talk(args)
        session(args, script)
    except ScriptError as exc:
        print(exc.traceback, end="", file=sys.stderr)
        return FAILED
    except ScriptExit as exc:
        print(exc.text, end="", file=sys.stderr)
        return exc.code
    except BoardCrash as exc:
        print(exc.text, end="", file=sys.stderr)
        print(symbols.explain(exc.report, symbols.elf_of(args)), end="", file=sys.stderr)
        complain(str(exc))
        return CRASHED
    except NoAnswer as exc:
        complain(str(exc))
        return SILENT
    except (Refusal, QemuError, boards.UnknownBoard) as exc:
        complain(str(exc))
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    return OK
