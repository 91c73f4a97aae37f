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
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pimem import BUILD, ROOT
from pimem.setup import apt

DEPS = BUILD / "deps"
VENV = ROOT / ".venv"
STUBS = ROOT / "modules" / "memory" / "stubs"
QEMU_NAME = "qemu-system-aarch64"
QEMU_PACKAGE = "qemu-system-arm"
QEMU_OLDEST = 9  # the first release with the raspi4b machine
PICOLIBC = Path("/usr/lib/picolibc/aarch64-linux-gnu")
SOURCE_SUITES = ("trixie", "bookworm")
PIN_FILE = ".pimem-pin"
LOCK_SECONDS = 1800


class SetupError(Exception):
    """Set-up cannot go on; the text is for the user."""


@dataclass(frozen=True)
class Tarball:
    """A source package's upstream tarball, by the name and hash Debian has it under."""

    package: str
    file_name: str
    sha256: str


@dataclass(frozen=True)
class Source:
    """A source tree that is compiled into the image."""

    name: str  # folder below build/deps
    variable: str  # environment variable naming a checkout to use instead
    landmark: str  # a file that tells the tree is what it should be
    tarballs: tuple[Tarball, ...]  # in order of preference
    repository: str
    tag: str
    commit: str

    @property
    def folder(self) -> Path:
        return DEPS / self.name


SOURCES = (
    Source(
        name="micropython",
        variable="MICROPYTHON_DIR",
        landmark="py/mpconfig.h",
        tarballs=(
            Tarball(
                "micropython=1.25.0+ds-1",
                "micropython_1.25.0+ds.orig.tar.xz",
                "7b25be99a502f070b2de81dafc08da7051d992325d6e67daa9045a918fffdbea",
            ),
        ),
        repository="https://github.com/micropython/micropython.git",
        tag="v1.25.0",
        commit="f498a16c7db6d4b2de200b3e0856528dfe0613c3",
    ),
    Source(
        name="dtc",
        variable="DTC_DIR",
        landmark="libfdt/libfdt.h",
        tarballs=(
            Tarball(
                "device-tree-compiler",
                "device-tree-compiler_1.7.2.orig.tar.xz",
                "92d8ca769805ae1f176204230438fe52808f4e1c7944053c9eec0e649b237539",
            ),
            Tarball(
                "device-tree-compiler",
                "device-tree-compiler_1.6.1.orig.tar.xz",
                "65cec529893659a49a89740bb362f507a3b94fc8cd791e76a8d6a2b6f3203473",
            ),
        ),
        repository="https://git.kernel.org/pub/scm/utils/dtc/dtc.git",
        tag="v1.7.2",
        commit="2d10aa2afe35527728db30b35ec491ecb6959e5c",
    ),
)


@dataclass(frozen=True)
class Need:
    """Something that must be on the machine, and the Debian package that brings it."""

    what: str
    package: str
    present: Callable[[], bool]


def say(message: str) -> None:
    print(f"setup: {message}", file=sys.stderr, flush=True)


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
    ]


def cross_triplet(prefix: str) -> str:
    """The package suffix of a cross compiler prefix that may have a folder before it."""
    return Path(prefix).name.rstrip("-")


def qemu_program() -> str:
    return os.environ.get("QEMU") or QEMU_NAME


def qemu_version(program: str) -> tuple[int, ...] | None:
    """(major, minor, patch), or None where the program is not there or does not run."""
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
    """The error that lists exactly what to install by hand."""
    lines = [f"{reason}; please install:"]
    lines += [f"  {need.what:24} (Debian package {need.package})" for need in missing]
    if qemu_too:
        what = f"{QEMU_NAME} >= {QEMU_OLDEST}"
        lines.append(f"  {what:24} (Debian package {QEMU_PACKAGE}, on Debian 12 from backports)")
    return SetupError("\n".join(lines))


def install_packages() -> None:
    """Cross toolchain, C library, QEMU, and what the steps below need."""
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
    folder = DEPS / "apt-binary"
    lists = apt.PrivateLists(folder, "deb", [suite], machine=True)
    lists.update(root)
    apt.install([QEMU_PACKAGE], root, lists)
    shutil.rmtree(folder / "cache", ignore_errors=True)


def check_packages() -> None:
    importlib.invalidate_caches()
    missing = missing_needs()
    if missing or not qemu_good():
        raise refuse(missing, not qemu_good(), "still missing after installing packages")


def fetch_sources() -> None:
    """MicroPython and libfdt, unpacked below build/deps, or checkouts the user names."""
    wanted = []
    for source in SOURCES:
        override = os.environ.get(source.variable)
        if override:
            require_landmark(source, Path(override))
        elif not pinned(source):
            wanted.append(source)
    if not wanted:
        return
    lists = source_lists()
    for source in wanted:
        fetch(source, lists)


def require_landmark(source: Source, folder: Path) -> None:
    if not (folder / source.landmark).is_file():
        raise SetupError(f"{source.variable}={folder} has no {source.landmark}")


def pin(source: Source) -> str:
    return " ".join([source.commit, *(tarball.sha256 for tarball in source.tarballs)])


def pinned(source: Source) -> bool:
    stamp = source.folder / PIN_FILE
    return stamp.is_file() and stamp.read_text() == pin(source)


def source_lists() -> apt.PrivateLists | None:
    """Source package lists, or None where there is no Debian archive to read from."""
    if not apt.is_debian():
        return None
    try:
        apt.ensure_lists(say)
        lists = apt.PrivateLists(DEPS / "apt-source", "deb-src", SOURCE_SUITES, machine=False)
        say(f"reading the source package lists of {', '.join(SOURCE_SUITES)}")
        lists.update()
    except apt.AptError as exc:
        say(f"no source packages here: {exc}")
        return None
    return lists


def fetch(source: Source, lists: apt.PrivateLists | None) -> None:
    DEPS.mkdir(parents=True, exist_ok=True)
    fresh = DEPS / f"{source.name}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    problems: list[str] = []
    if not (fetch_package(source, lists, fresh, problems) or clone(source, fresh, problems)):
        raise SetupError(f"cannot fetch {source.name}:\n" + "\n".join(problems))
    (fresh / PIN_FILE).write_text(pin(source))
    shutil.rmtree(source.folder, ignore_errors=True)
    fresh.rename(source.folder)


def fetch_package(
    source: Source, lists: apt.PrivateLists | None, target: Path, problems: list[str]
) -> bool:
    """Fetches and unpacks the first tarball that the archive still has."""
    if lists is None:
        return False
    for tarball in source.tarballs:
        archive = DEPS / tarball.file_name
        try:
            if not has_hash(archive, tarball.sha256):
                download_tarball(tarball, lists, archive)
            unpack(archive, target)
            return True
        except (apt.AptError, SetupError, OSError) as exc:
            problems.append(f"{tarball.file_name}: {exc}")
    return False


def download_tarball(tarball: Tarball, lists: apt.PrivateLists, archive: Path) -> None:
    found = lists.upstream_tarball(tarball.package, tarball.file_name)
    if found is None:
        raise SetupError(f"no suite of {', '.join(lists.suites)} has it")
    say(f"fetching {tarball.file_name}")
    apt.download(found[0], tarball.sha256, archive)
    if not has_hash(archive, tarball.sha256):
        raise SetupError(f"its sha256 is not {tarball.sha256}")


def has_hash(path: Path, sha256: str) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def unpack(archive: Path, target: Path) -> None:
    """Unpacks an archive of one top folder as `target`."""
    scratch = target.with_suffix(".unpack")
    shutil.rmtree(scratch, ignore_errors=True)
    with tarfile.open(archive) as tar:
        if hasattr(tarfile, "data_filter"):
            tar.extractall(scratch, filter="data")
        else:
            tar.extractall(scratch)
    (top,) = scratch.iterdir()
    top.rename(target)
    scratch.rmdir()


def clone(source: Source, target: Path, problems: list[str]) -> bool:
    """The public upstream repository at the pinned commit."""
    say(f"cloning {source.repository} at {source.tag}")
    try:
        command = ["git", "-c", "advice.detachedHead=false", "clone", "--depth", "1"]
        apt.call([*command, "--branch", source.tag, source.repository, str(target)])
        head = (apt.call(["git", "-C", str(target), "rev-parse", "HEAD"]) or "").strip()
    except (apt.AptError, OSError) as exc:
        problems.append(f"{source.repository}: {exc}")
        return False
    if head != source.commit:
        problems.append(f"{source.repository}: {source.tag} is {head}, not {source.commit}")
        return False
    return True


def venv_pin() -> str:
    """What the virtual environment depends on: the pins, this tree's place, the Python."""
    parts: list[object] = [str(ROOT), sys.version]
    for folder in (ROOT, STUBS):
        settings = tomllib.loads((folder / "pyproject.toml").read_text())
        parts += [settings["project"], settings["build-system"]]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def make_venv() -> None:
    stamp = VENV / PIN_FILE
    if stamp.is_file() and stamp.read_text() == venv_pin():
        return
    say("making the virtual environment .venv with the versions of pyproject.toml")
    shutil.rmtree(VENV, ignore_errors=True)
    apt.call([sys.executable, "-m", "venv", str(VENV)])
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check"]
    trees = ["--editable", f"{ROOT}[test]", "--editable", str(STUBS)]
    apt.call([*pip, "--quiet", "--retries", "5", *trees])
    stamp.write_text(venv_pin())


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Two set-ups of one tree wait for each other."""
    BUILD.mkdir(exist_ok=True)
    with (BUILD / "setup.lock").open("w") as lock:
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


def main(_: object = None) -> int:
    """Runs every step; 0, or 2 with the reason on stderr."""
    try:
        with alone():
            install_packages()
            fetch_sources()
            make_venv()
    except (SetupError, apt.AptError, OSError) as exc:
        print(f"setup: error: {exc}", file=sys.stderr)
        return 2
    return 0
