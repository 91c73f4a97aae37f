# SPDX-License-Identifier: MIT
"""The source trees that are compiled into the image: pinned tarballs of Debian, or clones."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pimem
from pimem import growth
from pimem.setup import apt
from pimem.setup.messages import SetupError, say

SUITES = ("trixie", "bookworm")
PIN_FILE = ".pimem-pin"


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
        return pimem.DEPS / self.name


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


def fetch_sources() -> None:
    """Unpack MicroPython and libfdt below build/deps, but not where the user names a checkout."""
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
    """Read source package lists; None where there is no Debian archive to read from."""
    if not apt.is_debian():
        return None
    try:
        apt.ensure_lists(say)
        lists = apt.PrivateLists(pimem.DEPS / "apt-source", "deb-src", SUITES, machine=False)
        say(f"reading the source package lists of {', '.join(SUITES)}")
        lists.update()
    except apt.AptError as exc:
        say(f"no source packages here: {exc}")
        return None
    return lists


def fetch(source: Source, lists: apt.PrivateLists | None) -> None:
    pimem.DEPS.mkdir(parents=True, exist_ok=True)
    fresh = pimem.DEPS / f"{source.name}.new"
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
    """Fetch and unpack the first tarball that the archive still has."""
    if lists is None:
        return False
    for tarball in source.tarballs:
        archive = pimem.DEPS / tarball.file_name
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
    """Unpack an archive of one top folder as `target`."""
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
    """Clone the public upstream repository at the pinned commit."""
    say(f"cloning {source.repository} at {source.tag}")
    try:
        command = ["git", "-c", "advice.detachedHead=false", "clone", "--depth", "1"]
        with growth.shown(f"setup: {source.name}", target):
            apt.call([*command, "--branch", source.tag, source.repository, str(target)])
        head = (apt.call(["git", "-C", str(target), "rev-parse", "HEAD"]) or "").strip()
    except (apt.AptError, OSError) as exc:
        problems.append(f"{source.repository}: {exc}")
        return False
    if head != source.commit:
        problems.append(f"{source.repository}: {source.tag} is {head}, not {source.commit}")
        return False
    return True
