# SPDX-License-Identifier: MIT
"""What it means when a board does not come to its prompt, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

from pimem.board.link import BANNER
from pimem.bringup.listen import REPORT_LINES, Heard
from pimem.bringup.places import PLACES

EARLY_CRASH = "exception before the MMU is on"
SAFE_MODE = "safe mode"

NOTHING = """\
Nothing came. In this order: is the ground connected, RX to pin 8 and TX to pin 10, 3.3 V? Does a
loop of RX to TX at the adapter echo? Then `uart_2ndstage=1` in config.txt: if the firmware's own
messages appear, the wiring is right and the kernel was not started. The green LED blinks a
pattern when the firmware misses a file; a rainbow on a screen means that the firmware runs and the
kernel does not. A bring-up image (`make image BRINGUP=1`) blinks the LED once for each place that
it passes."""
GARBAGE = """\
Bytes came, but no text: the UART's rate is not the terminal's. config.txt needs
`init_uart_clock=48000000` and `enable_uart=1`; measure the length of a bit on pin 8 (8.68 us at
115200 baud) and report it with `pimem ports` and the firmware's release."""
FIRMWARE_ONLY = """\
Text came, but not from this kernel: the firmware talks (`uart_2ndstage=1`), and the kernel did not
start or could not print. Its last lines name the file that it loads: it should be kernel8.img at
0x80000. A bring-up image (`make image BRINGUP=1`) tells more."""


@dataclass(frozen=True)
class Verdict:
    """How far a board came."""

    reached: str  # the last place that it passed
    problem: str  # '' at a prompt that is in order
    advice: str = ""

    @property
    def ok(self) -> bool:
        return not self.problem


def judge(heard: Heard) -> Verdict:
    """Return how far the board came and what stopped it."""
    if heard.at_prompt:
        return at_prompt(heard)
    if not heard.data:
        return Verdict("nothing", heard.trouble or "no output", NOTHING)
    if not heard.readable:
        return Verdict("unknown", "unreadable output", GARBAGE)
    if heard.crash:
        return crashed(heard)
    if heard.report_lines:
        return in_report(heard)
    if heard.place:
        return stopped(heard.place, heard.trouble or "it stopped")
    return Verdict("firmware", heard.trouble or "no output of the kernel", FIRMWARE_ONLY)


def at_prompt(heard: Heard) -> Verdict:
    if SAFE_MODE in heard.text.lower():
        line = next(line for line in heard.text.splitlines() if SAFE_MODE in line.lower())
        return Verdict(
            "prompt",
            line.strip(),
            "The kernel's address space was not built: the "
            "traceback above says why. Send it in with the device tree.",
        )
    return Verdict("prompt", "")


def stopped(number: int, how: str) -> Verdict:
    """Judge a boot that ended after the place of this number (from 1)."""
    if number > len(PLACES):
        return Verdict(f"place {number}", f"{how} after a place that this release does not have")
    place = PLACES[number - 1]
    return Verdict(place.name, f"{how} while it {place.then}", place.stopped)


def crashed(heard: Heard) -> Verdict:
    """Judge a crash report: by its place, which it names itself, or by the last one shown."""
    assert heard.crash
    report = heard.crash.report
    cause = f"crash ({report.get('cause', 'unknown cause')})"
    number = int(report.get("place") or heard.place)
    if number:
        return stopped(number, cause)
    if report.get("cause") == EARLY_CRASH:
        return Verdict("entry", cause, PLACES[3].stopped)
    return Verdict("unknown", cause, "Send the whole crash report in.")


def in_report(heard: Heard) -> Verdict:
    """Judge a boot that ended after a line of its report."""
    last = heard.report_lines[-1]
    if BANNER in heard.data:
        return Verdict("banner", "it stopped before the first prompt", "boot.py or main.py runs?")
    kind = next((kind.strip() for kind in REPORT_LINES if last.startswith(kind)), "first")
    return Verdict(
        PLACES[-1].name,
        f"it stopped after the report's line {kind!r}",
        f"The last whole line was {last!r}.",
    )
