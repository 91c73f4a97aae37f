# SPDX-License-Identifier: MIT
"""A board whose instructions are counted by the plugin counts.c, while it runs."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import mmap
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pimem
from pimem.board import boards, hwcheck
from pimem.compiler import compile_once
from pimem.testing import Machine, board_session

SOURCE = Path(__file__).with_name("counts.c")
FIELDS = (
    *("total", "now", "until", "standing"),
    *("masked", "masked_from", "masked_to", "answers", "slowest"),
)


class Counts:
    """The plugin's numbers, as they are now."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(bytes(8 * len(FIELDS)))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)
        # Each is read and written by one access.
        self._numbers = (ctypes.c_uint64 * len(FIELDS)).from_buffer(self._memory)

    def __getattr__(self, name: str) -> int:
        if name not in FIELDS:
            raise AttributeError(name)
        return int(self._numbers[FIELDS.index(name)])

    def clear(self) -> None:
        """Begin again: all that comes after `standing`."""
        for at in range(FIELDS.index("masked"), len(FIELDS)):
            self._numbers[at] = 0

    def wait_at(self, ticks: int) -> None:
        """Let the board wait when its counter reads so much; 0: nowhere. It does when `standing`
        is so much as well."""
        self._numbers[FIELDS.index("until")] = ticks


def plugin() -> Path:
    digest = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    target = pimem.BUILD / "hwcheck" / f"counts-{digest}.so"
    command = ["gcc", *hwcheck.FLAGS, f"-I{hwcheck.folder()}", str(SOURCE)]
    said = compile_once(target, command)
    assert not said, said
    return target


def address(board: boards.Board, name: str) -> int:
    listing = subprocess.run(
        ["aarch64-linux-gnu-nm", str(board_session.elf(board))],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout
    found = [line.split()[0] for line in listing.splitlines() if line.split()[-1] == name]
    return int(found[0], 16)


def counts_args(board: boards.Board, path: Path, way: tuple[str, str] | None = None) -> list[str]:
    options = f"{plugin()},out={path}"
    if way:
        start, end = (address(board, each) for each in way)
        options += f",from={start:x},to={end:x}"
    return ["-plugin", options]


@contextlib.contextmanager
def counted(name: str, folder: Path, way: tuple[str, str]) -> Iterator[tuple[Machine, Counts]]:
    """A board, and what it counts; `way` is from one function to another."""
    board = boards.load(name)
    counts = Counts(folder / "counts")
    extra = counts_args(board, folder / "counts", way)
    with board_session.booted(name, hardware_check=False, extra=extra) as machine:
        yield machine, counts
