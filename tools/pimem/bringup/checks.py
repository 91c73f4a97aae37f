# SPDX-License-Identifier: MIT
"""The measurements at the prompt. Each returns a Step."""

from __future__ import annotations

import json
import random
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pimem.board.errors import BoardError, ScriptError
from pimem.board.link import Link
from pimem.board.qemu import NO_MODEL
from pimem.board.serial_port import BAUD
from pimem.board.session import Session, finish_boot
from pimem.board.text import to_text
from pimem.bringup import scripts
from pimem.bringup.result import FAILED, PASSED, SKIPPED, Step

#: Physical addresses that nothing answers at, by the SoC of board.json.
HOLES = {
    "BCM2711": (0xFD5D2F00, 0xFC000000, 0xFD500000),
    "BCM2837": (0x3F600000, 0x40000800),
    "QEMU virt": (0x09011000,),
}
#: The generic timer's rate on a real board, by SoC.
COUNTER_RATES = {"BCM2711": 54_000_000, "BCM2837": 19_200_000}
LOST = "The board was lost in this step."
SCRIPT_FAILED = "The script on the board raised an exception."
PASTE_PIECE = 256  # bytes sent at once
BYTES_A_SECOND = BAUD / 10  # start bit, eight bits, stop bit
LONGEST = 600.0  # seconds that a measurement may print nothing


@dataclass(frozen=True)
class Amounts:
    """How much of each measurement is done."""

    resets: int
    rounds: int
    paste: int  # bytes
    heap: int  # bytes that are live during the paste
    clock_seconds: float


def ask(session: Session, script: str, silence: float | None = None) -> Any:
    """Run a script of `scripts`; return what its last line of output says."""
    with session.link.in_raw_repl():
        return json.loads(session.link.run(script, silence=silence).strip().splitlines()[-1])


def judged(step: Step, problems: list[str], meaning: str) -> Step:
    step.status = FAILED if problems else PASSED
    step.printed = "; ".join(problems) or step.printed or "as expected"
    step.meaning = meaning if problems else ""
    return step


def facts(session: Session) -> Step:
    """Compare the machine's own description with what a board of this kind has."""
    step = Step("facts", "EL2, MMU on, RAM from the device tree, the counter's rate of the SoC")
    step.data = ask(session, scripts.FACTS)
    report, problems = step.data["report"], []
    if not report["mmu"] or report["safe_mode"]:
        problems.append(f"MMU {report['mmu']}, safe mode {report['safe_mode']!r}")
    absent = NO_MODEL.get(session.board.name, frozenset()) if session.machine else frozenset()
    missing = [name for name in report["missing"] if name not in absent]
    if missing:
        problems.append(f"devices that do not answer: {', '.join(missing)}")
    if session.machine is None:
        problems += real_facts(step.data)
    return judged(step, problems, "docs/hardware-day.md, `facts`, says what each value means.")


def real_facts(data: dict[str, Any]) -> list[str]:
    """Return what differs from a real board with a stock firmware."""
    report, problems = data["report"], []
    if report["entry_el"] != 2:
        problems.append(f"entered at EL{report['entry_el']}, not EL2")
    if report["ram_from"] != "device tree":
        problems.append(f"RAM from {report['ram_from']}: is the .dtb on the card?")
    rate = COUNTER_RATES.get(data["soc"])
    if rate and data["cntfrq"] != rate:
        problems.append(f"CNTFRQ_EL0 is {data['cntfrq']}, not {rate}")
    return problems


def health(session: Session) -> Step:
    step = Step("health", "memory.selftest() passes and memory.check() finds nothing")
    step.data = ask(session, scripts.HEALTH)
    problems = [step.data["selftest"]] if step.data["selftest"] else []
    problems += map(str, step.data["check"])
    return judged(step, problems, "Memory is not what was written to it, or a table is wrong.")


def probes(session: Session) -> Step:
    """Touch addresses that nothing answers at: None, False and an exception, and no crash.

    QEMU answers 0 for devices that it does not model: on an emulated board that is noted.
    """
    step = Step("probes", "a hole reads as None, refuses a write, and mem32 raises memory.Fault")
    step.data = {"holes": ask(session, scripts.PROBES.format(holes=HOLES[session.board.soc]))}
    problems = []
    for hole in step.data["holes"]:
        where = f"{hole['address']:#x}"
        if session.machine and hole["probe"] == 0:
            step.printed = f"as expected; QEMU answers for {where}"
            continue
        if hole["probe"] is not None:
            problems.append(f"{where} answers {hole['probe']:#x}")
        if hole["poke"]:
            problems.append(f"{where} takes a write")
        if "Fault" not in str(hole["mem32"]):
            problems.append(f"mem32[{where}] gave {hole['mem32']!r}")
    return judged(step, problems, "The bus answers where it was thought not to: send the values.")


def code(session: Session, rounds: int) -> Step:
    step = Step("code", f"{2 * rounds} functions written, mapped executable and called")
    step.data = ask(session, scripts.CODE.format(rounds=rounds), silence=LONGEST)
    wrong = step.data["number_wrong"]
    problems = [f"{wrong} calls ran old code, the first {step.data['wrong'][0]}"] if wrong else []
    return judged(step, problems, "Caches: an instruction fetch saw what was there before.")


def programs(session: Session, rounds: int) -> Step:
    step = Step("programs", f"{rounds} programs at EL0 end with the right value")
    step.data = ask(session, scripts.STEPS.format(rounds=rounds), silence=LONGEST)
    wrong = step.data["number_wrong"]
    return judged(step, [f"{wrong} wrong"] if wrong else [], "Caches, or a lost register.")


def resets(session: Session, count: int, say: Callable[[str], None]) -> Step:
    """Reset the board by its watchdog, again and again; each time it must be whole."""
    step = Step(
        "resets", f"{count} resets, each to the prompt, with memory.selftest() and check()"
    )
    problems = []
    for number in range(1, count + 1):
        say(f"reset {number} of {count}")
        with_reset(session)
        found = ask(session, scripts.HEALTH)
        if found["check"] or found["selftest"]:
            problems.append(f"after reset {number}: {found}")
    step.data = {"resets": count}
    return judged(step, problems, "Memory that a reset leaves dirty, or devices that keep state.")


def with_reset(session: Session) -> None:
    """Reset the board; return when it is at its prompt."""
    session.link.enter_raw_repl()
    session.link.paste(scripts.RESET.encode())
    finish_boot(session.link)


def send_paced(link: Link, data: bytes) -> None:
    """Send at the pace of a real line, which a pseudo-terminal does not have."""
    start = time.monotonic()
    for at in range(0, len(data), PASTE_PIECE):
        time.sleep(max(0.0, start + at / BYTES_A_SECOND - time.monotonic()))
        link.write(data[at : at + PASTE_PIECE])


def paste(session: Session, size: int, heap: int) -> Step:
    """Send `size` bytes while the board collects a heap of `heap` bytes."""
    step = Step("paste", f"{size} bytes arrive unharmed while {heap >> 20} MiB are collected")
    data = random.Random(1).randbytes(size)
    link = session.link
    with link.in_raw_repl():
        link.paste(scripts.PASTE.format(size=size, heap=heap).encode())
        link.read_until(b"READY\r\n", silence=LONGEST)
        send_paced(link, data)
        answer = to_text(link.read_until(b"\x04", silence=LONGEST)[:-1])
        errors = to_text(link.read_until(b"\x04")[:-1])
        link.read_until(b">")
    if errors:
        return judged(step, [errors.strip().splitlines()[-1]], SCRIPT_FAILED)
    step.data = json.loads(answer)
    problems = [] if step.data["crc"] == zlib.crc32(data) else ["the data is damaged"]
    uart = step.data["uart"]
    for name in ("overruns", "line_errors", "ring_full"):
        if uart.get(name):
            problems.append(f"{uart[name]} {name}")
    return judged(step, problems, "The interrupt is served too late, or the line is noisy.")


def clock(session: Session, seconds: float) -> Step:
    """Compare the processor's clock now and `seconds` later."""
    step = Step("clock", f"the processor's clock stays for {seconds:g} s")
    before = ask(session, scripts.CLOCK)
    if before is None:
        return skipped("clock", "this machine has no firmware to ask")
    time.sleep(seconds)
    after = ask(session, scripts.CLOCK)
    step.data = {"before": before, "after": after}
    step.printed = f"{before / 1e6:g} MHz, then {after / 1e6:g} MHz"
    changed = [f"it went from {before} to {after} Hz"] if before != after else []
    return judged(step, changed, "The firmware lowers it: `force_turbo`, power supply, heat.")


def attempt(name: str, check: Callable[[], Step]) -> Step:
    """Run a check; trouble with the board or the script is the step's failure."""
    try:
        return check()
    except ScriptError as exc:
        return Step(name, "no exception", FAILED, str(exc), SCRIPT_FAILED, {"text": exc.traceback})
    except BoardError as exc:
        return Step(name, "the board answers", FAILED, str(exc), LOST, {"text": exc.details()})


def skipped(name: str, reason: str) -> Step:
    return Step(name, "", SKIPPED, reason)
