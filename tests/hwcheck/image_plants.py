# SPDX-License-Identifier: MIT
"""Bugs planted into the built image, one at a time: one instruction becomes a NOP, and the
hardware checker has to report it by its rule. This file, run as a program, plants all of
them.

`plants.toml` beside this file has, for each, the function, the instruction (its text, or the
function that it calls) and which one of those it is.
"""

from __future__ import annotations

import contextlib
import re
import struct
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

from pimem.board import boards
from pimem.board.errors import BoardError
from pimem.board.hwcheck import Violation
from pimem.board.qemu import kernel_args
from pimem.board.symbols import binutil
from pimem.testing import board_session

LISTED = Path(__file__).with_name("plants.toml")
NOP = struct.pack("<I", 0xD503201F)
WORKLOAD = """
import machine, memory, _memory
VA = 0x40_0000_0000
BIG = VA + (1 << 30)
KERNEL = _memory.layout["free"][0] + (1 << 30)
frames = [memory.frames.alloc() for _ in range(4)]
big = memory.frames.alloc(512, align=512)
with memory.AddressSpace() as space, memory.AddressSpace() as other:
    space.map(VA, frames[0])
    other.map(VA, frames[1])
    space.map(BIG, big)
    with space:
        memory.selftest()
        machine.mem32[BIG] = 1
        space.protect(BIG + 4096, 4096, "r")
        machine.mem32[BIG]
        space.protect(BIG + 4096, 4096, "rw")
        machine.mem32[BIG]
        space.compact()
        machine.mem32[BIG]
        space.unmap(BIG, 2 << 20)
        space.protect(VA, 4096, "r")
        space.unmap(VA, 4096)
        space.map(VA, frames[2])
        machine.mem32[VA]
    with other:
        other.unmap(VA, 4096)
for frame in frames[2:]:
    memory.kernel.map(KERNEL, frame)
    machine.mem32[KERNEL]
    memory.kernel.unmap(KERNEL, 4096)
memory.kernel.map(KERNEL, big)
memory.kernel.protect(KERNEL + 4096, 4096, "r")
machine.mem32[KERNEL]
memory.kernel.unmap(KERNEL, 2 << 20)
# mov x0, #7; ret, then another number in the same place
code = memory.frames.alloc()
for number in 7, 8:
    machine.mem32[0xFFFF_0000_0000_0000 + code.pa] = 0xD2800000 | number << 5
    machine.mem32[0xFFFF_0000_0000_0004 + code.pa] = 0xD65F03C0
    memory.kernel.map(KERNEL, code, prot="rx")
    memory.call(KERNEL)
    memory.kernel.unmap(KERNEL, 4096)
"""


@dataclass(frozen=True)
class Plant:
    """One instruction that is left out; `rule` "" is silent, and `reason` says why."""

    function: str
    instruction: str
    nth: int
    rule: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.function}, {self.instruction} {self.nth}"


def plants() -> list[Plant]:
    return [Plant(**each) for each in tomllib.loads(LISTED.read_text())["plant"]]


def disassembly(elf: Path) -> dict[str, list[tuple[int, str]]]:
    """Return address and text of each instruction, by function."""
    found: dict[str, list[tuple[int, str]]] = {}
    lines: list[tuple[int, str]] = []
    for line in binutil("objdump", "-d", "--no-show-raw-insn", str(elf)).splitlines():
        if start := re.fullmatch(r"[0-9a-f]+ <(.+)>:", line):
            name = start[1].partition(".")[0]  # the compiler adds ".part.0" and the like
            lines = found.setdefault(name, [])
        elif insn := re.match(r"\s*([0-9a-f]+):\s+(.+)", line):
            lines.append((int(insn[1], 16), " ".join(insn[2].split())))
    return found


def place(plant: Plant, functions: dict[str, list[tuple[int, str]]]) -> int | None:
    """Return the address of the instruction; None: the image does not have it."""
    called = f"<{plant.instruction}>"
    fits = [
        at
        for at, text in functions.get(plant.function, [])
        if text == plant.instruction or (text.startswith("bl ") and text.endswith(called))
    ]
    return fits[plant.nth - 1] if 0 < plant.nth <= len(fits) else None


def run(at: int | None, board: str = "RPI4") -> tuple[list[Violation], str]:
    """Boot the image without this instruction; return what was reported, and how it ended."""
    image = bytearray(board_session.kernel(boards.load(board)).read_bytes())
    elf = board_session.elf(boards.load(board))
    ended = "as without the bug"
    with tempfile.NamedTemporaryFile(suffix=".img") as file:
        if at is not None:
            offset = at - 0xFFFF008000080000
            image[offset : offset + 4] = NOP
        file.write(image)
        file.flush()
        machine = board_session.start(board, kernel_args(Path(file.name)), hardware_check=True)
        try:
            board_session.wait_for_prompt(machine)
            machine.link.enter_raw_repl()
            machine.exec(WORKLOAD, timeout=20)
        except (BoardError, TimeoutError) as exc:
            ended = type(exc).__name__
        violations = machine.emulated().violations(elf)
        with contextlib.suppress(BoardError):
            machine.close()
    return violations, ended


def main(names: list[str]) -> int:
    functions = disassembly(board_session.elf(boards.load("RPI4")))
    wrong = 0
    for plant in plants():
        if names and not any(name in str(plant) for name in names):
            continue
        at = place(plant, functions)
        if at is None:
            print(f"{plant}: not in the image", flush=True)
            wrong += 1
            continue
        violations, ended = run(at)
        rules = list(dict.fromkeys(each.rule for each in violations))
        fits = plant.rule in rules if plant.rule else not rules
        wrong += not fits
        print(
            f"{'as expected' if fits else 'WRONG'} | {plant} | {plant.rule or plant.reason} | "
            f"{' '.join(rules) or 'nothing'} | QEMU: {ended}",
            flush=True,
        )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
