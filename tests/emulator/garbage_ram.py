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
from pimem.board.hwcheck import megabytes_of

MIB = 1 << 20
#: What is filled unless all of it is: the machine that runs the tests has to hold it.
USUAL = 192 * MIB
BYTE = b"\xa5"


def file(size: int, filled: int) -> int:
    """A file in memory, of a descriptor of this process."""
    fd = os.memfd_create("memory-backend-memfd")  # as the hardware checker looks for it
    os.ftruncate(fd, size)
    for _ in range(filled // MIB):
        os.write(fd, BYTE * MIB)
    return fd


@functools.cache
def usual_file(size: int) -> int:
    return file(size, min(size, USUAL))


@contextlib.contextmanager
def args(board: Board, whole: bool = False) -> Iterator[tuple[str, ...]]:
    """QEMU's options that give the board such RAM."""
    size = megabytes_of(board.machine, board.qemu_args) * MIB
    fd = file(size, size) if whole else usual_file(size)
    path = f"/proc/{os.getpid()}/fd/{fd}"
    backend = f"memory-backend-file,id=garbage,mem-path={path},size={size},share=off"
    try:
        yield "-object", backend, "-machine", "memory-backend=garbage"
    finally:
        if whole:
            os.close(fd)
