# SPDX-License-Identifier: MIT
"""The cost of copying a file with mpremote, to a board and from it: part of `make bench`.

mpremote's own transport copies 300 KB of text to the RAM disk at `/` and back. Instructions are
those of the board while it does not sleep; a round trip is a write of the host after a read.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from pimem.board.boards import Board
from pimem.board.session import attach, launch

SIZE = 300 * 1024  # bytes
TEXT = b"The quick brown fox jumps over the lazy dog.\n" * (SIZE // 45 + 1)
#: Instructions per KiB of the same text on commit e1b8c15, with a RAM disk of 8 MiB and a FAT that
#: were mounted at `/` for the measurement; counted by tests/emulator/counts.c.
BEFORE = {"to": 412_365, "from": 619_228}
#: Hundredths of a round trip: eight round trips for the four chunks of a KiB.
TRIPS_LIMIT = 820
#: Instructions per KiB. The aim is a third of BEFORE; the copy to the board does not reach it.
LIMITS = {"to": 325_000, "from": BEFORE["from"] // 3}


#: Instructions, round trips and seconds since the start.
Mark = tuple[int, int, float]


@dataclass(frozen=True)
class Copy:
    """The cost of a copy per KiB; `seconds` are those of this machine for the whole file."""

    instructions: int
    trips: int  # hundredths
    seconds: float


class Counted:
    """A serial port that counts round trips."""

    def __init__(self, port: Any) -> None:
        self._port = port
        self._has_read = True
        self.trips = 0

    def write(self, data: bytes) -> int:
        self.trips += self._has_read
        self._has_read = False
        return int(self._port.write(data))

    def read(self, size: int = 1) -> bytes:
        self._has_read = True
        return bytes(self._port.read(size))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)


class Reader:
    """Reads the counters of a board through mpremote's transport."""

    def __init__(self, transport: Any, asleep: int, rate: int) -> None:
        self._transport = transport
        self._read = f"print(time.time_ns(), machine.mem64[{asleep}])"
        self._rate = rate
        transport.exec("import machine, time")

    def now(self) -> Mark:
        time_ns, asleep = map(int, self._transport.exec(self._read).split())
        instructions = time_ns - asleep * 10**9 // self._rate
        return instructions, self._transport.serial.trips, time.monotonic()


def copies(board: Board, asleep: int, rate: int) -> dict[str, Copy]:
    """Copy the file both ways. The address `asleep` has the ticks that the board slept, `rate` of
    which are a second."""
    from mpremote.transport_serial import SerialTransport  # type: ignore[import-untyped]

    data = TEXT[:SIZE]
    machine = launch(board, icount=True)
    with attach(machine) as session:
        session.finish_boot()
        session.link.close()
        transport = SerialTransport(machine.pty)
        transport.serial = Counted(transport.serial)
        transport.enter_raw_repl(soft_reset=False)
        reader = Reader(transport, asleep, rate)
        marks = [reader.now()]
        transport.fs_writefile("/bench", data)
        marks.append(reader.now())
        assert transport.fs_readfile("/bench") == data
        marks.append(reader.now())
        transport.close()
    return {what: between(*pair) for what, pair in zip(BEFORE, pairwise(marks), strict=True)}


def between(start: Mark, end: Mark) -> Copy:
    return Copy(
        (end[0] - start[0]) * 1024 // SIZE,
        (end[1] - start[1]) * 100 * 1024 // SIZE,
        end[2] - start[2],
    )
