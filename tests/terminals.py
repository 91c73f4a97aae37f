# SPDX-License-Identifier: MIT
"""Commands as a terminal starts them, types to them and interrupts them."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from limits import HANG_SECONDS


def heed_ctrl_c() -> None:
    """For preexec_fn: what a shell put into the background ignores SIGINT, and so would all that
    it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def read_until(fd: int, wanted: bytes, seconds: float = HANG_SECONDS) -> bytes:
    seen, end = b"", time.monotonic() + seconds
    while wanted not in seen and time.monotonic() < end:
        if select.select([fd], [], [], 0.1)[0]:
            seen += os.read(fd, 4096)
    assert wanted in seen
    return seen


@contextlib.contextmanager
def at_a_terminal(*args: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "pimem", *args]
    child = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave)
    try:
        yield master, child
    finally:
        child.kill()
        child.wait()
        os.close(master)
        os.close(slave)


class Typist:
    """A command at a terminal, and one who reads and types there."""

    SECONDS = 30.0
    TRIES = 3

    def __init__(self, command: Sequence[str], folder: Path, environment: dict[str, str]) -> None:
        self.master, slave = pty.openpty()
        self.child = subprocess.Popen(
            command, cwd=folder, env=environment, stdin=slave, stdout=slave, stderr=slave
        )
        os.close(slave)
        self.said = b""
        self.read = 0  # what comes behind was not waited for yet

    def receive(self, seconds: float) -> None:
        if select.select([self.master], [], [], seconds)[0]:
            with contextlib.suppress(OSError):  # nobody has the terminal open any more
                self.said += os.read(self.master, 4096)

    def see(self, wanted: bytes, seconds: float | None = None) -> bool:
        """Wait for something behind what was seen before, SECONDS by default."""
        end = time.monotonic() + (self.SECONDS if seconds is None else seconds)
        while (found := self.said.find(wanted, self.read)) < 0:
            if time.monotonic() > end:
                return False
            self.receive(0.05)
        self.read = found + len(wanted)
        return True

    def type(self, text: str) -> None:
        """Type each key when the one before is echoed: some programs lose what comes early."""
        for key in text.encode():
            os.write(self.master, bytes([key]))
            if 0x20 <= key < 0x7F:
                self.see(bytes([key]))

    def come_to(self, prompt: bytes) -> bool:
        """Press Enter until a prompt comes: what is typed before the program reads is lost."""
        end = time.monotonic() + self.SECONDS
        while time.monotonic() < end:
            os.write(self.master, b"\r")
            if self.see(prompt, 1):
                return True
        return False

    def have(self, text: str, wanted: bytes, prompt: bytes) -> bool:
        """Type something and wait for the answer. A line is typed again at the next prompt: rshell
        drops a key that comes while it sets the terminal up for it, which the terminal echoes."""
        for _ in range(self.TRIES):
            self.type(text)
            if self.see(wanted):
                return True
            if not (text.endswith("\r") and self.come_to(prompt)):
                break
        return False

    def leave(self, key: str) -> None:
        """Press the key that ends the command until it ends."""
        end = time.monotonic() + self.SECONDS
        while self.child.poll() is None and time.monotonic() < end:
            os.write(self.master, key.encode())
            self.receive(0)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.child.wait(0.3)

    def act(self, prompt: str, script: Sequence[tuple[str, str]], leave: str) -> bool:
        """At a prompt, type the first of each two, and wait for the second; then leave.

        Return whether all of it came, and the command ended well.
        """
        try:
            went = self.come_to(prompt.encode())
            for text, wanted in script:
                went = went and self.have(text, wanted.encode(), prompt.encode())
            self.leave(leave)
            return went and self.child.poll() == 0
        finally:
            self.child.kill()
            self.child.wait()
            os.close(self.master)
