# SPDX-License-Identifier: MIT
"""Starts a kernel as a board's firmware does: by the stub of firmware/stub.S, in QEMU."""

from __future__ import annotations

import functools
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import device_trees
from device_trees import MODELS, Ranges
from socs import soc_of

from pimem.board.boards import Board
from pimem.board.qemu import loader_args
from pimem.testing import board_session

GCC = "aarch64-linux-gnu-gcc"
OBJCOPY = "aarch64-linux-gnu-objcopy"
SOURCE = Path(__file__).with_name("firmware") / "stub.S"
PARAMETERS_AT = 8
WRITE_PAIRS = 32
#: The first page of a Pi: the jump to the stub, the cores' words at 0xa0, the spin table at 0xd8.
#: The loader writes it again at a reset.
HEAD_SIZE = 0x100
MIB = 1 << 20
#: Where recent firmware puts the device tree: high, and below 752 MiB.
USUAL_DTB = 0x2EFF0000
#: RAM of a board with its usual share for VideoCore, 76 MiB, or 64 of 512.
FIRST_BANK = (0, 0x3B400000)
RAM: dict[str, Ranges] = {
    "raspi3b": (FIRST_BANK,),
    "raspi3ap": ((0, 0x1C000000),),
    "raspi4b": (FIRST_BANK, (0x40000000, 0x40000000)),
}
STUB_PAGE: Ranges = ((0, 0x1000),)


@dataclass(frozen=True)
class Firmware:
    """What a SoC's own stub knows; 0 where the SoC has no such thing."""

    at: int  # where the stub's code is
    frequency: int = 0  # of the counter
    gicd: int = 0
    gicc: int = 0
    local: int = 0


FIRMWARE = {
    "BCM2837": Firmware(0x60000, 19_200_000, local=0x40000000),
    "BCM2711": Firmware(0x60000, 54_000_000, 0xFF841000, 0xFF842000, 0xFF800000),
    "QEMU virt": Firmware(0x47FF0000, 62_500_000, 0x08000000, 0x08010000),
}


@dataclass(frozen=True)
class Start:
    """How the stub starts the kernel."""

    dtb: bytes | None = None
    dtb_at: int = 0
    kernel_at: int = 0  # 0: the usual place
    entry_el: int = 2
    frequency: int = 0  # 0: the SoC's
    timers: bool = False  # running, and expired
    serror: bool = False  # pending; with entry_el=1
    junk: bool = False  # in every register that the boot protocol leaves free; DAIF is clear
    writes: Ranges = ()  # (address, value) of device registers
    files: tuple[tuple[Path, int], ...] = ()  # what else is in memory, such as an initrd


def compile_raw(source: Path, target: Path, address: int, flags: Sequence[str] = ()) -> Path:
    """Assembles to the bytes that belong at `address`; the ELF stays beside them."""
    elf = target.with_suffix(".elf")
    link = [f"-Wl,-Ttext={address:#x}", "-Wl,--build-id=none", "-o", str(elf)]
    subprocess.run(
        [GCC, "-nostdlib", "-static", "-no-pie", *flags, *link, str(source)], check=True
    )
    subprocess.run([OBJCOPY, "-O", "binary", "-j", ".text", str(elf), str(target)], check=True)
    return target


@functools.cache
def code() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return compile_raw(SOURCE, Path(folder) / "stub.bin", 0).read_bytes()


def pairs(ranges: Ranges, room: int) -> bytes:
    assert len(ranges) < room
    flat = [number for pair in ranges for number in pair]
    return struct.pack(f"<{2 * room}Q", *flat, *[0] * (2 * room - len(flat)))


def usual_kernel(board: Board) -> int:
    return soc_of(board).ram + 0x80000


def patched(board: Board, start: Start) -> bytes:
    """The stub's code with its parameters."""
    firmware = FIRMWARE[board.soc]
    parameters = struct.pack(
        "<10Q",
        start.kernel_at or usual_kernel(board),
        start.dtb_at,
        start.frequency or firmware.frequency,
        start.entry_el,
        firmware.gicd,
        firmware.gicc,
        firmware.local,
        start.timers,
        start.serror,
        start.junk,
    )
    parameters += pairs(start.writes, WRITE_PAIRS)
    return code()[:PARAMETERS_AT] + parameters + code()[PARAMETERS_AT + len(parameters) :]


def head(target: int) -> bytes:
    """The first bytes of a Pi's memory, where every core starts: ldr x0, [pc, 8]; br x0."""
    return struct.pack("<IIQ", 0x58000040, 0xD61F0000, target).ljust(HEAD_SIZE, b"\0")


def start_args(board: Board, folder: Path, start: Start, kernel: Path | None = None) -> list[str]:
    """QEMU's options that start the stub on every core, with all else in place. `kernel`: another
    one than the board's."""
    at = FIRMWARE[board.soc].at
    body = folder / "stub.bin"
    body.write_bytes(patched(board, start))
    kernel = kernel or board_session.kernel(board)
    args = loader_args(kernel, start.kernel_at or usual_kernel(board))
    if soc_of(board).ram == 0:
        first = folder / "stub-head.bin"
        first.write_bytes(head(at))
        args += loader_args(first, 0, cpu=0) + loader_args(body, at)
    else:
        args += loader_args(body, at, cpu=0)
    if start.dtb is not None:
        path = folder / "stub.dtb"
        path.write_bytes(start.dtb)
        args += loader_args(path, start.dtb_at)
    for path, address in start.files:
        args += loader_args(path, address)
    return args


def counter_args(board: Board, frequency: int = 0) -> tuple[str, str]:
    """The counter really runs at this rate, the SoC's by default."""
    core = "cortex-a53" if soc_of(board).part == 0xD03 else "cortex-a72"
    rate = frequency or FIRMWARE[board.soc].frequency
    return ("-global", f"{core}-arm-cpu.cntfrq={rate}")


def usual_tree(board: Board, banks: Ranges = ()) -> bytes:
    """The tree of a Pi, as far as memory goes: one address cell on a Pi 3, two on a Pi 4."""
    cells = 1 if board.soc == "BCM2837" else 2
    tree = device_trees.pi(*MODELS[board.soc], ())
    reg = device_trees.reg(banks or RAM[board.machine], cells, 1)
    tree |= {"#address-cells": cells, "memory@0": {"device_type": "memory", "reg": reg}}
    return device_trees.build(tree, reserve=STUB_PAGE)


def usual_start(board: Board, folder: Path) -> list[str]:
    """As the board's own firmware starts it, tree and counter included."""
    at = USUAL_DTB if board.machine != "raspi3ap" else 0x1BFF0000
    start = Start(usual_tree(board), at)
    return [*start_args(board, folder, start), *counter_args(board)]
