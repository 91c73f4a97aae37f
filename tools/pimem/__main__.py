# SPDX-License-Identifier: MIT
"""Command line: python -m pimem COMMAND.

Commands import what they need when they run: `setup` must work before anything but the
standard library is there.
"""

from __future__ import annotations

import argparse
import os
import sys

from pimem import __version__, boards

EXIT_CODES = """\
exit codes of run and repl:
  0    done
  1    the script ended with an uncaught exception (its traceback is on stderr)
  2    usage, or something is missing on this machine
  3    the board crashed, or the machine stopped (the crash report is on stderr)
  4    no answer from the board
  130  interrupted
"""


def add_board_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--board", default=boards.DEFAULT, choices=boards.names(), help="default: %(default)s"
    )
    command.add_argument("--port", metavar="URL", help="a real board: any pyserial device or URL")
    command.add_argument("--kernel", metavar="IMG", help="another image than the board's own")
    command.add_argument(
        "--icount", action="store_true", help="one nanosecond of guest time an instruction"
    )
    command.add_argument(
        "--timeout",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="longest silence that does not count as 'no answer' (default: %(default)g)",
    )


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="pimem",
        description="Boots and talks to bare-metal MicroPython boards, emulated or real.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = top.add_subparsers(dest="command", required=True)
    commands.add_parser("setup", help="fetch and install what building and running need")
    run = commands.add_parser(
        "run",
        help="boot and run a script, or a REPL on a terminal",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    run.add_argument("script", nargs="?", help="a file, or - for stdin (read to its end first)")
    run.set_defaults(interactive=False)
    add_board_options(run)
    repl = commands.add_parser("repl", help="boot and talk to the REPL from this terminal")
    repl.set_defaults(interactive=True, script=None)
    add_board_options(repl)
    return top


def main(argv: list[str] | None = None) -> int:
    args = parser().parse_args(argv)
    if args.command == "setup":
        from pimem import bootstrap

        return bootstrap.main()
    from pimem import run

    try:
        return run.main(args)
    except BrokenPipeError:  # whoever read stdout has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


if __name__ == "__main__":
    sys.exit(main())
