# SPDX-License-Identifier: MIT
"""The Debian packages that building and running need: toolchain, C library, QEMU and tools."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pimem
from pimem.setup import apt
from pimem.setup.messages import SetupError, say

QEMU_NAME = "qemu-system-aarch64"
QEMU_PACKAGE = "qemu-system-arm"
QEMU_OLDEST = 9  # the first release with the raspi4b machine
PICOLIBC = Path("/usr/lib/picolibc/aarch64-linux-gnu")


@dataclass(frozen=True)
class Need:
    """Something that must be on the machine, and the Debian package that brings it."""

    what: str
    package: str
    present: Callable[[], bool]


def on_path(program: str) -> Callable[[], bool]:
    # What only root has on its PATH counts as well.
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    return lambda: shutil.which(program, path=path) is not None


def exists(path: str | Path) -> Callable[[], bool]:
    return lambda: Path(path).exists()


def needs() -> list[Need]:
    prefix = os.environ.get("CROSS_COMPILE") or "aarch64-linux-gnu-"
    return [
        Need("make", "make", on_path("make")),
        Need("a C compiler", "gcc", on_path("gcc")),
        Need("C library headers", "libc6-dev", exists("/usr/include/stdio.h")),
        Need("git", "git", on_path("git")),
        Need("CA certificates", "ca-certificates", exists("/etc/ssl/certs/ca-certificates.crt")),
        Need("Python's venv", "python3-venv", lambda: bool(importlib.util.find_spec("ensurepip"))),
        Need(f"{prefix}gcc", f"gcc-{cross_triplet(prefix)}", on_path(f"{prefix}gcc")),
        Need("picolibc", "picolibc-aarch64-linux-gnu", exists(PICOLIBC)),
        Need("mkfs.fat", "dosfstools", on_path("mkfs.fat")),
        Need("mtools", "mtools", on_path("mcopy")),
        Need("bmaptool", "bmap-tools", on_path("bmaptool")),
        Need("xz", "xz-utils", on_path("xz")),
        Need("lsblk", "util-linux", on_path("lsblk")),
        Need("losetup", "mount", on_path("losetup")),
        Need("mke2fs", "e2fsprogs", on_path("mke2fs")),
        Need("cppcheck", "cppcheck", on_path("cppcheck")),
        Need("jq", "jq", on_path("jq")),
    ]


def cross_triplet(prefix: str) -> str:
    """Return the package suffix of a cross compiler prefix that may have a folder before it."""
    return Path(prefix).name.rstrip("-")


def qemu_program() -> str:
    return os.environ.get("QEMU") or QEMU_NAME


def qemu_version(program: str) -> tuple[int, ...] | None:
    """Return (major, minor, patch), or None where the program is missing or does not run."""
    try:
        done = subprocess.run(
            [program, "--version"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=30,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"version (\d+)\.(\d+)\.(\d+)", done.stdout)
    return tuple(int(part) for part in found.groups()) if found else None


def qemu_good() -> bool:
    version = qemu_version(qemu_program())
    return version is not None and version[0] >= QEMU_OLDEST


def missing_needs() -> list[Need]:
    return [need for need in needs() if not need.present()]


def refuse(missing: list[Need], qemu_too: bool, reason: str) -> SetupError:
    """Return the error that lists exactly what to install by hand."""
    lines = [f"{reason}; please install:"]
    lines += [f"  {need.what:24} (Debian package {need.package})" for need in missing]
    if qemu_too:
        what = f"{QEMU_NAME} >= {QEMU_OLDEST}"
        lines.append(f"  {what:24} (Debian package {QEMU_PACKAGE}, on Debian 12 from backports)")
    return SetupError("\n".join(lines))


def install_packages() -> None:
    """Install the cross toolchain, the C library, QEMU, and what the other steps need."""
    missing = missing_needs()
    qemu_too = not qemu_good()
    if not missing and not qemu_too:
        return
    if qemu_too and "QEMU" in os.environ:
        raise SetupError(f"QEMU={os.environ['QEMU']} is not QEMU {QEMU_OLDEST} or newer")
    if not apt.is_debian():
        raise refuse(missing, qemu_too, "this is not Debian")
    root = apt.privilege()
    if root is None:
        raise refuse(missing, qemu_too, "neither root nor sudo without a password")
    apt.ensure_lists(say)
    if missing:
        packages = [need.package for need in missing]
        say(f"installing {' '.join(packages)}")
        apt.install(packages, root)
    if qemu_too:
        install_qemu(root)
    check_packages()


def install_qemu(root: list[str]) -> None:
    version = apt.candidate_version(QEMU_PACKAGE)
    if version and int(version.split(".")[0]) >= QEMU_OLDEST:
        say(f"installing {QEMU_PACKAGE} {version}")
        apt.install([QEMU_PACKAGE], root)
        return
    suite = f"{apt.os_release().get('VERSION_CODENAME', 'bookworm')}-backports"
    say(f"installing {QEMU_PACKAGE} from {suite} (about 150 MB)")
    folder = pimem.DEPS / "apt-binary"
    lists = apt.PrivateLists(folder, "deb", [suite], machine=True)
    lists.update(root)
    apt.install([QEMU_PACKAGE], root, lists)
    shutil.rmtree(folder / "cache", ignore_errors=True)


def check_packages() -> None:
    importlib.invalidate_caches()
    missing = missing_needs()
    if missing or not qemu_good():
        raise refuse(missing, not qemu_good(), "still missing after installing packages")
