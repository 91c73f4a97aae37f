# SPDX-License-Identifier: MIT
"""The test image: the usual one with the module _memtest (tests/firmware)."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from socs import soc_of

from pimem.board import boards
from pimem.board.boards import Board
from pimem.board.qemu import kernel_args
from pimem.testing.board_session import image_folder

IMAGE_LINK = 0xFFFF_0080_0000_0000  # LAYOUT_IMAGE of layout.h
FAIL_MAGIC = 0x6D656D7465737400
FAILURES = ("switch", "mailbox", "intc", "uart", "gpio", "watchdog", "silent_mailbox")


def kernel(board: Board) -> Path:
    """The test image of a board; its absence is an error, never a reason to skip."""
    path = image_folder(board).with_name(f"{board.image}-memtest") / "kernel8.img"
    if not path.is_file():
        raise FileNotFoundError(f"no image {path}: `make memtest-{board.image}` builds it")
    return path


def start_args(name: str, *failures: str) -> list[str]:
    """Starts the test image and has its boot go wrong in the ways named (memtest.c, FAIL_...)."""
    board = boards.load(name)
    image = kernel(board)
    args = kernel_args(image)
    if failures:
        value = FAIL_MAGIC | sum(1 << FAILURES.index(each) for each in failures)
        pa = physical_address(board, "memtest_failures")
        args += ["-device", f"loader,addr={pa:#x},data={value:#x},data-len=8"]
    return args


def physical_address(board: Board, symbol: str) -> int:
    """The physical address of a symbol: QEMU loads the image where RAM begins."""
    elf = kernel(board).with_name("firmware.elf")
    return address_of(elf, symbol) - IMAGE_LINK + soc_of(board).ram


def address_of(elf: Path, symbol: str) -> int:
    """Where the linker put a symbol."""
    prefix = os.environ.get("CROSS_COMPILE") or "aarch64-linux-gnu-"
    listed = subprocess.run(
        [f"{prefix}nm", str(elf)], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    (found,) = (line.split()[0] for line in listed.splitlines() if line.endswith(f" {symbol}"))
    return int(found, 16)
