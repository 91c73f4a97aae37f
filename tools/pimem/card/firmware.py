# SPDX-License-Identifier: MIT
"""What a Raspberry Pi loads before the kernel: VideoCore firmware and device trees.

From Debian's packages (another architecture's and another suite's than this machine's, through
private package lists, kept below build/deps), or from a folder of the user's.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pimem
from pimem import growth
from pimem.exits import Refusal
from pimem.setup import apt

#: Where to look, in this order. The newest firmware, which boards of a later revision need, comes
#: into Debian's next release; device trees are those of a released kernel.
FIRMWARE_SUITES = ("forky", "sid", "trixie")
TREE_SUITES = ("trixie", "bookworm")
LISTS_SIZE = "20 MB"
#: Debian versions of the firmware that are known good, in order of preference, by .deb sha256.
#: None before 2023: those do not start a Pi 3A+ of the second revision.
FIRMWARE_PINS = {
    "1.20260408+ds-1": "9e215abb588e9adadf69a67107736fc2fa108ef3f17fa93589919c5e66ffe209",
    "1.20240424+ds-6": "f95a3d3c41df10bac33580be91b595efa1e126ad5e4b7eca75ce26fbbc69af06",
}
FIRMWARE_PACKAGE, KERNEL_PACKAGE = "raspi-firmware", "linux-image-arm64"

PI3_FIRMWARE = ("bootcode.bin", "start.elf", "fixup.dat")
PI4_FIRMWARE = ("start4.elf", "fixup4.dat")
#: The name that the firmware looks for, and the one in Linux's own tree.
DEVICE_TREES = {
    "bcm2710-rpi-3-b.dtb": "bcm2837-rpi-3-b.dtb",
    "bcm2710-rpi-3-b-plus.dtb": "bcm2837-rpi-3-b-plus.dtb",
    "bcm2710-rpi-3-a-plus.dtb": "bcm2837-rpi-3-a-plus.dtb",
    "bcm2710-rpi-zero-2-w.dtb": "bcm2837-rpi-zero-2-w.dtb",
    "bcm2710-rpi-zero-2.dtb": "bcm2837-rpi-zero-2-w.dtb",
    "bcm2711-rpi-4-b.dtb": "bcm2711-rpi-4-b.dtb",
    "bcm2711-rpi-400.dtb": "bcm2711-rpi-400.dtb",
    "bcm2711-rpi-cm4.dtb": "bcm2711-rpi-cm4-io.dtb",
}
#: Raspberry Pi's own releases have no tree for the 3A+: its firmware then takes the 3B+'s.
STAND_INS = {"bcm2710-rpi-3-a-plus.dtb": ("bcm2710-rpi-3-b-plus.dtb",)}
#: What each board needs on its card, besides kernel and config.txt.
BOARD_FILES = {
    "Pi 3B": (*PI3_FIRMWARE, "bcm2710-rpi-3-b.dtb"),
    "Pi 3B+": (*PI3_FIRMWARE, "bcm2710-rpi-3-b-plus.dtb"),
    "Pi 3A+": (*PI3_FIRMWARE, "bcm2710-rpi-3-a-plus.dtb"),
    "Pi Zero 2 W": (*PI3_FIRMWARE, "bcm2710-rpi-zero-2-w.dtb", "bcm2710-rpi-zero-2.dtb"),
    "Pi 4B": (*PI4_FIRMWARE, "bcm2711-rpi-4-b.dtb"),
    "Pi 400": (*PI4_FIRMWARE, "bcm2711-rpi-400.dtb"),
    "CM4": (*PI4_FIRMWARE, "bcm2711-rpi-cm4.dtb"),
}
#: Both allow passing the files on, with their text beside them.
FIRMWARE_LICENCE, TREES_LICENCE = "LICENCE.broadcom", "COPYING.linux"

#: In start.elf and start4.elf, which have two strings of this name.
BUILD_DAY = re.compile(rb"VC_BUILD_ID_TIME: ([A-Z][a-z]{2} +\d+ \d{4})")
BUILD_TIME = re.compile(rb"VC_BUILD_ID_TIME: (\d\d:\d\d:\d\d)")

Say = Callable[[str], None]


@dataclass(frozen=True)
class CardFile:
    """A file on the card, and where it comes from."""

    name: str
    data: bytes
    origin: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def built(self) -> str:
        """When VideoCore's program was built, as it says itself; '' where it does not."""
        day, time = BUILD_DAY.search(self.data), BUILD_TIME.search(self.data)
        return f"{day[1].decode()} {time[1].decode()}" if day and time else ""


@dataclass(frozen=True)
class Parcel:
    """A set of files out of one Debian package, kept in a folder below build/deps."""

    folder: str
    package: str
    files: dict[str, str]  # name on the card: path in the package ({} is its version string)
    locate: Callable[[apt.PrivateLists], apt.Package | None]
    suites: tuple[str, ...]
    pins: tuple[str, ...] = ()  # the versions that will do; () means any

    @property
    def place(self) -> Path:
        return pimem.DEPS / self.folder


def locate_firmware(lists: apt.PrivateLists) -> apt.Package | None:
    """Return the best pinned version that these lists have."""
    for version, sha256 in FIRMWARE_PINS.items():
        found = lists.package(FIRMWARE_PACKAGE, version)
        if found and found.sha256 == sha256:
            return found
    return None


def locate_kernel(lists: apt.PrivateLists) -> apt.Package | None:
    """Return the suite's current kernel image: older ones leave the archive."""
    found = lists.dependency(KERNEL_PACKAGE)
    return lists.package(*found) if found else None


FIRMWARE = Parcel(
    "raspi-firmware",
    FIRMWARE_PACKAGE,
    {name: f"./usr/lib/raspi-firmware/{name}" for name in (*PI3_FIRMWARE, *PI4_FIRMWARE)}
    | {FIRMWARE_LICENCE: "./usr/share/doc/raspi-firmware/copyright"},
    locate_firmware,
    FIRMWARE_SUITES,
    tuple(FIRMWARE_PINS),
)
TREES = Parcel(
    "device-trees",
    KERNEL_PACKAGE,
    {name: f"./usr/lib/{{}}/broadcom/{linux}" for name, linux in DEVICE_TREES.items()}
    | {TREES_LICENCE: "./usr/share/doc/{}/copyright"},
    locate_kernel,
    TREE_SUITES,
)


def cached(parcel: Parcel) -> list[CardFile] | None:
    """Return what an earlier run kept, if it is whole and unchanged."""
    try:
        record = json.loads((parcel.place / "origin.json").read_text())
        origin, sums = record["origin"], record["sha256"]
        files = [
            CardFile(name, (parcel.place / name).read_bytes(), origin) for name in parcel.files
        ]
    except (OSError, ValueError, KeyError):
        return None
    if parcel.pins and not origin.endswith(parcel.pins):
        return None
    return files if all(sums.get(file.name) == file.sha256 for file in files) else None


def keep(parcel: Parcel, files: list[CardFile]) -> None:
    fresh = parcel.place.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for file in files:
        (fresh / file.name).write_bytes(file.data)
    record = {"origin": files[0].origin, "sha256": {file.name: file.sha256 for file in files}}
    (fresh / "origin.json").write_text(json.dumps(record, indent=2) + "\n")
    shutil.rmtree(parcel.place, ignore_errors=True)
    fresh.rename(parcel.place)


def suite_lists(suite: str, say: Say) -> apt.PrivateLists:
    """Read the package lists of one suite for arm64."""
    lists = apt.PrivateLists(
        pimem.DEPS / f"apt-{suite}-arm64",
        "deb",
        [suite],
        machine=False,
        components=("main", "non-free-firmware"),
        architecture="arm64",
    )
    say(f"reading the package lists of {suite} for arm64 (up to {LISTS_SIZE})")
    lists.update()
    return lists


def fetch(parcel: Parcel, lists_of: Callable[[str], apt.PrivateLists], say: Say) -> list[CardFile]:
    """Fetch from the first suite that has the package; AptError says how each of them failed."""
    problems = []
    for suite in parcel.suites:
        try:
            package = parcel.locate(lists_of(suite))
            if package is None:
                raise apt.AptError(f"has no {parcel.package} that can be used")
            return download(parcel, package, say)
        except (apt.AptError, OSError) as exc:
            problems.append(f"{suite}: {exc}")
    raise apt.AptError(f"cannot fetch {parcel.package}:\n" + "\n".join(problems))


def download(parcel: Parcel, package: apt.Package, say: Say) -> list[CardFile]:
    megabytes = package.size / 1e6
    say(f"fetching {package.name} {package.version} from {package.suite} ({megabytes:.1f} MB)")
    archive = pimem.DEPS / package.file_name
    with growth.shown(f"pimem: {package.name}", archive, package.size):
        apt.download(package.address, package.sha256, archive)
    origin = f"Debian {package.suite}, {package.name} {package.version}"
    try:
        files = list(unpack(parcel, archive, package.name, origin))
    finally:
        archive.unlink()  # it is large, and the files needed are small
    keep(parcel, files)
    return files


def unpack(parcel: Parcel, archive: Path, name: str, origin: str) -> Iterator[CardFile]:
    """Yield the wanted files of a .deb; AptError if one is not in it."""
    paths = {card: path.format(name) for card, path in parcel.files.items()}
    contents = read_deb(archive, set(paths.values()))
    for card, path in paths.items():
        if path not in contents:
            raise apt.AptError(f"{archive.name} has no {path}")
        yield CardFile(card, contents[path], origin)


def read_deb(archive: Path, wanted: set[str]) -> dict[str, bytes]:
    command = ["dpkg-deb", "--fsys-tarfile", str(archive)]
    contents = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|") as tar:
                for member in tar:
                    if member.name in wanted and (file := tar.extractfile(member)):
                        contents[member.name] = file.read()
        except tarfile.TarError as exc:
            raise apt.AptError(f"{archive.name}: {exc}") from exc
    return contents


def from_debian(say: Say, parcels: Sequence[Parcel] = ()) -> list[CardFile]:
    """Return all that a card needs beside the kernel, or some parcels of it; fetch what an earlier
    run did not keep."""
    known: dict[str, apt.PrivateLists] = {}

    def lists_of(suite: str) -> apt.PrivateLists:
        if suite not in known:
            known[suite] = suite_lists(suite, say)
        return known[suite]

    files = []
    for parcel in parcels or (FIRMWARE, TREES):
        found = cached(parcel)
        if found is None:
            if not apt.is_debian():
                raise Refusal(missing_text("this is not Debian", list(parcel.files)))
            try:
                apt.ensure_lists(say)
                found = fetch(parcel, lists_of, say)
            except apt.AptError as exc:
                raise Refusal(missing_text(str(exc), list(parcel.files))) from exc
        files += found
    return files


def from_folder(folder: Path) -> list[CardFile]:
    """Return the same from a folder such as `boot` of the repository raspberrypi/firmware."""
    names: dict[str, tuple[str, ...]]
    names = {name: (name,) for name in (*FIRMWARE.files, TREES_LICENCE)}
    for name, linux in DEVICE_TREES.items():
        names[name] = (name, linux, *STAND_INS.get(name, ()))
    files, missing = [], []
    for name, candidates in names.items():
        path = next((folder / each for each in candidates if (folder / each).is_file()), None)
        if path:
            files.append(CardFile(name, path.read_bytes(), f"folder {folder.name}, {path.name}"))
        else:
            missing.append(name)
    if missing:
        raise Refusal(missing_text(f"{folder} is not complete", missing))
    return files


def missing_text(reason: str, missing: list[str]) -> str:
    """Say what is missing, which board needs it, and where it comes from."""
    lines = [f"{reason}\nmissing for the card:"]
    for name in missing:
        boards = [board for board, needed in BOARD_FILES.items() if name in needed]
        lines.append(f"  {name:26} {', '.join(boards) or 'needed to pass the image on'}")
    pins = ", ".join(FIRMWARE_PINS)
    lines += [
        f"From Debian: {FIRMWARE_PACKAGE} ({pins}; component non-free-firmware) and, for the",
        f".dtb files, the package that {KERNEL_PACKAGE} depends on. Or --firmware DIR with the",
        "folder `boot` of the public repository raspberrypi/firmware.",
    ]
    return "\n".join(lines)
