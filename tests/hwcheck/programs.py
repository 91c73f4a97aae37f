# SPDX-License-Identifier: MIT
"""Bare-metal programs that break one rule of the hardware checker, or keep it: built and run."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from limits import wait_for

import pimem
from pimem.board import boards
from pimem.board.hwcheck import Violation
from pimem.board.qemu import Qemu, kernel_args
from pimem.board.qmp import QmpError
from pimem.board.symbols import binutil

FOLDER = Path(__file__).parent / "programs"
BUILD = pimem.BUILD / "hwcheck" / "programs"
RAM_BASE = {"RPI3": 0, "RPI4": 0, "QEMU_VIRT": 0x40000000}
SEMIHOSTING = ("-semihosting-config", "enable=on,target=native")


@dataclass(frozen=True)
class Program:
    """One variant of a program; BAD=0 keeps all rules."""

    name: str
    bad: int
    rules: frozenset[str]
    boards: tuple[str, ...] = tuple(RAM_BASE)

    def __str__(self) -> str:
        return f"{self.name}-{self.bad}" if self.bad else f"{self.name}-good"


def variants(path: Path) -> list[Program]:
    text = path.read_text()
    named = re.search(r"^// BOARDS: (.+)$", text, re.MULTILINE)
    boards = tuple(named[1].split()) if named else tuple(RAM_BASE)
    listed = [("0", ""), *re.findall(r"^// BAD=(\d+): (.+)$", text, re.MULTILINE)]
    return [
        Program(path.stem, int(bad), frozenset(rules.split()), boards) for bad, rules in listed
    ]


def programs() -> list[Program]:
    return [each for path in sorted(FOLDER.glob("*.S")) for each in variants(path)]


def make_image(elf: Path, *options: str) -> None:
    """Make an ELF and its raw image, whole at any time: other processes make and use them too."""
    image = elf.with_suffix(".img")
    new = [path.with_name(f"{path.name}.{os.getpid()}") for path in (elf, image)]
    binutil("gcc", *options, "-o", str(new[0]))
    binutil("objcopy", "-O", "binary", *map(str, new))
    for path, made in zip((elf, image), new, strict=True):
        made.replace(path)


def build(program: Program, board: str) -> tuple[Path, Path]:
    """Return the raw image and the ELF."""
    BUILD.mkdir(parents=True, exist_ok=True)
    elf = BUILD / f"{program}-{board}.elf"
    image = elf.with_suffix(".img")
    options = ["-nostdlib", "-static", "-no-pie", "-g", f"-DBAD={program.bad}", f"-D{board}"]
    options += [f"-Wl,-T,{FOLDER / 'program.ld'}", f"-Wl,--defsym=RAM_BASE={RAM_BASE[board]}"]
    options += ["-Wl,--build-id=none", "-Wl,--no-warn-rwx-segments", "-march=armv8-a+crypto"]
    make_image(elf, *options, str(FOLDER / f"{program.name}.S"))
    return image, elf


def run(program: Program, board: str) -> list[Violation]:
    """Run it to its end; return what was reported."""
    image, elf = build(program, board)
    machine = Qemu(
        boards.load(board), kernel_args(image), hardware_check=True, reboot=True, extra=SEMIHOSTING
    )
    with machine:
        with contextlib.suppress(QmpError):  # the program may have ended before the answer
            machine.resume()
        wait_for(lambda: not machine.running(), lambda: f"{program}: {machine.registers()}")
        ended = machine.ended() or ""
        if "status 0" not in ended:
            raise subprocess.SubprocessError(f"{program} on {board}: {ended}")
        return machine.violations(elf)
