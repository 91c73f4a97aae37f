# SPDX-License-Identifier: MIT
"""One serial link to a board, real or emulated, on any URL that pyserial opens.

Speaks MicroPython's raw REPL with raw-paste (whose flow control is the only thing between a
64-byte FIFO and a long script), and knows what a board in trouble looks like: a line
`CRASH {json}`, an emulator that has ended, silence. Every wait is bounded.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import select
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import serial

from pimem.exits import Refusal

INTERRUPT, RAW_MODE, FRIENDLY_MODE, END = b"\x03", b"\x01", b"\x02", b"\x04"
RAW_PROMPT = b"raw REPL; CTRL-B to exit\r\n>"
PROMPT = b">>> "
BANNER = b"MicroPython "  # the friendly REPL's first line; what precedes it is the boot report
CRASH_MARK = b"CRASH {"  # begins the last line of a crash report
REPORT_MARK = b"*** crash"  # begins its first

SILENCE = 60.0  # seconds without a byte after which a board counts as gone
REPL_SECONDS = 15.0  # for answers that take no computing: a prompt, a window, an 'OK'
CRASH_SECONDS = 2.0  # for the rest of a crash line once it has begun
POLL_SECONDS = 0.05
WRITE_BYTES = 256  # at once; what there is no room for is tried again
NETWORK = ("socket", "rfc2217")  # URLs with a host and a port
RECENT_BYTES = 16384  # of what the board sent last, kept for reports

Sink = Callable[[bytes], None]
Tap = Callable[[str, bytes], None]  # gets a direction, '<' from the board or '>' to it, and data


class BoardError(Exception):
    """Something went wrong on the other end of the line."""


class BoardCrash(BoardError):
    """The board crashed or stopped: `report` is its JSON ({} if none), `text` what led there."""

    def __init__(self, reason: str, report: dict[str, Any], text: str) -> None:
        super().__init__(reason)
        self.report = report
        self.text = text


class NoAnswer(BoardError):
    """The board said nothing, or nothing sensible, for as long as one waits for it."""


class ScriptError(BoardError):
    """A script ended with an uncaught exception: `traceback` as the board printed it."""

    def __init__(self, traceback: str, output: str) -> None:
        super().__init__(traceback.strip().rsplit("\n", 1)[-1])
        self.traceback = traceback
        self.output = output


def to_text(data: bytes) -> str:
    """The board's bytes as text: UTF-8, with plain newlines."""
    return data.decode("utf-8", "replace").replace("\r\n", "\n")


def begun(data: bytes | bytearray, pattern: bytes) -> int:
    """How many bytes at the end of `data` could be the beginning of `pattern`."""
    return next((n for n in range(len(pattern) - 1, 0, -1) if data.endswith(pattern[:n])), 0)


def _still_there() -> str | None:
    return None


def open_port(url: str, baudrate: int = 115200) -> serial.Serial:
    """The serial port that `url` names, for this program alone, its control lines left low;
    NoAnswer if it cannot be opened, Refusal where there can be no such port."""
    check_url(url)
    try:
        port = serial.serial_for_url(url, baudrate, do_not_open=True)
    except ValueError as exc:
        raise Refusal(f"{url} is no port: {exc}; `pimem ports` lists what there is") from exc
    try:
        # Asserted, these lines reset a board whose RUN pin hangs on one of them.
        port.dtr = False
        port.rts = False
        port.exclusive = True
        port.timeout = POLL_SECONDS
        if not url.lower().startswith("rfc2217:"):  # pyserial has none there; the socket has one
            port.write_timeout = REPL_SECONDS
        port.open()
    except (serial.SerialException, OSError) as exc:
        raise NoAnswer(f"cannot open {url}: {why_not(exc, url)}") from exc
    except ValueError as exc:
        raise Refusal(f"{url}, {baudrate} baud: {exc}") from exc
    return port


def check_url(url: str) -> None:
    """What pyserial would answer with an exception about its own innards."""
    scheme, mark, _ = url.lower().partition("://")
    if not mark or scheme not in NETWORK:
        return
    try:
        parts = urlsplit(url)
        complete = bool(parts.hostname and parts.port)
    except ValueError:
        complete = False
    if not complete:
        raise Refusal(f"{url} is no port: it must be {scheme}://HOST:PORT, PORT from 1 to 65535")


def why_not(exc: OSError, url: str) -> str:
    """The reason alone: pyserial packs it into sentences that repeat the port and the number."""
    if exc.errno == errno.EACCES:
        return "no permission; on most systems the group dialout has it"
    if exc.errno == errno.EAGAIN:
        return "another program has it open"
    if exc.errno in (errno.ENOENT, errno.ENXIO, errno.ENODEV):
        return "there is no such device; `pimem ports` lists what there is"
    if exc.errno:
        return os.strerror(exc.errno)
    return str(exc).removeprefix(f"Could not open port {url}: ")


def why_lost(exc: OSError) -> str:
    """The same for a port that was open. One that hung up is ready to be read, and empty."""
    gone = exc.errno in (errno.EIO, errno.ENXIO, errno.ENODEV) or "returned no data" in str(exc)
    return "it is disconnected" if gone else str(exc)


class Link:
    def __init__(
        self,
        url: str,
        *,
        baudrate: int = 115200,
        ended: Callable[[], str | None] = _still_there,
        silence: float = SILENCE,
    ) -> None:
        """Opens `url`. `ended` tells why the machine behind it is no more (None: it runs)."""
        self.url = url
        self.silence = silence
        self._brief = min(silence, REPL_SECONDS)
        self._ended = ended
        self.tap: Tap | None = None  # sees all that passes
        self._buffer = bytearray()  # received, not yet taken by a read
        self._recent = bytearray()  # the last bytes received, for crash reports
        self._line = bytearray()  # the line being received
        self._crash: BoardCrash | None = None  # seen; raised when what came before it is read
        self._port = open_port(url, baudrate)
        self._fd = self._find_fd()

    def close(self) -> None:
        self._port.close()

    def __enter__(self) -> Link:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Bytes

    def write(self, data: bytes) -> None:
        """Sends all of `data`, taking in what comes meanwhile: the other end may be unable to
        read on before somebody takes what it has to say."""
        try:
            if self._fd is None:
                self._port.write(data)
                return
            while data:
                self._wait_writable(self._fd)
                data = data[self._port.write(data[:WRITE_BYTES]) :]
        except (serial.SerialException, OSError) as exc:
            self._stopped(f"cannot write to {self.url}: {exc}")

    def _wait_writable(self, fd: int) -> None:
        """Takes in what comes until the line has room for a byte, REPL_SECONDS at most."""
        end = time.monotonic() + REPL_SECONDS
        while not select.select([], [fd], [], 0)[1]:
            if time.monotonic() > end:
                raise serial.SerialTimeoutException(f"no room for {REPL_SECONDS:.0f} s")
            if select.select([fd], [fd], [], POLL_SECONDS)[0]:
                data = self._port.read(self._port.in_waiting)
                self._keep(data)
                self._watch(data)

    def _find_fd(self) -> int | None:
        """What to wait for room on; the port's writes return early from then on. None where
        there is no such thing, and no small buffer either."""
        try:
            fd = self._port.fileno()
        except (AttributeError, OSError):
            return None
        self._port.write_timeout = 0
        return fd

    def receive(self) -> bytes:
        """What has come by now, at most POLL_SECONDS later; b'' if nothing has."""
        self._poll()
        return self.unread()

    def unread(self) -> bytes:
        """What has come and no read has returned yet, without waiting."""
        return self._take(len(self._buffer))

    def read_until(
        self,
        pattern: bytes,
        *,
        silence: float | None = None,
        total: float | None = None,
        sink: Sink | None = None,
    ) -> bytes:
        """All up to and with `pattern`; what stands before it also goes to `sink` as it comes.

        NoAnswer after `silence` seconds without a byte (the link's own by default), or
        `total` seconds altogether.
        """
        limit = self.silence if silence is None else silence
        end = time.monotonic() + (math.inf if total is None else total)
        last = time.monotonic()
        passed = 0  # bytes at the buffer's start that `sink` has had
        while True:
            at = self._buffer.find(pattern, max(0, passed - len(pattern)))
            passed = self._pass_on(sink, passed, at if at >= 0 else self._streamable(pattern))
            if at >= 0:
                return self._take(at + len(pattern))
            try:
                if self._poll():
                    last = time.monotonic()
                self._check_time(pattern, last, limit, end)
            except BoardError:
                self._pass_on(sink, passed, self._before_report())
                raise

    def _check_time(self, pattern: bytes, last: float, silence: float, end: float) -> None:
        now = time.monotonic()
        if now > end and now - last < 1:
            raise NoAnswer(f"{self.url} talks, but does not say {pattern!r}{self._sent_last()}")
        if now - last > silence or now > end:
            raise NoAnswer(self._no_answer(pattern, now - last))

    def _pass_on(self, sink: Sink | None, start: int, end: int) -> int:
        if sink and end > start:
            sink(bytes(self._buffer[start:end]))
        return max(start, end)

    def _streamable(self, pattern: bytes) -> int:
        """How much of the buffer is output for sure, and not the beginning of `pattern` or of
        a crash report."""
        held = max(begun(self._buffer, pattern), begun(self._buffer, REPORT_MARK))
        return min(self._before_report(), len(self._buffer) - held)

    def _before_report(self) -> int:
        """How much of the buffer stands before a crash report, which is for stderr."""
        report = self._buffer.find(REPORT_MARK)
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

    def _sent_last(self) -> str:
        return f"; it sent last {to_text(bytes(self._recent[-200:]))!r}"

    def _poll(self) -> bool:
        """Takes in what has come; whether anything did. Raises if the board is in trouble."""
        if self._crash:
            raise self._crash
        try:
            data = self._port.read(max(1, self._port.in_waiting))
        except (serial.SerialException, OSError) as exc:
            self._stopped(f"lost {self.url}: {why_lost(exc)}")
        if not data:
            reason = self._ended()
            if reason:
                self._stopped(reason)
            return False
        self._keep(data)
        self._watch(data)
        return True

    def _keep(self, data: bytes) -> None:
        if self.tap:
            self.tap("<", data)
        self._buffer += data
        self._recent += data
        del self._recent[:-RECENT_BYTES]

    # Trouble

    def _watch(self, data: bytes) -> None:
        """Looks for a line that begins with the crash mark."""
        *lines, rest = (bytes(self._line) + data).split(b"\n")
        self._line = bytearray(rest)
        for line in lines:
            if line.startswith(CRASH_MARK):
                self._crashed(line)
                return
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

    def _crashed(self, line: bytes) -> None:
        try:
            report = json.loads(line[len(CRASH_MARK) - 1 :])
        except ValueError:
            report = {}
        self._crash = BoardCrash(self._why(report), report, self._report_text())

    @staticmethod
    def _why(report: dict[str, Any]) -> str:
        known = [report[key] for key in ("cause", "fault") if key in report]
        return ": ".join(["the board crashed", *known])

    def _report_text(self) -> str:
        """The crash report, or if none has begun, what the board sent last."""
        start = max(0, self._recent.rfind(REPORT_MARK))
        return to_text(bytes(self._recent[start:]))

    def _stopped(self, reason: str) -> None:
        """The line is dead: the machine has ended, or someone pulled the cable."""
        end = time.monotonic() + 1
        while self._ended() is None and time.monotonic() < end:
            time.sleep(POLL_SECONDS)
        why = self._ended()
        if why is None:
            raise NoAnswer(reason)
        raise BoardCrash(f"the machine stopped: {why}", {}, self._report_text())

    # The REPL

    def forget(self) -> None:
        """Drops what has been received: reports of later trouble begin here."""
        self._buffer.clear()
        self._recent.clear()

    def enter_raw_repl(self) -> None:
        """Interrupts whatever runs and enters the raw REPL."""
        self.write(b"\r" + INTERRUPT + INTERRUPT)
        self.write(b"\r" + RAW_MODE)
        self.read_until(RAW_PROMPT, total=self._brief)

    def leave_raw_repl(self) -> None:
        self.write(FRIENDLY_MODE)
        self.read_until(PROMPT, total=self._brief)

    @contextlib.contextmanager
    def in_raw_repl(self) -> Iterator[None]:
        """The raw REPL for a block, then the prompt for whoever comes next: also after an
        exception or Ctrl-C, which then stops the board's script too."""
        self.enter_raw_repl()
        try:
            yield
        except (BoardCrash, NoAnswer):
            raise  # there is nobody to be led back
        except BaseException:
            with contextlib.suppress(BoardError):
                self.write(INTERRUPT)
                self.leave_raw_repl()
            raise
        self.leave_raw_repl()

    def soft_reset(self, sink: Sink | None = None) -> bytes:
        """In the raw REPL: a soft reset; what was printed until the raw REPL was back."""
        self.write(END)
        self.read_until(b"soft reboot\r\n", silence=self._brief)
        return self.read_until(RAW_PROMPT, sink=sink)[: -len(RAW_PROMPT)]

    def exec(
        self, code: str | bytes, *, sink: Sink | None = None, silence: float | None = None
    ) -> tuple[str, str]:
        """In the raw REPL: runs a script and returns its output and, if it failed, its traceback.

        `sink` gets the output as it comes.
        """
        source = code.encode() if isinstance(code, str) else code
        self.forget()
        self._raw_paste(source)
        output = self.read_until(END, silence=silence, sink=sink)[:-1]
        errors = self.read_until(END, silence=silence)[:-1]
        self.read_until(b">", silence=silence)
        return to_text(output), to_text(errors)

    def run(
        self, code: str | bytes, *, sink: Sink | None = None, silence: float | None = None
    ) -> str:
        """Like exec(), but an uncaught exception raises ScriptError."""
        output, errors = self.exec(code, sink=sink, silence=silence)
        if errors:
            raise ScriptError(errors, output)
        return output

    def _raw_paste(self, source: bytes) -> None:
        self.write(b"\x05A\x01")
        answer = self.read_exactly(2)
        if answer != b"R\x01":
            raise NoAnswer(f"{self.url} does not take raw-paste: it answered {answer!r}")
        window = int.from_bytes(self.read_exactly(2), "little")
        room, at = window, 0
        while at < len(source):
            if room == 0 or self._buffer or self._port.in_waiting:
                if not self._granted():
                    self.write(END)
                    return
                room += window
                continue
            piece = source[at : at + room]
            self.write(piece)
            at += len(piece)
            room -= len(piece)
        self.write(END)
        while self._granted():  # windows granted meanwhile, then the acknowledgement
            pass

    def _granted(self) -> bool:
        """Whether the board grants another window (else it wants no more)."""
        answer = self.read_exactly(1)
        if answer not in (RAW_MODE, END):
            raise NoAnswer(f"{self.url}: {answer!r} instead of flow control in raw-paste")
        return answer == RAW_MODE
