# SPDX-License-Identifier: MIT
"""Boot and run a script, or a REPL on a terminal.

stdout gets the script's output as it comes; the boot report and everything else go to stderr.
Without a script (stdin is empty) stdout gets the boot report.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import select
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pimem.board import boards, monitor
from pimem.board.errors import BoardRestarted
from pimem.board.follow import ALONE, Company
from pimem.board.hwcheck import HardwareViolation
from pimem.board.line import SILENCE
from pimem.board.script import STDIN, execute
from pimem.board.session import Session, elf_of, open_session
from pimem.board.terminal import keys_for_a_script
from pimem.board.text import Output
from pimem.commands import _options
from pimem.exits import CRASHED, INTERRUPTED, OK, CommandError, Refusal, complain, report

EPILOG = """\
A board that restarts while the script runs ends the command once its prompt is there: with 0 after
machine.reset(), with 3 after a crash or a watchdog. The script is not repeated.
"""
PIECE = 4096
SHOW_REPORT = b"import memory\nmemory.info()\n"
#: Whether the reset was not asked for: by a crash, a watchdog or from outside.
FAILED_BEFORE = """\
import machine
try:
    import _memory
    asked = _memory.boot_info()["reset_asked"]
except (ImportError, KeyError):
    asked = True
bad = [getattr(machine, n, -1) for n in ("CRASH_RESET", "WDT_RESET")]
print(machine.reset_cause() in bad or not asked)
"""


@dataclass(frozen=True)
class Script:
    """What to run: its source, its name in tracebacks, and its sys.argv."""

    source: bytes
    name: str = STDIN
    argv: Sequence[str] = ("",)

    @property
    def blank(self) -> bool:
        return not self.source.strip()


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("script", nargs="?", help="a file, or - for stdin (read to its end first)")
    parser.add_argument(
        "arguments", nargs="*", metavar="ARG", help="the script's sys.argv[1:]; -- before dashes"
    )
    _options.add_source(parser)
    _options.add_slot(parser)
    _options.add_icount(parser)
    _options.add_script_timeout(parser)
    parser.add_argument(
        "--hardware-check",
        action="store_true",
        help="report, at the end, what QEMU forgives and a real core does not (docs/hwcheck.md)",
    )


def read_script(name: str | None, arguments: Sequence[str]) -> Script | None:
    """Return the script to run (maybe blank), or None where stdin is a terminal."""
    argv = [name or "", *arguments]
    if name is not None and name != "-":
        try:
            return Script(Path(name).read_bytes(), name, argv)
        except OSError as exc:
            raise Refusal(f"cannot read {name}: {exc.strerror}") from exc
    if name is None and sys.stdin.isatty():
        return None
    return Script(sys.stdin.buffer.read(), STDIN, argv)


class StdinLines:
    """The lines of a stdin that is no terminal, for input(): b"" at its end, also behind a script
    that was read from it; None while the next one has not come."""

    def __init__(self) -> None:
        self._held = b""

    def __call__(self) -> bytes | None:
        fd = sys.stdin.fileno()
        while b"\n" not in self._held:
            if not select.select([fd], [], [], 0)[0]:
                return None
            data = os.read(fd, PIECE)
            if not data:
                break
            self._held += data
        line, newline, self._held = self._held.partition(b"\n")
        return line + newline


def hint(seconds: float) -> None:
    complain(f"the script has printed nothing for {seconds:.0f} s; Ctrl-C stops it")


@contextlib.contextmanager
def company(script: Script, timeout: float | None) -> Iterator[Company]:
    """Give what goes on beside the script: its limit, and who sits at a terminal."""
    silence = math.inf if timeout is None else timeout
    told = hint if sys.stderr.isatty() else None
    if script.name == STDIN or not sys.stdin.isatty():
        yield Company(silence, hint=told, lines=StdinLines())
        return
    with keys_for_a_script() as keys:
        yield Company(silence, keys=keys, hint=told)


def run_script(
    session: Session, script: Script, output: Output, talk: Output, beside: Company = ALONE
) -> None:
    """Run the script; the report of a board that boots goes to `talk`, or without a script to
    `output`. A board that runs already is soft-reset."""
    if session.booting:
        session.finish_boot(output if script.blank else talk)
        if script.blank:
            return
    with session.link.in_raw_repl():
        if not session.booting:
            session.link.soft_reset()
        source = SHOW_REPORT if script.blank else script.source
        execute(session.link, source, output, name=script.name, argv=script.argv, company=beside)


def check_hardware(session: Session, kernel: Path | None) -> int:
    """Print what the hardware checker has reported; return the exit code."""
    if session.machine is None or not session.machine.checks_hardware:
        return OK
    violations = session.machine.violations(elf_of(session.board, kernel))
    return report(HardwareViolation(violations)) if violations else OK


def after_restart(session: Session, restart: BoardRestarted, talk: Output) -> int:
    """Wait for the prompt of a board that restarted; return the exit code."""
    report(restart)
    if not restart.at_prompt:
        session.finish_boot(talk)
    with session.link.in_raw_repl():
        failed = session.link.run(FAILED_BEFORE).strip() == "True"
    complain("it is at its prompt again; the script is not repeated")
    return CRASHED if failed or restart.crash else OK


def run(options: argparse.Namespace) -> int:
    board = boards.load(options.board)
    place = {
        "port": options.port,
        "kernel": options.kernel,
        "card": options.card,
        "icount": options.icount,
        "extra": _options.device_args(options),
    }
    check = {"hardware_check": options.hardware_check}
    silence = SILENCE if options.timeout is None else options.timeout
    try:
        script = read_script(options.script, options.arguments)
        if script is None:
            return monitor.talk(board, **place, **check)
        with (
            open_session(board, silence=silence, reboot=True, **place, **check) as session,
            Output(sys.stdout) as output,
            Output(sys.stderr) as talk,
        ):
            code = OK
            try:
                with company(script, options.timeout) as beside:
                    run_script(session, script, output, talk, beside)
            except BoardRestarted as exc:
                code = after_restart(session, exc, talk)
            except CommandError as exc:
                code = report(exc)
            except KeyboardInterrupt:
                code = INTERRUPTED
            return max(code, check_hardware(session, options.kernel))
    except KeyboardInterrupt:
        return INTERRUPTED
