# SPDX-License-Identifier: MIT
"""Every way to start the kernel on every machine, or why there is none; a plugin of pytest that
prints them as a table.

`make test` ends with the table: machine x way, and what came of it. test_boot_ways.py runs them.
"""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from boot_stub import (
    RAM,
    USUAL_DTB,
    Start,
    compile_raw,
    counter_args,
    start_args,
    usual_kernel,
    usual_start,
    usual_tree,
)

from pimem.board import boards
from pimem.board.boards import Board
from pimem.board.qemu import kernel_args
from pimem.setup.packages import qemu_program
from pimem.testing import board_session

PROPERTY = "boot way"  # of a test's report: machine and way
MIB = 1 << 20
NO_MAILBOX = "board default"
TREE = "device tree"
QEMU_BANK = [[0, 0x3C000000]]  # what QEMU writes over a Pi's memory node, and its mailbox says
VIRT_BANK = [[0x40000000, 0x48000000]]
VIRT_STUB_DTB = 0x44000000
VIRT_STUB_KERNEL = 0x40200000


@dataclass(frozen=True)
class Way:
    """How a machine is started, and what the kernel has to find."""

    args: Callable[[Board, Path], list[str]]
    el: int
    ram_from: str
    ram: list[list[int]] | None = None
    machine: str = ""  # of QEMU; "": the board's


def raw(board: Board, folder: Path) -> list[str]:
    return kernel_args(board_session.kernel(board))


def raw_with_tree(board: Board, folder: Path) -> list[str]:
    path = folder / "pi.dtb"
    path.write_bytes(usual_tree(board))
    return kernel_args(board_session.kernel(board), path)


def elf(board: Board, folder: Path) -> list[str]:
    """An ELF at physical addresses: QEMU then enters it at EL3, and every core at once."""
    source = folder / "wrap.S"
    source.write_text(f'.text\n.global _start\n_start:\n.incbin "{board_session.kernel(board)}"\n')
    at = VIRT_STUB_KERNEL if board.family == "virt" else usual_kernel(board)
    compile_raw(source, folder / "wrap.bin", at)
    return kernel_args(folder / "wrap.elf")


def el1(board: Board, folder: Path) -> list[str]:
    at = USUAL_DTB if board.machine != "raspi3ap" else 0x1BFF0000
    start = Start(usual_tree(board), at, entry_el=1)
    return [*start_args(board, folder, start), *counter_args(board)]


def virt_tree(board: Board, folder: Path) -> bytes:
    """The device tree that QEMU makes for a machine of this kind."""
    path = folder / "virt.dtb"
    command = [qemu_program(), "-M", f"{board.machine},dumpdtb={path}", *board.qemu_args]
    subprocess.run([*command, "-display", "none"], check=True, capture_output=True)
    return path.read_bytes()


def virt_stub(board: Board, folder: Path) -> list[str]:
    tree = virt_tree(board, folder)
    return start_args(board, folder, Start(tree, VIRT_STUB_DTB, VIRT_STUB_KERNEL))


SECURE = "virt,secure=on,virtualization=on"
STUB, RAW, RAW_TREE, ELF, EL1 = "stub at EL3", "raw", "raw, tree", "ELF at EL3", "EL1"
WAYS = (STUB, RAW, RAW_TREE, ELF, EL1)


def pi(machine: str) -> dict[str, Way | str]:
    banks = [[start, start + size] for start, size in RAM[machine]]
    whole = banks if machine == "raspi3ap" else QEMU_BANK
    return {
        STUB: Way(usual_start, 2, TREE, banks),
        RAW: Way(raw, 2, "mailbox", whole),
        RAW_TREE: Way(raw_with_tree, 2, TREE, whole),
        ELF: Way(elf, 3, "mailbox", whole),
        EL1: Way(el1, 1, TREE, banks),
    }


#: By machine and way: how it is done, or why it is not.
TABLE: dict[str, dict[str, Way | str]] = {
    "RPI3": pi("raspi3b"),
    "RPI3 512 MiB": pi("raspi3ap"),
    "RPI4": pi("raspi4b"),
    "QEMU_VIRT": {
        STUB: Way(virt_stub, 2, TREE, VIRT_BANK, SECURE),
        RAW: "QEMU gives a raw image its tree",
        RAW_TREE: Way(raw, 2, TREE, VIRT_BANK, "virt,virtualization=on"),
        ELF: Way(elf, 3, NO_MAILBOX, VIRT_BANK, SECURE),
        EL1: Way(raw, 1, TREE, VIRT_BANK),
    },
}


def board_of(machine: str, way: Way | None = None) -> Board:
    board = boards.load(machine.split()[0])
    if machine.endswith("512 MiB"):
        board = dataclasses.replace(board, machine="raspi3ap", qemu_args=["-m", "512M"])
    if machine.endswith("5 GiB"):
        board = dataclasses.replace(board, qemu_args=[*board.qemu_args, "-m", "5G"])
    if way is not None and way.machine:
        board = dataclasses.replace(board, machine=way.machine)
    return board


def rows() -> Iterator[tuple[str, str]]:
    for machine, ways in TABLE.items():
        for name, way in ways.items():
            if isinstance(way, Way):
                yield machine, name


def table(results: dict[tuple[str, str], str]) -> list[str]:
    """Machine x way in columns, then the reasons for what there is not."""
    width = max(map(len, TABLE)) + 2
    lines = ["".join([" " * width, *(f"{way:14}" for way in WAYS)]).rstrip()]
    reasons = []
    for machine, ways in TABLE.items():
        cells = [results.get((machine, way), "not run") for way in WAYS]
        for n, way in enumerate(WAYS):
            if isinstance(reason := ways[way], str):
                cells[n] = "-"
                reasons.append(f"  - {machine}, {way}: {reason}")
        lines.append("".join([f"{machine:{width}}", *(f"{cell:14}" for cell in cells)]).rstrip())
    return lines + reasons


class Collector:
    """Collects results in the process that prints: reports of workers arrive there too."""

    def __init__(self) -> None:
        self.results: dict[tuple[str, str], str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in report.user_properties:
            if name == PROPERTY and (report.when == "call" or report.failed):
                machine, way, detail = value
                self.results[machine, way] = detail if report.passed else "FAILED"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.results:
            terminalreporter.section("every way to boot")
            for line in table(self.results):
                terminalreporter.line(line)


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Collector())
