# SPDX-License-Identifier: MIT
"""Set-up: everything that building, running and testing needs, from a bare Debian.

Runs on the system's Python with the standard library only. Each step looks first, in a few
milliseconds, whether its result is there already, so that `make run` can call it every time.
All messages go to stderr; no child process gets the caller's stdin.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import shutil
import sys
import time
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import pimem
from pimem import growth
from pimem.setup import apt
from pimem.setup.messages import SetupError, say
from pimem.setup.packages import install_packages
from pimem.setup.sources import PIN_FILE, fetch_sources

LOCK_SECONDS = 1800


def venv_folder() -> Path:
    return pimem.ROOT / ".venv"


def stubs_folder() -> Path:
    return pimem.ROOT / "modules" / "memory" / "stubs"


def venv_pin() -> str:
    """Return what the virtual environment depends on: pins, place of this tree, Python."""
    parts: list[object] = [str(pimem.ROOT), sys.version]
    for folder in (pimem.ROOT, stubs_folder()):
        settings = tomllib.loads((folder / "pyproject.toml").read_text())
        parts += [settings["project"], settings["build-system"]]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def make_venv() -> None:
    venv = venv_folder()
    stamp = venv / PIN_FILE
    if stamp.is_file() and stamp.read_text() == venv_pin():
        return
    say("making the virtual environment .venv with the versions of pyproject.toml")
    shutil.rmtree(venv, ignore_errors=True)
    apt.call([sys.executable, "-m", "venv", str(venv)])
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check"]
    trees = ["--editable", f"{pimem.ROOT}[test,clients]", "--editable", str(stubs_folder())]
    with growth.shown("setup: .venv", venv):
        # Not compiled: most modules of the clients are never imported.
        apt.call([*pip, "--quiet", "--no-compile", "--retries", "5", *trees])
    stamp.write_text(venv_pin())


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Wait for another set-up of this tree to end."""
    pimem.BUILD.mkdir(exist_ok=True)
    with (pimem.BUILD / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another set-up of this tree")
            wait_for(lock)
        yield


def wait_for(lock: IO[str]) -> None:
    end = time.monotonic() + LOCK_SECONDS
    while time.monotonic() < end:
        time.sleep(0.2)
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
    raise SetupError(f"another set-up of this tree has not ended for {LOCK_SECONDS} s")


def set_up() -> None:
    """Run every step; SetupError where one cannot be done."""
    try:
        with alone():
            install_packages()
            with ThreadPoolExecutor(1) as beside:
                venv = beside.submit(make_venv)
                fetch_sources()
                venv.result()
    except (apt.AptError, OSError) as exc:
        raise SetupError(str(exc)) from exc
