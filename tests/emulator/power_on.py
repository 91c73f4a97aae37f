# SPDX-License-Identifier: MIT
"""Machines started by hand, and the target tests run on their ports."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pimem import ROOT
from pimem.board.qemu import Qemu, kernel_args
from pimem.testing import board_session


def run_tests(*options: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """pytest in a process of its own, as `make test PORT=...` starts it."""
    command = [sys.executable, "-m", "pytest", "tests/target", "-p", "no:cacheprovider"]
    reports = ["--junitxml", str(folder / "junit.xml"), "--transcripts", str(folder / "lines")]
    return subprocess.run(
        [*command, *reports, *options],
        cwd=ROOT,
        env=os.environ | env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
    )


def power_on(name: str) -> Qemu:
    """A machine started by hand: it restarts when it is reset."""
    board = board_session.boards.load(name)
    machine = Qemu(board, kernel_args(board_session.kernel(board)), reboot=True)
    machine.resume()
    return machine
