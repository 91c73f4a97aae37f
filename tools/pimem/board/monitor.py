# SPDX-License-Identifier: MIT
"""A board's serial line, watched and typed on: what `pimem monitor` and `pimem repl` do.

Each line gets the time since the watch began; a crash report gets functions, files and lines;
a port that goes away is opened again when it is back.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import serial

from pimem.board import symbols
from pimem.board.boards import Board
from pimem.board.errors import NoAnswer
from pimem.board.hwcheck import HardwareViolation
from pimem.board.line import LINE_BYTES, CrashLines
from pimem.board.serial_port import BAUD, open_port, why_lost
from pimem.board.session import elf_of, launch, require_emulated
from pimem.board.terminal import HINT, KEY_PIECE, LEAVE, raw_mode
from pimem.board.text import TextDecoder
from pimem.exits import CRASHED, OK, Failure, Refusal, complain

RETRY_SECONDS = 0.5
WAIT_SECONDS = 60.0  # for a port that was there and is not
CTRL_C = b"\x03"
FRIENDLY = b"\r\x02"  # leads to the prompt from whatever mode the board was left in

Write = Callable[[str], None]


class Watcher:
    """Turns what the board sends into what is shown: stamps, and explanations of crashes."""

    def __init__(
        self, write: Write, elf: Path, *, stamps: bool, clock: Callable[[], float]
    ) -> None:
        self.crashed = False
        self.hint = ""  # how to leave, shown after a crash
        self._write = write
        self._elf = elf
        self._stamps = stamps
        self._clock = clock
        self._start = clock()
        self._decode = TextDecoder()
        self._line = b""
        self._fresh = True  # the next character begins a line
        self._crash_lines = CrashLines()

    def feed(self, data: bytes) -> None:
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._line += line
            self._show(line + b"\n")
            self._look(self._line)
            self._line = b""
        self._line = (self._line + rest)[:LINE_BYTES]
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
        if self._crash_lines.ends_report(line):
            self.crashed = True
            self._write(symbols.explain_line(line, self._elf))
            if self.hint:
                self.note(f"the board crashed; {self.hint}")

    def note(self, text: str) -> None:
        """Show a line of this program between the board's."""
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
        self.raw = False  # a terminal in raw mode needs carriage returns

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
    """The line to watch."""

    url: str
    #: Called once the port is open: output before that would be lost.
    start: Callable[[serial.Serial], object]
    ended: Callable[[], str | None]  # why nothing more will come, None while it may


class Watch:
    """One run of the monitor."""

    def __init__(
        self,
        source: Line,
        *,
        baud: int = BAUD,
        seconds: float | None = None,
        wait: float = WAIT_SECONDS,
        first_wait: float = 0,
    ) -> None:
        """Watch for `seconds` (None: without end). For a port that is not there wait up to
        `first_wait` seconds, for one that went away up to `wait`."""
        self._url = source.url
        self._start = source.start
        self._ended = source.ended
        self._baud = baud
        self._wait = wait
        self._first_wait = first_wait
        self._end = time.monotonic() + seconds if seconds else None
        self._keys = sys.stdin.fileno() if sys.stdin.isatty() else None

    @property
    def interactive(self) -> bool:
        return self._keys is not None

    def run(self, watcher: Watcher) -> None:
        """Run until the time is over, the user leaves, or the board does not return."""
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
                    port = self._lost(watcher, exc)
        finally:
            if port:
                port.close()

    def _lost(self, watcher: Watcher, error: OSError) -> serial.Serial | None:
        """Open a lost port again; None if the machine behind it stopped, or the user leaves."""
        reason = self._ended()
        if reason:
            watcher.note(f"the machine stopped: {reason}")
            watcher.crashed = True
            return None
        watcher.note(f"lost {self._url}: {why_lost(error)}; {self._waiting(self._wait)}")
        return self._open(watcher, first=False)

    @staticmethod
    def _waiting(seconds: float) -> str:
        return f"waiting for it, {seconds:g} s at most"

    def _over(self) -> bool:
        return self._end is not None and time.monotonic() > self._end

    def _open(self, watcher: Watcher, *, first: bool) -> serial.Serial | None:
        """Open the port, or wait until it is there; NoAnswer when the wait is over, None if the
        user leaves before."""
        end = time.monotonic() + (self._first_wait if first else self._wait)
        waiting = not first
        while True:
            try:
                port = open_port(self._url, self._baud)
            except NoAnswer as exc:
                if time.monotonic() >= end or self._over():
                    raise
                if not waiting:
                    waiting = True
                    watcher.note(f"{exc}; {self._waiting(self._first_wait)}")
                if self._leaves_within(RETRY_SECONDS):
                    return None
                continue
            if waiting:
                watcher.note(f"{self._url} is {'there' if first else 'back'}")
            return port

    def _leaves_within(self, seconds: float) -> bool:
        """Wait; return whether the user leaves meanwhile. Other keys are dropped."""
        if self._keys is None:
            time.sleep(seconds)
            return False
        if not select.select([self._keys], [], [], seconds)[0]:
            return False
        typed = os.read(self._keys, KEY_PIECE)
        return not typed or LEAVE in typed or CTRL_C in typed

    def _step(self, port: serial.Serial, watcher: Watcher) -> bool:
        """Show what has come and send what was typed; return whether the user leaves."""
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
def source(
    board: Board,
    *,
    port: str | None = None,
    kernel: Path | None = None,
    card: Path | None = None,
    icount: bool = False,
    nudge: bytes = b"",
    extra: Sequence[str] = (),
    hardware_check: bool = False,
) -> Iterator[Line]:
    """Give the line of a real board, which gets `nudge` first, or of an emulated one that boots
    when it is watched and restarts when it is reset; HardwareViolation, when the watch is over,
    for what `hardware_check` found."""
    require_emulated(port, hardware_check, card)
    if port is not None:
        yield Line(port, lambda opened: opened.write(nudge), lambda: None)
        return
    machine = launch(
        board,
        kernel,
        card=card,
        icount=icount,
        reboot=True,
        extra=extra,
        hardware_check=hardware_check,
    )
    with machine:
        yield Line(machine.pty, lambda opened: machine.resume(), machine.ended)
        violations = machine.violations(elf_of(board, kernel)) if hardware_check else []
    if violations:
        raise HardwareViolation(violations)


def follow(run: Watch, watcher: Watcher, screen: Screen, url: str) -> None:
    """Run a watch; at a terminal its keys go to the board."""
    with contextlib.ExitStack() as stack:
        if run.interactive:
            # Said when it is true: keys typed before the change would not arrive as they are.
            stack.enter_context(raw_mode(sys.stdin.fileno()))
            screen.raw = True
            complain(f"{HINT}, {url}\r")
            watcher.hint = HINT
        try:
            run.run(watcher)
        finally:
            if run.interactive:
                watcher.finish_line()


def watch(
    place: contextlib.AbstractContextManager[Line],
    elf: Path,
    *,
    stamps: bool = True,
    capture: Path | None = None,
    baud: int = BAUD,
    seconds: float | None = None,
    wait: float = WAIT_SECONDS,
    first_wait: float = 0,
) -> int:
    """Watch a line until told to stop; the times are those of Watch.

    Return CRASHED if a crash report was among what came, or the machine stopped, else OK.
    """
    screen = Screen(capture)
    watcher = Watcher(screen.write, elf, stamps=stamps, clock=time.monotonic)
    url = ""
    try:
        with place as line:
            url = line.url
            run = Watch(line, baud=baud, seconds=seconds, wait=wait, first_wait=first_wait)
            follow(run, watcher, screen, url)
    except OSError as exc:
        raise Failure(f"{capture or url}: {exc.strerror or exc}") from exc
    finally:
        screen.close()
    return CRASHED if watcher.crashed else OK


def talk(
    board: Board,
    *,
    port: str | None = None,
    kernel: Path | None = None,
    card: Path | None = None,
    icount: bool = False,
    extra: Sequence[str] = (),
    hardware_check: bool = False,
    baud: int = BAUD,
    capture: Path | None = None,
) -> int:
    """Join this terminal to a board's prompt: the monitor without time stamps."""
    place = source(
        board,
        port=port,
        kernel=kernel,
        card=card,
        icount=icount,
        nudge=FRIENDLY,
        extra=extra,
        hardware_check=hardware_check,
    )
    elf = elf_of(board, kernel)
    return watch(place, elf, stamps=False, capture=capture, baud=baud)
