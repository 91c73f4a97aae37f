# SPDX-License-Identifier: MIT
"""Bugs planted into the built image, one at a time: instructions become NOPs or change places, and
the hardware checker has to report it by its rule. This file, run as a program, plants them and
prints a table: plant, rule, what was reported, what QEMU alone noticed.

`plants.toml` beside this file has, for each, the function, the instruction (its text, or the
function that it calls) and which one of those it is.
"""

from __future__ import annotations

import argparse
import contextlib
import fnmatch
import re
import struct
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from plant_workloads import WORKLOADS, Workload

from pimem.board import boards
from pimem.board.boards import Board
from pimem.board.errors import BoardError
from pimem.board.hwcheck import Violation
from pimem.board.symbols import binutil
from pimem.exits import FAILED, OK
from pimem.testing import board_session

LISTED = Path(__file__).with_name("plants.toml")
LINKED_AT = 0xFFFF008000080000  # the first byte of the image
NOP, RET = 0xD503201F, 0xD65F03C0
BRANCH_MASK, BRANCH = 0x7C000000, 0x14000000  # B and BL
OFFSET_MASK = 0x03FFFFFF
NOTHING, NEWLINE = "nothing", "\n"

Functions = dict[str, list[tuple[int, str]]]


@dataclass(frozen=True)
class Plant:
    """One instruction that is left out, or changes places with another one of its function. `nth`
    0: all that fit are left out. `rule` "" is silent, and `reason` says why."""

    function: str  # or a pattern of names
    instruction: str
    nth: int
    rule: str = ""
    reason: str = ""
    swap: str = ""  # the other instruction, and which one
    workload: str = "tables"

    def __str__(self) -> str:
        other = f" <-> {self.swap}" if self.swap else ""
        return f"{self.function}, {self.instruction} {self.nth or 'all'}{other}"


@dataclass(frozen=True)
class Outcome:
    """What came of a run."""

    violations: Sequence[Violation]
    said: str
    failure: str = ""  # how the run failed

    @property
    def rules(self) -> list[str]:
        return list(dict.fromkeys(each.rule for each in self.violations))


def plants() -> list[Plant]:
    return [Plant(**each) for each in tomllib.loads(LISTED.read_text())["plant"]]


def disassembly(elf: Path) -> Functions:
    """Return address and text of each instruction, by function."""
    found: Functions = {}
    lines: list[tuple[int, str]] = []
    for line in binutil("objdump", "-d", "--no-show-raw-insn", str(elf)).splitlines():
        if start := re.fullmatch(r"[0-9a-f]+ <(.+)>:", line):
            name = start[1].partition(".")[0]  # the compiler adds ".part.0" and the like
            lines = found.setdefault(name, [])
        elif insn := re.match(r"\s*([0-9a-f]+):\s+(.+)", line):
            lines.append((int(insn[1], 16), " ".join(insn[2].split())))
    return found


def fits(text: str, instruction: str) -> bool:
    called = re.fullmatch(r"bl? [0-9a-f]+ <(.+)>", text)
    return text == instruction or bool(called and called[1] == instruction)


def found(functions: Functions, function: str, instruction: str, nth: int) -> list[int]:
    """Return the addresses of an instruction: one, none, or with `nth` 0 all."""
    at = [
        address
        for name, lines in functions.items()
        if fnmatch.fnmatchcase(name, function)
        for address, text in lines
        if fits(text, instruction)
    ]
    return at if nth == 0 else at[nth - 1 : nth]


def places(plant: Plant, functions: Functions) -> list[int]:
    """Return the addresses of the instructions; none: the image does not have them all."""
    first = found(functions, plant.function, plant.instruction, plant.nth)
    if not plant.swap:
        return first
    text, _, nth = plant.swap.rpartition(" ")
    second = found(functions, plant.function, text, int(nth))
    return first + second if first and second else []


def moved(word: int, by: int) -> int:
    """Return an instruction for another address, `by` bytes on."""
    if word & BRANCH_MASK != BRANCH:
        return word
    return word & ~OFFSET_MASK | (word - by // 4) & OFFSET_MASK


def planted(image: bytes, plant: Plant, at: Sequence[int]) -> bytes:
    """Return the image with the bug in it."""
    changed = bytearray(image)
    words = [struct.unpack_from("<I", image, each - LINKED_AT)[0] for each in at]
    if plant.swap:
        by = at[1] - at[0]
        new = [moved(words[1], -by), moved(words[0], by)]
    else:  # a call at the end of a function is a B
        new = [RET if word >> 26 == BRANCH >> 26 else NOP for word in words]
    for each, word in zip(at, new, strict=True):
        struct.pack_into("<I", changed, each - LINKED_AT, word)
    return bytes(changed)


def run(board: Board, image: bytes, workload: Workload, checked: bool = True) -> Outcome:
    """Boot the image, and have it do the workload."""
    said = failure = ""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kernel8.img"
        path.write_bytes(image)
        machine = workload.start(board, path, Path(folder), checked)
        try:
            board_session.wait_for_prompt(machine)
            machine.link.enter_raw_repl()
            said = workload.work(machine)
        except (BoardError, TimeoutError) as exc:
            traceback = getattr(exc, "traceback", "").strip()
            failure = f"{type(exc).__name__} {traceback.rpartition(NEWLINE)[2]}".strip()
        qemu = machine.emulated()
        reports = qemu.violations(board_session.elf(board)) if checked else []
        with contextlib.suppress(BoardError):
            machine.close()
    return Outcome(reports, said, failure)


def run_plant(plant: Plant, functions: Functions, board: str = "RPI4") -> Outcome:
    found = boards.load(board)
    image = board_session.kernel(found).read_bytes()
    return run(found, planted(image, plant, places(plant, functions)), WORKLOADS[plant.workload])


def as_expected(plant: Plant, outcome: Outcome) -> bool:
    return plant.rule in outcome.rules if plant.rule else not outcome.rules


class Table:
    """Runs plants of one board, and tells of each."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.image = board_session.kernel(board).read_bytes()
        self.functions = disassembly(board_session.elf(board))
        self._usual: dict[str, str] = {}

    def usual(self, name: str) -> str:
        """Return what a workload says without a bug; RuntimeError where that is not clean."""
        if name not in self._usual:
            outcome = run(self.board, self.image, WORKLOADS[name])
            if outcome.failure or outcome.violations:
                problems = [outcome.failure, *map(str, outcome.violations)]
                raise RuntimeError(f"{name}, without a bug: " + "\n".join(filter(None, problems)))
            self._usual[name] = outcome.said
        return self._usual[name]

    def noticed(self, plant: Plant, image: bytes) -> str:
        """Return what QEMU without the checker shows of a bug."""
        plain = run(self.board, image, WORKLOADS[plant.workload], checked=False)
        if plain.failure:
            return f"test failed: {plain.failure}"
        return NOTHING if plain.said == self.usual(plant.workload) else "test failed: output"

    def row(self, plant: Plant) -> tuple[bool, str]:
        """Return whether it is as expected, and the line of the table."""
        at = places(plant, self.functions)
        if not at:
            return False, f"| {plant} | {plant.workload} | not in the image | | |"
        self.usual(plant.workload)
        image = planted(self.image, plant, at)
        outcome = run(self.board, image, WORKLOADS[plant.workload])
        good = as_expected(plant, outcome)
        rules = " ".join(outcome.rules) or NOTHING
        expected = plant.rule or f"none: {plant.reason}"
        mark = "" if good else "**WRONG** "
        cells = [str(plant), plant.workload, expected, mark + rules, self.noticed(plant, image)]
        return good, f"| {' | '.join(cells)} |"


HEAD = """\
| left out, or exchanged | workload | rule | reported | plain QEMU noticed |
|---|---|---|---|---|"""


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="only plants with one of these in their name")
    parser.add_argument("--board", default="RPI4", choices=boards.names())
    args = parser.parse_args(argv)
    table = Table(boards.load(args.board))
    wanted = [
        each
        for each in plants()
        if (not args.names or any(name in str(each) for name in args.names))
        and (args.board in board_session.PIS or not WORKLOADS[each.workload].pi)
    ]
    wrong = 0
    print(HEAD, flush=True)
    for plant in wanted:
        good, line = table.row(plant)
        wrong += not good
        print(line, flush=True)
    print(f"\n{len(wanted) - wrong} of {len(wanted)} plants as expected on {args.board}")
    return FAILED if wrong else OK


if __name__ == "__main__":
    sys.exit(main())
