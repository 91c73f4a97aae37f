# SPDX-License-Identifier: MIT
"""A board on a pty that behaves like MicroPython's REPL, and misbehaves on request.

Scripts run in CPython, with more functions: `crash()` prints a crash report and goes silent,
`hang()` only goes silent, `wait()` waits until the test sets `go`, `restart(cause)` restarts the
board, `read()` returns a line that is sent to the script, `flood(text)` prints text without end
from then on, as a callback does.
"""

from __future__ import annotations

import builtins
import contextlib
import functools
import io
import os
import select
import threading
import traceback
import tty
import types
from collections.abc import Callable
from typing import Any

BANNER = b'MicroPython v0 on a fake\r\nType "help()" for more information.\r\n'
PROMPT = b">>> "
RAW_PROMPT = b"raw REPL; CTRL-B to exit\r\n>"
REPORT = b"boot report\r\n  frames 1 of 2\r\n"
CRASH = (
    b"\r\n*** crash: exception in the fake\r\nx0 0000000000000001\r\n"
    b'CRASH {"cause": "test", "far": "0x10"}\r\n'
)
WINDOW = 32
#: Where callbacks may print: around what the raw REPL sends in raw-paste, and when it is idle.
PLACES = (
    "asked",
    "granting",
    "sent",
    "running",
    "failing",
    "ended",
    "idle",
    "answered",
    "leaving",
    "restarted",
)


class Gone(Exception):
    """The test is over, or the board has been told to fall silent."""


class Console(io.TextIOBase):
    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send

    def write(self, text: str) -> int:
        self._send(text.encode().replace(b"\n", b"\r\n"))
        return len(text)


class FakeBoard:
    """`url` is the serial line; `overruns` counts bytes sent without leave in raw-paste."""

    def __init__(self, report: bytes = REPORT) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.url = os.ttyname(self._slave)
        self.overruns = 0
        self.resets = 0
        self.cause = 1  # of the last reset
        self.go = threading.Event()
        self.late: dict[str, bytes] = {}  # what callbacks print at PLACES
        self.hook = self.boot_py = b""  # what an exit function and boot.py print
        self.takes_keys = 0  # bytes that boot.py reads
        self._sending = threading.Lock()
        self._flooding: list[threading.Thread] = []
        self._enough = threading.Event()
        self._report = report
        self._stop, self._wake = os.pipe()
        self._booted = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def boot(self) -> None:
        """Power on: until then the board says nothing."""
        self._booted.set()

    def close(self) -> None:
        self._booted.set()
        self._enough.set()
        os.write(self._wake, b"x")
        for thread in (*self._flooding, self._thread):
            thread.join(10)
        for fd in (self._master, self._slave, self._stop, self._wake):
            os.close(fd)

    def vanish(self) -> None:
        """Pull the adapter: the line hangs up."""
        os.write(self._wake, b"x")
        self._thread.join(10)
        nothing = os.open(os.devnull, os.O_RDWR)
        for fd in (self._master, self._slave):
            os.dup2(nothing, fd)
        os.close(nothing)

    def __enter__(self) -> FakeBoard:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, data: bytes) -> None:
        with self._sending:
            while data:
                if select.select([self._stop], [self._master], [])[0]:
                    raise Gone
                with contextlib.suppress(BlockingIOError):
                    data = data[os.write(self._master, data) :]

    def flood(self, text: str, every: float = 0.001) -> None:
        """Send a text without end from now on, where there is room: each time whole."""

        def send() -> None:
            data = text.encode().replace(b"\n", b"\r\n")
            while not self._enough.wait(every):
                if select.select([], [self._master], [], 0)[1]:
                    with contextlib.suppress(Gone):
                        self.send(data)

        self._flooding.append(threading.Thread(target=send, daemon=True))
        self._flooding[-1].start()

    def _late(self, place: str) -> None:
        assert place in PLACES
        self.send(self.late.get(place, b""))

    def _byte(self) -> bytes:
        ready = select.select([self._master, self._stop], [], [])[0]
        if self._stop in ready:
            raise Gone
        return os.read(self._master, 1)

    def _serve(self) -> None:
        self._booted.wait()
        with contextlib.suppress(Gone, OSError):
            self._run_from_start()

    def _run_from_start(self) -> None:
        self.send(self._report + BANNER + PROMPT)
        while True:
            self._friendly()
            self._raw()

    def _friendly(self) -> None:
        """Until Ctrl-A; a line typed here is echoed and not understood."""
        while (byte := self._byte()) != b"\x01":
            self.send({b"\r": b"\r\n" + PROMPT, b"\x03": b"\r\n" + PROMPT}.get(byte, byte))
        self.send(RAW_PROMPT)

    def _raw(self) -> None:
        """Until Ctrl-B."""
        line = b""
        while (byte := self._byte()) != b"\x02":
            if byte == b"\x01":
                if line == b"\x05A":
                    self._raw_paste()
                else:
                    self.send(RAW_PROMPT)
                    self._late("answered")
                line = b""
            elif byte == b"\x04" and not line:
                self.send(b"OK\r\n")
                self._soft_reset()
            elif byte not in b"\r\x03":
                line += byte
        self.send(b"\r\n" + BANNER + PROMPT)

    def _soft_reset(self) -> None:
        self.resets += 1
        self.send(self.hook)
        self._late("leaving")
        self.send(b"MPY: soft reboot\r\n" + self.boot_py)
        for _ in range(self.takes_keys):
            self._byte()
        self.send(RAW_PROMPT)
        self._late("restarted")

    def _raw_paste(self) -> None:
        self._late("asked")
        self.send(b"R\x01" + WINDOW.to_bytes(2, "little"))
        source, room = b"", WINDOW
        while (byte := self._byte()) != b"\x04":
            source += byte
            room -= 1
            self.overruns += room < 0
            # Leave is given only when nothing more is on its way: a host that sends before
            # it is asked is caught.
            if room == 0 and not select.select([self._master], [], [], 0.02)[0]:
                room = WINDOW
                self._late("granting")
                self.send(b"\x01")
            if source.endswith(b"!stop!"):  # as a compiler does at the first error
                self.send(b"\x04")
                while self._byte() != b"\x04":
                    pass
                self.send(b"\x04SyntaxError: stopped\r\n\x04>")
                return
        self._late("sent")
        self.send(b"\x04")
        errors = self._run(source.decode())
        self._late("running")
        if errors is None:
            self.send(b"\x04\x04")
            self._soft_reset()
            return
        self.send(b"\x04" + errors.encode().replace(b"\n", b"\r\n"))
        if errors:
            self._late("failing")
        self.send(b"\x04")
        self._late("ended")
        self.send(b">")
        self._late("idle")

    def _run(self, source: str) -> str | None:
        """Return the traceback, '' without one; None for SystemExit."""
        console = Console(self.send)
        names = {
            "__name__": "__main__",
            "__builtins__": self._builtins(console),
            "print": functools.partial(print, file=console),  # sys.stdout is the tests' own
            "crash": self._crash,
            "hang": self._hang,
            "restart": self._restart,
            "read": self._read,
            "flood": self.flood,
            "wait": functools.partial(self.go.wait, 10),
        }
        try:
            exec(compile(source, "<stdin>", "exec"), names)
        except Gone:
            raise
        except SystemExit:
            return None
        except BaseException:
            return traceback.format_exc()
        return ""

    def _builtins(self, console: Console) -> dict[str, Any]:
        """CPython's, with the modules `sys` and `machine` of a board."""
        modules = {
            "sys": types.SimpleNamespace(
                stdout=console,
                stdin=types.SimpleNamespace(readline=self._readline),
                argv=[],
                print_exception=lambda exc: traceback.print_exception(exc, file=console),
            ),
            "builtins": types.SimpleNamespace(input=None),
            "machine": types.SimpleNamespace(
                reset_cause=lambda: self.cause, HARD_RESET=2, WDT_RESET=3, CRASH_RESET=6
            ),
        }

        def load(name: str, *rest: Any) -> Any:
            return modules.get(name) or builtins.__import__(name, *rest)

        return {**vars(builtins), "__import__": load}

    def _crash(self) -> None:
        self.send(CRASH)
        self._hang()

    def _restart(self, cause: int = 2, says: str = "") -> None:
        self.send(says.encode())
        self.cause = cause
        self._run_from_start()

    def _read(self) -> str:
        line = b""
        while (byte := self._byte()) != b"\r":
            line += byte
        return line.decode()

    def _readline(self) -> str:
        line = b""
        while not line.endswith(b"\n"):
            line += self._byte()
        return line.decode()

    def _hang(self) -> None:
        while True:
            self._byte()
