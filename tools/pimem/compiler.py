# SPDX-License-Identifier: MIT
"""Runs a compiler of the host."""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

SECONDS = 300


def compile_to(target: Path, command: Sequence[str]) -> str:
    """Compile into a file, which is there only when it is complete.

    Return '' or, if the compiler failed, what it printed.
    """
    temporary = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    # A sanitiser that was preloaded into a test's process would double the compiler's time.
    environment = {name: text for name, text in os.environ.items() if name != "LD_PRELOAD"}
    done = subprocess.run(
        [*command, "-o", str(temporary)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env=environment,
    )
    if done.returncode:
        temporary.unlink(missing_ok=True)
        return f"{done.stdout}{done.stderr}".strip() or f"status {done.returncode}"
    temporary.replace(target)
    return ""


def compile_once(target: Path, command: Sequence[str]) -> str:
    """Compile like compile_to() unless the file is there. Several processes may want it at once:
    one compiles it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return "" if target.exists() else compile_to(target, command)
