# SPDX-License-Identifier: MIT
"""Kernels as beginners write them, each flawed and mended: built as such a kernel is built."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from programs import make_image

import pimem
from pimem.board import hwcheck

FOLDER = Path(__file__).parent / "kernels"
BUILD = pimem.BUILD / "hwcheck" / "kernels"
OPTIONS = (
    *("-O2", "-g", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-nostdlib", "-static"),
    *("-no-pie", "-fno-pie", "-mgeneral-regs-only", "-mstrict-align", "-mno-outline-atomics"),
    "-fno-tree-loop-distribute-patterns",  # no calls of memset
    *("-Wl,--build-id=none", "-Wl,--no-warn-rwx-segments"),
)


@dataclass(frozen=True)
class Kernel:
    name: str
    machine: str
    flawed: bool = False
    load: int | None = None

    def __str__(self) -> str:
        return f"{self.name}-{'flawed' if self.flawed else 'mended'}-{self.machine}"


def build(kernel: Kernel) -> Path:
    """Return the raw image; its ELF is beside it."""
    usual = hwcheck.ram_base(kernel.machine) + hwcheck.RAW_OFFSET
    load = usual if kernel.load is None else kernel.load
    folder = BUILD / f"{load:x}"
    folder.mkdir(parents=True, exist_ok=True)
    elf = folder / f"{kernel}.elf"
    options = [*OPTIONS, f"-D{kernel.machine.upper()}", *(["-DFLAWED"] if kernel.flawed else [])]
    options += [f"-Wl,-T,{FOLDER / 'kernel.ld'}", f"-Wl,--defsym=LOAD={load}"]
    make_image(elf, *options, *sources(kernel))
    return elf.with_suffix(".img")


def sources(kernel: Kernel) -> list[str]:
    return [str(FOLDER / "start.S"), str(FOLDER / f"{kernel.name}.c")]
