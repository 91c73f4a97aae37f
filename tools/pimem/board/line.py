# SPDX-License-Identifier: MIT
"""One serial line to a board, real or emulated, on any URL that pyserial opens.

Knows what a board in trouble looks like: a line `CRASH {json}`, an emulator that has ended,
silence. Every wait is bounded.
"""

from __future__ import annotations

import contextlib
import json
import select
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn, Self

import serial

from pimem.board.errors import BoardCrash, BoardError, NoAnswer
from pimem.board.serial_port import BAUD, POLL_SECONDS, open_port, why_lost
from pimem.board.text import to_text

CRASH_MARK = b"CRASH {"  # begins the last line of a crash report
REPORT_MARK = b"*** crash"  # begins its first

SILENCE = 60.0  # seconds without a byte after which a board counts as gone
REPL_SECONDS = 15.0  # for answers that take no computing: a prompt, a window, an 'OK'
CRASH_SECONDS = 2.0  # for the rest of a crash line once it has begun
READ_BYTES = 4096  # at once
WRITE_BYTES = 256  # at once; what there is no room for is tried again
# Without a prompt, after which none is to be expected; the board's fourth start runs no main.py.
MOST_RESTARTS = 4
RECENT_BYTES = 16384  # of what the board sent last, kept for reports
# The most that one read waits for, and keeps: a board may print without end. A line of 115200 baud
# brings so much in 25 minutes.
MOST_SECONDS = 3600.0
MOST_BYTES = 16 << 20
LINE_BYTES = 65536  # of a line that may be a crash line; the rest of a longer one is dropped

Sink = Callable[[bytes], None]
Tap = Callable[[str, bytes], None]  # gets a direction, '<' from the board or '>' to it, and data


def crash_report(line: bytes, after_report: bool) -> dict[str, Any] | None:
    """Return the JSON of a line that begins with CRASH_MARK: {} where it is damaged, None where
    nothing says that it was one: no JSON, and no crash report before it."""
    text = line[len(CRASH_MARK) - 1 :]
    try:
        return dict(json.loads(text))
    except ValueError:
        return {} if after_report or text.startswith(b'{"') else None


class CrashLines:
    """Tells the crash line of a report from output that looks like one."""

    def __init__(self) -> None:
        self._reported = False  # a report has begun

    def ends_report(self, line: bytes) -> bool:
        """Take the next line; return whether it ends a crash report."""
        self._reported |= line.startswith(REPORT_MARK)
        if not line.startswith(CRASH_MARK) or crash_report(line, self._reported) is None:
            return False
        self._reported = False
        return True


def begun(data: bytes | bytearray, pattern: bytes) -> int:
    """Return how many bytes at the end of `data` could be the beginning of `pattern`."""
    return next((n for n in range(len(pattern) - 1, 0, -1) if data.endswith(pattern[:n])), 0)


def _still_there() -> str | None:
    return None


def _it_may() -> bool:
    return True


class Line:
    def __init__(
        self,
        url: str,
        *,
        baudrate: int = BAUD,
        ended: Callable[[], str | None] = _still_there,
        restarts: Callable[[], int] | None = None,
        halted: Callable[[], bool] = _it_may,
        silence: float = SILENCE,
        elf: Path | None = None,
    ) -> None:
        """Open `url`. `ended` tells why the machine behind it stopped (None: it runs), `restarts`
        how often it has restarted (None: that cannot be known), `halted` whether it may have
        crashed; `elf` is the ELF of its image."""
        self.url = url
        self.silence = silence
        self.elf = elf
        self._brief = min(silence, REPL_SECONDS)
        self._ended = ended
        self._restarts = restarts
        self.halted = halted
        self._restarts_at_prompt = 0
        self._watching = True  # for crash lines
        self.tap: Tap | None = None  # sees all that passes
        self._buffer = bytearray()  # received, not yet taken by a read
        self._recent = bytearray()  # the last bytes received, for crash reports
        self._line = bytearray()  # the line being received
        self._crash: BoardCrash | None = None  # seen; raised when what came before it is read
        self._port = open_port(url, baudrate)
        self._fd = self._find_fd()

    def close(self) -> None:
        self._port.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, data: bytes) -> None:
        """Send all of `data`, and take in what comes meanwhile: a board whose own output is
        blocked may not read on."""
        try:
            if self.tap:
                self.tap(">", data)
            if self._fd is None:
                self._port.write(data)
                return
            while data:
                self._wait_writable(self._fd)
                data = data[self._port.write(data[:WRITE_BYTES]) :]
        except (serial.SerialException, OSError) as exc:
            self._stopped(f"cannot write to {self.url}: {exc}")

    def _wait_writable(self, fd: int) -> None:
        """Take in what comes until the line has room for a byte, REPL_SECONDS at most."""
        end = time.monotonic() + REPL_SECONDS
        while not select.select([], [fd], [], 0)[1]:
            if time.monotonic() > end:
                raise serial.SerialTimeoutException(f"no room for {REPL_SECONDS:.0f} s")
            if select.select([fd], [fd], [], POLL_SECONDS)[0]:
                data = self._port.read(self._port.in_waiting)
                self._keep(data)
                self._watch(data)
            if self._drop_too_much():
                raise self._talks("take what it is sent")

    def _find_fd(self) -> int | None:
        """Return what to wait for room on; from then on the port's writes return early.

        None where the port has no descriptor: such ports have no small buffer either."""
        try:
            fd = self._port.fileno()
        except (AttributeError, OSError):
            return None
        self._port.write_timeout = 0
        return fd

    def receive(self) -> bytes:
        """Return what has come by now, at most POLL_SECONDS later; b'' if nothing has."""
        if not self._buffer:
            self._poll()
        return self.unread()

    def unread_again(self, data: bytes | bytearray) -> None:
        """Put back what was received: the next read returns it first."""
        self._buffer[:0] = data

    def recent(self) -> bytes:
        """Return the last bytes received."""
        return bytes(self._recent)

    @property
    def tells_restarts(self) -> bool:
        return self._restarts is not None

    def restarts(self) -> int:
        """Return how often the machine has restarted, as far as that is known."""
        return self._restarts() if self._restarts else 0

    def prompt_seen(self) -> None:
        """Note that the board is at its prompt: restarts are counted from now on."""
        self._restarts_at_prompt = self.restarts()

    @contextlib.contextmanager
    def crashes_are_output(self) -> Iterator[None]:
        """Take lines that look like a crash report as any other while the block runs, also those
        that came before it and have not been read."""
        self._watching = False
        self._crash = None
        try:
            yield
        finally:
            self._watching = True
            self._line.clear()

    def unread(self) -> bytes:
        """Return what has come and no read has returned yet, without waiting."""
        return self._take(len(self._buffer))

    def read_until(
        self,
        pattern: bytes,
        *,
        silence: float | None = None,
        total: float | None = None,
        sink: Sink | None = None,
    ) -> bytes:
        """Return all up to and with `pattern`; what precedes it also goes to `sink` as it comes.

        NoAnswer after `silence` seconds without a byte (the link's own by default), or `total`
        seconds altogether, MOST_SECONDS by default, or MOST_BYTES without the pattern.
        """
        limit = self.silence if silence is None else silence
        end = time.monotonic() + (MOST_SECONDS if total is None else total)
        last = time.monotonic()
        passed = 0  # bytes at the buffer's start that `sink` has had
        while True:
            at = self._buffer.find(pattern, max(0, passed - len(pattern)))
            output = at if at >= 0 else self._streamable(pattern, passed)
            passed = self._pass_on(sink, passed, output)
            if at >= 0:
                return self._take(at + len(pattern))
            try:
                if self._poll():
                    last = time.monotonic()
                self._check_time(pattern, last, limit, end)
            except BoardError:
                self._pass_on(sink, passed, self._before_report(passed))
                self._drop_too_much()
                raise

    def _check_time(self, pattern: bytes, last: float, silence: float, end: float) -> None:
        now = time.monotonic()
        if len(self._buffer) > MOST_BYTES:
            raise self._talks(f"say {pattern!r} in {MOST_BYTES >> 20} MiB")
        if now > end and now - last < 1:
            raise self._talks(f"say {pattern!r}")
        if now - last > silence or now > end:
            raise NoAnswer(self._no_answer(pattern, now - last))

    def _pass_on(self, sink: Sink | None, start: int, end: int) -> int:
        if sink and end > start:
            sink(bytes(self._buffer[start:end]))
        return max(start, end)

    def _streamable(self, pattern: bytes, passed: int) -> int:
        """Return how much of the buffer is certainly output, and not the beginning of `pattern`
        or of a crash report."""
        held = max(begun(self._buffer, pattern), begun(self._buffer, REPORT_MARK))
        return min(self._before_report(passed), len(self._buffer) - held)

    def _before_report(self, passed: int) -> int:
        """Return how much of the buffer precedes a crash report, which goes to stderr; none begins
        in what has been passed on."""
        report = self._buffer.find(REPORT_MARK, passed)
        return len(self._buffer) if report < 0 else report

    def read_exactly(self, count: int) -> bytes:
        end = time.monotonic() + self._brief
        while len(self._buffer) < count:
            if not self._poll() and time.monotonic() > end:
                raise NoAnswer(self._no_answer(f"{count} bytes", self._brief))
        return self._take(count)

    def _take(self, count: int) -> bytes:
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    def _no_answer(self, wanted: object, seconds: float) -> str:
        waited = f"{self.url} silent for {seconds:.0f} s while waiting for {wanted!r}"
        return waited + self._sent_last()

    def _drop_too_much(self) -> bool:
        """Drop what was received if it is more than MOST_BYTES, and return whether it was."""
        too_much = len(self._buffer) > MOST_BYTES
        if too_much:
            self._buffer.clear()
        return too_much

    def _talks(self, wanted: str) -> NoAnswer:
        return NoAnswer(f"{self.url} talks, but does not {wanted}{self._sent_last()}")

    def _sent_last(self) -> str:
        return f"; it sent last {to_text(bytes(self._recent[-200:]))!r}"

    def _poll(self) -> bool:
        """Take in what has come; return whether anything did. Raise if the board is in trouble."""
        if self._crash:
            raise self._crash
        try:
            data = self._port.read(max(1, self._port.in_waiting))
            while len(data) < READ_BYTES and (more := self._port.in_waiting):  # a socket says 1
                data += self._port.read(more)
        except (serial.SerialException, OSError) as exc:
            self._stopped(f"lost {self.url}: {why_lost(exc)}")
        self._keep(data)
        self._check_restarts()
        if not data:
            reason = self._ended()
            if reason:
                self._stopped(reason)
            return False
        self._watch(data)
        return True

    def _check_restarts(self) -> None:
        if self.restarts() - self._restarts_at_prompt > MOST_RESTARTS:
            self._keep(self._port.read(READ_BYTES))  # waits a moment for the last text
            raise NoAnswer(f"the board restarted more than {MOST_RESTARTS} times without a prompt")

    def _keep(self, data: bytes) -> None:
        if self.tap and data:
            self.tap("<", data)
        self._buffer += data
        self._recent += data
        del self._recent[:-RECENT_BYTES]

    def _watch(self, data: bytes) -> None:
        """Look for a line that begins with the crash mark."""
        if not self._watching:
            return
        *lines, rest = (bytes(self._line) + data).split(b"\n")
        self._line = bytearray(rest[:LINE_BYTES])
        for line in lines:
            if line.startswith(CRASH_MARK):
                self._crashed(line)
        if self._line.startswith(CRASH_MARK):
            self._finish_crash_line()

    def _finish_crash_line(self) -> None:
        end = time.monotonic() + CRASH_SECONDS
        while b"\n" not in self._line and time.monotonic() < end:
            try:
                more = self._port.read(1)
            except (serial.SerialException, OSError):
                break
            self._line += more
            self._keep(more)
        self._crashed(bytes(self._line))
        # Judged: what is missing of the line does not make it another one.
        self._line = bytearray() if self._line.endswith(b"\n") else bytearray(b".")

    def _crashed(self, line: bytes) -> None:
        """Note a crash, unless the line is output that looks like one."""
        report = crash_report(line, REPORT_MARK in self._recent)
        if report is not None and (self.halted() or self._restarted()):
            self._crash = self.crash(report, self._report_text())

    def _restarted(self) -> bool:
        return self.restarts() > self._restarts_at_prompt

    def crash(self, report: dict[str, Any], text: str) -> BoardCrash:
        """Return the exception for a crash report, with the text that led there."""
        return BoardCrash(self._why(report), report, text, self.elf)

    @staticmethod
    def _why(report: dict[str, Any]) -> str:
        known = [str(report[key]) for key in ("cause", "fault") if key in report]
        return ": ".join(["the board crashed", *known])

    def _report_text(self) -> str:
        """Return the crash report, or if none has begun, what the board sent last."""
        start = max(0, self._recent.rfind(REPORT_MARK))
        return to_text(bytes(self._recent[start:]))

    def _stopped(self, reason: str) -> NoReturn:
        """Raise what a dead line means: the machine has ended, or the cable is disconnected."""
        end = time.monotonic() + 1
        while self._ended() is None and time.monotonic() < end:
            time.sleep(POLL_SECONDS)
        why = self._ended()
        if why is None:
            raise NoAnswer(reason)
        raise BoardCrash(f"the machine stopped: {why}", {}, self._report_text(), self.elf)
