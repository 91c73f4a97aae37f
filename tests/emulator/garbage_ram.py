# SPDX-License-Identifier: MIT
"""RAM of an emulated board that is full of 0xA5 at power-on, as real RAM is full of something.

QEMU maps a file of ours copy-on-write: nothing is written for a boot, and a reset keeps what the
run before left there.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator

from pimem.board.boards import Board

MIB = 1 << 20
USUAL = (
    192 * MIB
)  # what is filled unless all of it is: the machine that runs the tests has to hold it
SIZES = {"raspi3b": 1 << 30, "raspi3ap": 512 * MIB, "raspi4b": 2 << 30, "virt": 128 * MIB}
BYTE = b"\xa5"


def file(size: int, filled: int) -> int:
    """A file in memory, of a descriptor of this process."""
    fd = os.memfd_create("garbage")
    os.ftruncate(fd, size)
    for _ in range(filled // MIB):
        os.write(fd, BYTE * MIB)
    return fd


@functools.cache
def usual_file(size: int) -> int:
    return file(size, min(size, USUAL))


def ram_size(board: Board) -> int:
    """What the machine has, by its options."""
    size = SIZES[board.machine.partition(",")[0]]
    for option, value in zip(board.qemu_args, board.qemu_args[1:], strict=False):
        if option == "-m":
            size = int(value[:-1]) * {"M": MIB, "G": 1 << 30}[value[-1]]
    return size


@contextlib.contextmanager
def args(board: Board, whole: bool = False) -> Iterator[tuple[str, ...]]:
    """QEMU's options that give the board such RAM."""
    size = ram_size(board)
    fd = file(size, size) if whole else usual_file(size)
    path = f"/proc/{os.getpid()}/fd/{fd}"
    backend = f"memory-backend-file,id=garbage,mem-path={path},size={size},share=off"
    try:
        yield "-object", backend, "-machine", "memory-backend=garbage"
    finally:
        if whole:
            os.close(fd)
