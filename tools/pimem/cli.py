# SPDX-License-Identifier: MIT
"""Command line: python -m pimem COMMAND.

Each module of pimem.commands is a command of the same name. Its docstring begins with the line
that stands for it in the help, and it has

    add_options(parser)     adds the command's options
    run(options)            does it; returns an exit code, or None for 0
    EPILOG                  ends its help (optional)

A module is imported only if the command line names it: set-up must work before anything but the
standard library is there, and `pimem --help` is fast.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import logging
import os
import pkgutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, cast

from pimem import __version__, commands
from pimem.exits import FAILED, INTERRUPTED, OK, CommandError, complain, report

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
COMPLETING = "_ARGCOMPLETE"  # set by a shell that asks how a command line may go on
COMPLETED_LINE = "COMP_LINE"

Parsers = argparse._SubParsersAction  # what add_subparsers() returns has no public name


class Command(Protocol):
    """What a module of pimem.commands has."""

    def add_options(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, options: argparse.Namespace) -> int | None: ...


def command_names() -> list[str]:
    """Return the names of all commands, by the files there are."""
    found = (module.name for module in pkgutil.iter_modules(commands.__path__))
    return sorted(name for name in found if not name.startswith("_"))


def summary(name: str) -> str:
    """Return the first line of a command's docstring, without importing the module."""
    source = Path(commands.__path__[0]) / f"{name}.py"
    text = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0]


def load(name: str) -> Command:
    return cast(Command, importlib.import_module(f"pimem.commands.{name}"))


def add_verbose(parser: argparse.ArgumentParser, **settings: object) -> None:
    parser.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        help="say on stderr what is done: commands run, ports opened, resets",
        **settings,  # type: ignore[arg-type]
    )


def add_command(parsers: Parsers[argparse.ArgumentParser], name: str, *, options: bool) -> None:
    """Add a command, and with `options` also its options, which imports its module."""
    text = summary(name)
    parser = parsers.add_parser(
        name,
        help=text[:1].lower() + text[1:].rstrip("."),
        description=text,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if options:
        command = load(name)
        parser.epilog = getattr(command, "EPILOG", None)
        add_verbose(parser, default=argparse.SUPPRESS)  # or it would undo `pimem -v COMMAND`
        command.add_options(parser)


def make_parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser for a command line of these words."""
    top = argparse.ArgumentParser(
        prog="pimem",
        description="Makes cards for, boots and talks to MicroPython boards, emulated or real.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    add_verbose(top)
    parsers = top.add_subparsers(dest="command", required=True)
    for name in command_names():
        add_command(parsers, name, options=name in words)
    return top


def parse(argv: list[str]) -> argparse.Namespace:
    """Parse like parse_args(), but let a script's arguments also follow options, and `--`."""
    top = make_parser(argv)
    if next((word for word in argv if not word.startswith("-")), None) != "run":
        return top.parse_args(argv)
    at = argv.index("--") if "--" in argv else len(argv)
    options, more = top.parse_known_args(argv[:at])
    unknown = [word for word in more if word.startswith("-")]
    if unknown:
        top.error(f"run: unrecognized arguments: {' '.join(unknown)} (a script's follow --)")
    options.arguments += more + argv[at + 1 :]
    if options.arguments and options.script is None:
        top.error(f"run: which script are the arguments for? {' '.join(options.arguments)}")
    return options


def complete() -> None:
    """Print how the command line of a shell may go on, and end the process."""
    import argcomplete

    argcomplete.autocomplete(make_parser(os.environ.get(COMPLETED_LINE, "").split()))


def set_up_log(verbose: bool) -> None:
    """Write the log of this package to stderr; without `verbose` only warnings."""
    level = logging.INFO if verbose else logging.WARNING
    logging.basicConfig(stream=sys.stderr, format="pimem: %(message)s")
    logging.getLogger("pimem").setLevel(level)


def open_streams() -> None:
    """Let the standard streams that this process was started without lead nowhere: a file that is
    opened would get their number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            fd = os.open(os.devnull, os.O_RDWR)
            if fd != number:
                os.dup2(fd, number)
                os.close(fd)
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", encoding="utf-8"))


def forget_output() -> None:
    """Drop what is still to be written to stdout, which takes nothing more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.stdout.flush()


def is_of_stdout(error: OSError) -> bool:
    """Return whether the error is one of writing to stdout: then an empty line fails as well."""
    if error.filename is not None:
        return False
    try:
        print(flush=True)
    except OSError as again:
        return again.errno == error.errno
    return False


def main(argv: list[str] | None = None) -> int:
    open_streams()
    if COMPLETING in os.environ:
        complete()
    try:
        options = parse(sys.argv[1:] if argv is None else argv)
        set_up_log(options.verbose)
        code = load(options.command).run(options) or OK
        sys.stdout.flush()
        return code
    except CommandError as exc:
        return report(exc)
    except KeyboardInterrupt:
        complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # the program that read stdout has ended
        forget_output()
        return FAILED
    except OSError as exc:
        if not is_of_stdout(exc):
            raise
        forget_output()
        complain(f"cannot write the results to stdout: {exc.strerror}")
        return FAILED
