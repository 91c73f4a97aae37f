# SPDX-License-Identifier: MIT
"""`pimem monitor` and `pimem repl`: a board's serial line, watched and typed on.

Each line gets the time since the watch began; a crash report gets functions, files and lines;
a port that goes away is opened again when it is back.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import serial

from pimem.board import boards, symbols
from pimem.board.errors import NoAnswer
from pimem.board.line import CRASH_MARK
from pimem.board.serial_port import open_port, why_lost
from pimem.board.session import elf_of, launch
from pimem.board.terminal import HINT, LEAVE, raw_mode
from pimem.board.text import TextDecoder
from pimem.exits import CRASHED, OK, Failure, Refusal, complain

RETRY_SECONDS = 0.5
KEY_PIECE = 1024
WAIT_SECONDS = 60.0  # for a port that was there and is not
CTRL_C = b"\x03"
FRIENDLY = b"\r\x02"  # whatever mode the board was left in, to its prompt

Write = Callable[[str], None]


class Watcher:
    """Turns what the board sends into what is shown: stamps, and explanations of crashes."""

    def __init__(
        self, write: Write, elf: Path, *, stamps: bool, clock: Callable[[], float]
    ) -> None:
        self.crashed = False
        self.hint = ""  # what to tell the person at the terminal after a crash
        self._write = write
        self._elf = elf
        self._stamps = stamps
        self._clock = clock
        self._start = clock()
        self._decode = TextDecoder()
        self._line = b""
        self._fresh = True  # the next character begins a line

    def feed(self, data: bytes) -> None:
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._line += line
            self._show(line + b"\n")
            self._look(self._line)
            self._line = b""
        self._line += rest
        self._show(rest)

    def _show(self, data: bytes) -> None:
        text = self._decode(data)
        if not text:
            return
        if self._fresh and self._stamps:
            self._write(f"[{self._clock() - self._start:9.3f}] ")
        self._write(text)
        self._fresh = text.endswith("\n")

    def _look(self, line: bytes) -> None:
        if line.startswith(CRASH_MARK):
            self.crashed = True
            self._write(symbols.explain_line(line, self._elf))
            if self.hint:
                self.note(f"the board crashed; {self.hint}")

    def note(self, text: str) -> None:
        """A line of ours between the board's."""
        self.finish_line()
        self._write(f"-- {text} --\n")
        self._line = b""

    def finish_line(self) -> None:
        if not self._fresh:
            self._write("\n")
        self._fresh = True


class Screen:
    """Standard output, and a file that gets the same."""

    def __init__(self, capture: Path | None) -> None:
        try:
            self._file = capture.open("w", encoding="utf-8") if capture else None
        except OSError as exc:
            raise Refusal(f"cannot write {capture}: {exc.strerror}") from exc
        self.raw = False  # the terminal wants its carriage returns from us

    def write(self, text: str) -> None:
        if self._file:
            self._file.write(text)
            self._file.flush()
        sys.stdout.write(text.replace("\n", "\r\n") if self.raw else text)
        sys.stdout.flush()

    def close(self) -> None:
        if self._file:
            self._file.close()


@dataclass(frozen=True)
class Line:
    """What is watched."""

    url: str
    #: Called once the port is open: what came before would be lost.
    start: Callable[[serial.Serial], object]
    ended: Callable[[], str | None]  # why nothing will come any more


class Watch:
    """One run of the monitor."""

    def __init__(self, args: Namespace, source: Line) -> None:
        self._url = source.url
        self._start = source.start
        self._ended = source.ended
        self._baud = args.baud
        self._patience = args.wait
        self._first_patience = args.wait if args.wait_first else 0
        self._end = time.monotonic() + args.seconds if args.seconds else None
        self._keys = sys.stdin.fileno() if sys.stdin.isatty() else None

    @property
    def interactive(self) -> bool:
        return self._keys is not None

    def run(self, watcher: Watcher) -> None:
        """Until the time is over, the key to leave is pressed, or the board does not return."""
        port = self._open(watcher, first=True)
        try:
            if port:
                self._start(port)
            while port and not self._over():
                try:
                    if self._step(port, watcher):
                        return
                except (serial.SerialException, OSError) as exc:
                    port.close()
                    reason = self._ended()
                    if reason:
                        watcher.note(f"the machine stopped: {reason}")
                        watcher.crashed = True
                        return
                    watcher.note(f"lost {self._url}: {why_lost(exc)}; waiting for it")
                    port = self._open(watcher, first=False)
        finally:
            if port:
                port.close()

    def _over(self) -> bool:
        return self._end is not None and time.monotonic() > self._end

    def _open(self, watcher: Watcher, *, first: bool) -> serial.Serial | None:
        """Opens the port, or waits until it is there; NoAnswer after --wait seconds, None if
        the user leaves before."""
        end = time.monotonic() + (self._first_patience if first else self._patience)
        waiting = not first
        while True:
            try:
                port = open_port(self._url, self._baud)
            except NoAnswer as exc:
                if time.monotonic() >= end or self._over():
                    raise
                if not waiting:
                    waiting = True
                    watcher.note(f"{exc}; waiting for it")
                if self._leaves_within(RETRY_SECONDS):
                    return None
                continue
            if waiting:
                watcher.note(f"{self._url} is {'there' if first else 'back'}")
            return port

    def _leaves_within(self, seconds: float) -> bool:
        """Waits; whether the user had enough of it. Other keys have nowhere to go."""
        if self._keys is None:
            time.sleep(seconds)
            return False
        if not select.select([self._keys], [], [], seconds)[0]:
            return False
        typed = os.read(self._keys, KEY_PIECE)
        return not typed or LEAVE in typed or CTRL_C in typed

    def _step(self, port: serial.Serial, watcher: Watcher) -> bool:
        """Shows what has come and sends what was typed; whether the user leaves."""
        data = port.read(max(1, port.in_waiting))
        if data:
            watcher.feed(data)
        elif self._ended():
            raise serial.SerialException("it stopped")
        if self._keys is None or not select.select([self._keys], [], [], 0)[0]:
            return False
        typed = os.read(self._keys, KEY_PIECE)
        before, leave, _ = typed.partition(LEAVE)
        port.write(before)
        return bool(leave) or not typed


@contextlib.contextmanager
def line(args: Namespace) -> Iterator[Line]:
    """The port asked for, or that of an emulated board about to boot."""
    if args.port:
        nudge = FRIENDLY if args.interactive else b""
        yield Line(args.port, lambda port: port.write(nudge), lambda: None)
        return
    with launch(boards.load(args.board), args.kernel, icount=args.icount) as machine:
        yield Line(machine.pty, lambda port: machine.resume(), machine.ended)


def watch_line(args: Namespace, watcher: Watcher, screen: Screen) -> None:
    with line(args) as source, contextlib.ExitStack() as stack:
        watch = Watch(args, source)
        if watch.interactive:
            # Said when it is true: keys typed before the change would not arrive as they are.
            stack.enter_context(raw_mode(sys.stdin.fileno()))
            screen.raw = True
            complain(f"{HINT}, {source.url}\r")
            watcher.hint = HINT
        try:
            watch.run(watcher)
        finally:
            if watch.interactive:
                watcher.finish_line()


def talk(args: Namespace) -> int:
    """A REPL at this terminal: the monitor without time stamps, at the board's prompt."""
    values = dict(stamps=False, seconds=None, wait=WAIT_SECONDS, wait_first=False, elf=None)
    return main(Namespace(**vars(args) | values | {"interactive": True}))


def main(args: Namespace) -> int:
    """Watches until told to stop; CRASHED if a crash report was among what came, or the machine
    stopped."""
    screen = Screen(args.capture)
    elf = args.elf or elf_of(boards.load(args.board), args.kernel)
    watcher = Watcher(screen.write, elf, stamps=args.stamps, clock=time.monotonic)
    try:
        watch_line(args, watcher, screen)
    except OSError as exc:
        raise Failure(f"{args.capture or args.port}: {exc.strerror or exc}") from exc
    finally:
        screen.close()
    return CRASHED if watcher.crashed else OK
