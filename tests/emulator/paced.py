# SPDX-License-Identifier: MIT
"""A console that gets its bytes at 115200 baud of the guest's time, under -icount.

The board waits, by the plugin counts.c, until each byte that is due is in the FIFO of its UART.
QEMU's UART holds its sender back when that is full, where a real one loses the byte: then send()
raises Overrun. The board waits where it reads its counter, so it needs a timer that makes it do
that some 10,000 times a second.

All verdicts are of the guest's state. A host that stalls, or lets QEMU or the test stand for a
while, makes a run longer and changes nothing else.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import struct
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from counts import Counts, counts_args
from socs import soc_of

from pimem.board import boards, session
from pimem.board.qemu import Qemu, kernel_args
from pimem.board.qmp import QmpError
from pimem.testing import Machine, board_session

HZ = 62_500_000  # of the counter, under -icount
BYTE_TICKS = HZ * 10 / 115_200
PART = 4  # bytes that come at once, at the time of the last
UNREAD = 100_000_000  # instructions without a read of the counter, after which none comes
ASLEEP_LOOKS = 1_000_000  # without an instruction, after which none comes
FAST_LOOKS = 100  # until QEMU is asked why it does not read
ASKED = 10  # then it would have read: each answer comes from the loop that reads
LOOK_SECONDS = 20e-6
LOOK_BYTES = 1 << 16
LOOK_TICKS = HZ // 4000
FLAGS, IS_FULL = 0x18, 1 << 6  # UARTFR, and RXFF


class Overrun(AssertionError):
    """A byte came while the FIFO was full."""


class TwoEnds(Qemu):
    """A machine whose console has two other ends: the pty, and the socket `path`."""

    def __init__(self, board: boards.Board, path: Path, **options: Any) -> None:
        self.path = path
        super().__init__(board, kernel_args(board_session.kernel(board)), icount=True, **options)

    def _command(self, *args: object) -> list[str]:
        command = super()._command(*args)  # type: ignore[arg-type]
        at = command.index("chardev:serial0")
        command[at] = "chardev:both"
        command[at - 1 : at - 1] = [
            *("-chardev", f"socket,id=wire,path={self.path},server=on,wait=off"),
            *("-chardev", "hub,id=both,chardevs.0=serial0,chardevs.1=wire"),
        ]
        return command


class PacedLine:
    """The socket's end. `answers` has what the board sent, and the counter then at the latest."""

    def __init__(self, machine: Machine, counts: Counts, path: Path) -> None:
        self.machine, self.counts = machine, counts
        self.answers: list[tuple[int, bytes]] = []
        self._flags = soc_of(machine.board).uart + FLAGS
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._socket.setblocking(False)
        self._pty = os.open(machine.emulated().pty, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)

    def close(self) -> None:
        self.counts.wait_at(0)  # or QEMU would not end
        self._socket.close()
        os.close(self._pty)

    def receive(self) -> None:
        """Both ends have what the board sends: that of the pty is thrown away."""
        with contextlib.suppress(BlockingIOError):
            while data := self._socket.recv(LOOK_BYTES):
                self.answers.append((max(self.counts.now, self.counts.until), data))
        with contextlib.suppress(BlockingIOError):
            while os.read(self._pty, LOOK_BYTES):
                pass

    def said(self) -> bytes:
        return b"".join(data for _, data in self.answers)

    def when_said(self, what: bytes) -> int | None:
        """Return the counter when `what` had been received; None: it has not."""
        said = b""
        for ticks, data in self.answers:
            said = said[-len(what) :] + data
            if what in said:
                return ticks
        return None

    def wait_for(self, what: bytes, ticks: int) -> int:
        """Let the board run until it has said `what`, for so long at most; return the counter."""
        end = self.stop() + ticks
        while (at := self.when_said(what)) is None:
            assert self.counts.now < end, f"no {what!r} in time, but {self.said()[-300:]!r}"
            self.run_for(LOOK_TICKS)
        return at

    def send(self, data: bytes) -> int:
        """Send at the pace of the line; return the counter when the last byte has come."""
        start = self.stop()
        for at in range(0, len(data), PART):
            part = data[at : at + PART]
            self._stand_at(start + round((at + len(part)) * BYTE_TICKS))
            self._put(part)
        return self.counts.now

    def go_on(self) -> Machine:
        """Let the board run freely, and return it. It stops when it has sent some 200 bytes, until
        the next receive() or go_on()."""
        self.receive()
        self.answers.clear()
        self.counts.wait_at(0)
        self._wait_until(lambda: not self.counts.standing)
        return self.machine

    def stop(self) -> int:
        """Let the board stand, at once if it runs; return its counter. The time of a board that
        runs is of no use: a moment of the host may be long for it."""
        if not self.counts.until:
            self._stand_at(1)
        return self.counts.now

    def run_for(self, ticks: int) -> None:
        """Let the board run for so long, and stop it again."""
        self._stand_at(self.stop() + ticks)

    def _stand_at(self, ticks: int) -> None:
        self.counts.wait_at(ticks)
        self._wait_until(lambda: self.counts.standing == ticks)
        self.receive()

    def _wait_until(self, reached: Callable[[], bool]) -> None:
        counts = self.counts
        read, begun, ran, looks = counts.now, counts.total, counts.total, 0
        while not reached():
            self.receive()  # QEMU waits for those who do not read
            time.sleep(LOOK_SECONDS)
            if counts.now != read:
                read, begun = counts.now, counts.total
            assert counts.total - begun < UNREAD, "the board reads its counter no more"
            ran, looks = counts.total, looks + 1 if counts.total == ran else 0
            assert looks < ASLEEP_LOOKS, "the board runs no more"

    def _put(self, part: bytes) -> None:
        """While the board stands still: what its UART does not take finds the FIFO full."""
        self._socket.sendall(part)
        for _ in range(FAST_LOOKS):
            if not self._not_taken():
                return
            time.sleep(LOOK_SECONDS)
        for _ in range(ASKED):
            # In this order: the FIFO stays full, since the board stands.
            if self._fifo_is_full() and self._not_taken():
                raise Overrun(f"the FIFO was full when {part!r} came")
            if not self._not_taken():
                return
        raise AssertionError("QEMU does not read the line, and the FIFO has room")

    def _fifo_is_full(self) -> bool:
        with contextlib.suppress(QmpError):  # it stands for longer than an answer may take
            text = self.machine.emulated().qmp.human(f"xp /1xw {self._flags:#x}")
            return bool(int(text.split(":")[1], 16) & IS_FULL)
        return False

    def _not_taken(self) -> int:
        answer = fcntl.ioctl(self._socket, termios.TIOCOUTQ, bytes(4))
        return int(struct.unpack("i", answer)[0])


@contextlib.contextmanager
def paced(name: str, folder: Path, extra: Sequence[str] = ()) -> Iterator[PacedLine]:
    board = boards.load(name)
    counts = Counts(folder / "counts")
    qemu = TwoEnds(board, folder / "wire", extra=[*counts_args(board, folder / "counts"), *extra])
    machine = Machine(board, session.attach(qemu).link, qemu=qemu)
    with contextlib.closing(machine):
        board_session.wait_for_prompt(machine)
        machine.link.enter_raw_repl()
        with contextlib.closing(PacedLine(machine, counts, qemu.path)) as line:
            yield line
