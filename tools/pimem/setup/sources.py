# SPDX-License-Identifier: MIT
"""The source trees that are compiled into the image: pinned tarballs of Debian, or clones."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pimem
from pimem import growth
from pimem.setup import apt
from pimem.setup.messages import SetupError, say

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
    suites: tuple[str, ...]  # of Debian, in the order they are asked
    repository: str
    tag: str
    commit: str = ""  # what the tag has to be; '' where `content` says it
    content: str = ""  # what content_hash() of a clone has to be
    content_of: tuple[str, ...] = ()

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
                "micropython",
                "micropython_1.26.1+ds.orig.tar.xz",
                "f5ad2ec89d3e921f753d448955af98b6005655f84ba26087dde6ba0e8d062f34",
            ),
        ),
        suites=("forky", "sid"),
        repository="https://github.com/micropython/micropython.git",
        tag="v1.26.1",
        content="bd7502d5fd604a7f93c49d0023e6c9646a1f71696a8c62c1b1f124e86621879a",
        content_of=(
            "py",
            "extmod",
            "shared",
            "lib/littlefs",
            "lib/oofatfs",
            "lib/re1.5",
            "lib/uzlib",
            "tools",
            "tests",
        ),
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
        suites=("trixie", "bookworm"),
        repository="https://git.kernel.org/pub/scm/utils/dtc/dtc.git",
        tag="v1.7.2",
        commit="2d10aa2afe35527728db30b35ec491ecb6959e5c",
    ),
)


def micropython() -> Path:
    """Return the folder of the MicroPython that is built: $MICROPYTHON_DIR, or the fetched one."""
    return Path(os.environ.get("MICROPYTHON_DIR") or pimem.DEPS / "micropython").absolute()


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
    for source in wanted:
        fetch(source)


def require_landmark(source: Source, folder: Path) -> None:
    if not (folder / source.landmark).is_file():
        raise SetupError(f"{source.variable}={folder} has no {source.landmark}")


def pin(source: Source) -> str:
    revision = source.commit or source.content
    return " ".join([revision, *(tarball.sha256 for tarball in source.tarballs)])


def pinned(source: Source) -> bool:
    stamp = source.folder / PIN_FILE
    return stamp.is_file() and stamp.read_text() == pin(source)


def source_lists(suites: Sequence[str]) -> apt.PrivateLists | None:
    """Read source package lists; None where there is no Debian archive to read from."""
    if not apt.is_debian():
        return None
    try:
        apt.ensure_lists(say)
        lists = apt.PrivateLists(pimem.DEPS / "apt-source", "deb-src", suites, machine=False)
        say(f"reading the source package lists of {', '.join(suites)}")
        lists.update()
    except apt.AptError as exc:
        say(f"no source packages here: {exc}")
        return None
    return lists


def fetch(source: Source) -> None:
    """Fetch a source by the first way that works: a tarball kept here, Debian, a clone."""
    pimem.DEPS.mkdir(parents=True, exist_ok=True)
    fresh = pimem.DEPS / f"{source.name}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    problems: list[str] = []
    ways = (unpack_kept, fetch_package, clone)
    if not any(way(source, fresh, problems) for way in ways):
        raise SetupError(f"cannot fetch {source.name}:\n" + "\n".join(problems))
    (fresh / PIN_FILE).write_text(pin(source))
    shutil.rmtree(source.folder, ignore_errors=True)
    fresh.rename(source.folder)


def unpack_kept(source: Source, target: Path, problems: list[str]) -> bool:
    """Unpack a tarball that was fetched before, which needs no network."""
    for tarball in source.tarballs:
        archive = pimem.DEPS / tarball.file_name
        if has_hash(archive, tarball.sha256):
            try:
                unpack(archive, target)
                return True
            except OSError as exc:
                problems.append(f"{tarball.file_name}: {exc}")
    return False


def fetch_package(source: Source, target: Path, problems: list[str]) -> bool:
    """Fetch and unpack the first tarball that the archive still has."""
    lists = source_lists(source.suites)
    if lists is None:
        return False
    for tarball in source.tarballs:
        archive = pimem.DEPS / tarball.file_name
        try:
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
    """Clone the public upstream repository at the pinned release."""
    say(f"cloning {source.repository} at {source.tag}")
    try:
        command = ["git", "-c", "advice.detachedHead=false", "clone", "--depth", "1"]
        with growth.shown(f"setup: {source.name}", target):
            apt.call([*command, "--branch", source.tag, source.repository, str(target)])
        head = (apt.call(["git", "-C", str(target), "rev-parse", "HEAD"]) or "").strip()
        content = content_hash(target, source.content_of)
    except (apt.AptError, OSError) as exc:
        problems.append(f"{source.repository}: {exc}")
        return False
    if source.commit and head != source.commit:
        problems.append(f"{source.repository}: {source.tag} is {head}, not {source.commit}")
        return False
    if source.content and content != source.content:
        problems.append(f"{source.repository}: {source.tag} ({head}) is not what was released")
        return False
    return True


def content_hash(tree: Path, folders: Sequence[str]) -> str:
    """Return a hash of the names and contents of the files below some folders of a tree; what
    Python compiled there does not count."""
    lines = []
    for folder in folders:
        for path in (tree / folder).rglob("*"):
            if path.is_file() and path.suffix != ".pyc":
                sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
                lines.append(f"{path.relative_to(tree)} {sha256}")
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()
