# SPDX-License-Identifier: MIT
"""Take a board through its first start, and write what was found to a file.

Listens from power on, says how far the board comes and what it means if it stops, then measures
what an emulator cannot show. The result is one JSON file to send back.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from pimem.board import boards
from pimem.board.line import CRASH_MARK
from pimem.board.session import Session, kernel_of, open_session
from pimem.board.text import to_text
from pimem.bringup import checks
from pimem.bringup.checks import Amounts
from pimem.bringup.listen import Heard, listen
from pimem.bringup.result import FAILED, PASSED, SKIPPED, Result, Step
from pimem.bringup.verdict import Verdict, judge
from pimem.commands import _options
from pimem.exits import CRASHED, OK, SILENT, complain
from pimem.exits import FAILED as FAILED_CODE

EPILOG = """\
docs/hardware-day.md tells what to do before and after. Without --port the board is an emulated
one. Exit code 0 if every step passed, 1 if one failed, 3 after a crash report, 4 if the board did
not come to its prompt.
"""
EVERYTHING = Amounts(resets=20, rounds=50_000, paste=1 << 20, heap=500 << 20, clock_seconds=90)
#: With a larger heap a collection takes seconds on an emulated board, while nothing is received.
EMULATED_HEAP = 64 << 20
QUICK = Amounts(resets=2, rounds=200, paste=1 << 14, heap=1 << 20, clock_seconds=1)


def add_options(parser: argparse.ArgumentParser) -> None:
    _options.add_source(parser)
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="default: bringup-BOARD.json, in this folder"
    )
    parser.add_argument(
        "--quick", action="store_true", help="few rounds of each measurement: a minute in all"
    )
    parser.add_argument(
        "--first",
        type=_options.seconds,
        default=120.0,
        metavar="S",
        help="how long to wait for the first byte (default: %(default)g)",
    )
    parser.add_argument(
        "--silence",
        type=_options.seconds,
        default=20.0,
        metavar="S",
        help="how long a silence is a stop (default: %(default)g)",
    )


def show(data: bytes) -> None:
    sys.stderr.write(to_text(data))
    sys.stderr.flush()


def hear_boot(session: Session, first: float, silence: float) -> tuple[Heard, Verdict]:
    """Listen to the start of a board, and judge it."""
    if session.machine is None:
        complain(f"switch the board on now, or reset it; waiting {first:g} s for its first byte")
    heard = listen(session.link, first=first, silence=silence, hear=show)
    show(b"\n")
    return heard, judge(heard)


def boot_step(heard: Heard, verdict: Verdict) -> Step:
    step = Step("boot", "the boot report and the prompt")
    step.status = PASSED if verdict.ok else FAILED
    step.printed = "prompt" if verdict.ok else f"after {verdict.reached!r}: {verdict.problem}"
    step.meaning = " ".join(verdict.advice.split())
    step.data = {"reached": verdict.reached, "place": heard.place}
    if heard.crash:
        step.data["crash"] = heard.crash.report
    return step


def tell(step: Step) -> None:
    complain(f"{step.status:8} {step.name}: {step.printed}")
    if step.meaning:
        complain(f"         {step.meaning}")


def measurements(
    session: Session, amounts: Amounts, say: Callable[[str], None]
) -> dict[str, Callable[[], Step]]:
    """Return the measurements in their order."""
    heap = min(amounts.heap, EMULATED_HEAP) if session.machine else amounts.heap
    return {
        "facts": lambda: checks.facts(session),
        "health": lambda: checks.health(session),
        "probes": lambda: checks.probes(session),
        "code": lambda: checks.code(session, amounts.rounds),
        "programs": lambda: checks.programs(session, amounts.rounds),
        "resets": lambda: checks.resets(session, amounts.resets, say),
        "paste": lambda: checks.paste(session, amounts.paste, heap),
        "clock": lambda: checks.clock(session, amounts.clock_seconds),
    }


def measure(session: Session, amounts: Amounts, result: Result) -> None:
    """Take all measurements; after one in which the board is lost the others are skipped."""
    session.link.prompt_seen()
    say = complain if sys.stderr.isatty() else lambda text: None
    lost = ""
    for name, check in measurements(session, amounts, say).items():
        say(name)
        step = (
            checks.skipped(name, f"the board was lost in {lost!r}")
            if lost
            else (checks.attempt(name, check))
        )
        lost = lost or (name if step.meaning == checks.LOST else "")
        tell(step)
        result.add(step)


def exit_code(heard: Heard, verdict: Verdict, result: Result) -> int:
    if heard.crash or CRASH_MARK in heard.data:
        return CRASHED
    if verdict.reached != "prompt":
        return SILENT
    return FAILED_CODE if result.failed else OK


def run(options: argparse.Namespace) -> int:
    board = boards.load(options.board)
    kernel = kernel_of(board, options.kernel)
    path = _options.require_folder(options.output or Path(f"bringup-{board.name}.json"))
    result = Result(path, board=board.name, port=options.port, kernel=kernel)
    session = open_session(board, port=options.port, kernel=kernel, reboot=True)
    with session:
        heard, verdict = hear_boot(session, options.first, options.silence)
        result.transcript = heard.text
        step = boot_step(heard, verdict)
        tell(step)
        result.add(step)
        if verdict.reached == "prompt":
            measure(session, QUICK if options.quick else EVERYTHING, result)
    complain(f"{result.path} is written: send it in, also if every step passed")
    passed = sum(step.status == PASSED for step in result.steps)
    left = sum(step.status == SKIPPED for step in result.steps)
    complain(f"{passed} of {len(result.steps)} steps passed, {left} skipped")
    return exit_code(heard, verdict, result)
