# SPDX-License-Identifier: MIT
"""Command line: python -m pimem COMMAND.

Commands import what they need when they run: `setup` must work before anything but the
standard library is there.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

from pimem import __version__
from pimem.board import boards
from pimem.commands import bench_options, boot_options, card_options, serial_options
from pimem.exits import INTERRUPTED, CommandError, complain, report

COMMANDS = {
    "setup": "setup.bootstrap",
    "run": "commands.run",
    "repl": "commands.run",
    "conformance": "dev.conformance",
    "bench": "dev.bench",
    "image": "card.image",
    "devices": "card.devices",
    "flash": "card.flash",
    "ports": "commands.ports",
    "monitor": "commands.monitor",
    "frames": "commands.frames",
    "reset": "commands.reset",
    "bridge": "commands.bridge",
    "boot": "commands.boot",
}
EXIT_CODES = """\
exit codes:
  0    done
  1    it failed; of a script: an uncaught exception (its traceback is on stderr)
  2    usage, refused, or something is missing on this machine
  3    the board crashed, or the machine stopped (the crash report is on stderr)
  4    no answer from the board
  130  interrupted
of `run`, what the script gives sys.exit()
"""


def describe(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Each command's own help begins with the line that stands for it in the list of all."""
    for listed in commands._get_subactions():
        command = commands.choices[listed.dest]
        text = listed.help or ""
        command.description = command.description or f"{text[:1].upper()}{text[1:]}."


def add_board(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--board", default=boards.DEFAULT, choices=boards.names(), help="default: %(default)s"
    )


def add_run_options(command: argparse.ArgumentParser) -> None:
    add_board(command)
    command.add_argument("--port", metavar="URL", help="a real board: any pyserial device or URL")
    command.add_argument(
        "--kernel", type=Path, metavar="IMG", help="another image than the board's own"
    )
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


def add_conformance_options(command: argparse.ArgumentParser) -> None:
    add_board(command)
    command.add_argument(
        "--source", type=Path, required=True, metavar="DIR", help="MicroPython's source"
    )
    command.add_argument("--dirs", nargs="+", metavar="DIR", help="directories of its tests")
    command.add_argument(
        "--check-skips",
        action="store_true",
        help="run only what is on the skip list, and fail if one of it passes",
    )


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="pimem",
        description="Makes cards for, boots and talks to MicroPython boards, emulated or real.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = top.add_subparsers(dest="command", required=True)
    commands.add_parser("setup", help="fetch and install what building and running need")
    run = commands.add_parser("run", help="boot and run a script, or a REPL on a terminal")
    run.add_argument("script", nargs="?", help="a file, or - for stdin (read to its end first)")
    run.add_argument(
        "arguments", nargs="*", metavar="ARG", help="the script's sys.argv[1:]; -- before dashes"
    )
    run.set_defaults(interactive=False, baud=serial_options.BAUD, capture=None)
    add_run_options(run)
    repl = commands.add_parser("repl", help="boot and talk to the REPL from this terminal")
    repl.set_defaults(interactive=True, script=None, arguments=[])
    add_run_options(repl)
    serial_options.add_line(repl)
    conformance = commands.add_parser("conformance", help="run MicroPython's own test suite")
    add_conformance_options(conformance)
    bench_options.add_command(commands)
    card_options.add_commands(commands)
    serial_options.add_commands(commands)
    boot_options.add_command(commands)
    describe(commands)
    return top


def parse(argv: list[str]) -> argparse.Namespace:
    """Like parse_args(), but a script's arguments may also follow options, and `--`."""
    top = parser()
    if argv[:1] != ["run"]:
        return top.parse_args(argv)
    at = argv.index("--") if "--" in argv else len(argv)
    args, more = top.parse_known_args(argv[:at])
    unknown = [word for word in more if word.startswith("-")]
    if unknown:
        top.error(f"run: unrecognized arguments: {' '.join(unknown)} (a script's follow --)")
    args.arguments += more + argv[at + 1 :]
    if args.arguments and args.script is None:
        top.error(f"run: which script are the arguments for? {' '.join(args.arguments)}")
    return args


def command_main(name: str) -> Callable[[argparse.Namespace], int]:
    entry: Callable[[argparse.Namespace], int]
    entry = importlib.import_module(f"pimem.{COMMANDS[name]}").main
    return entry


def main(argv: list[str] | None = None) -> int:
    args = parse(sys.argv[1:] if argv is None else argv)
    try:
        return command_main(args.command)(args)
    except CommandError as exc:
        return report(exc)
    except KeyboardInterrupt:
        complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # whoever read stdout has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
