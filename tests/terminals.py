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
from collections.abc import Iterator


def heed_ctrl_c() -> None:
    """For preexec_fn: what a shell put into the background ignores SIGINT, and so would all that
    it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def read_until(fd: int, wanted: bytes, seconds: float = 20) -> bytes:
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
