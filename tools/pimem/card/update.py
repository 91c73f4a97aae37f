# SPDX-License-Identifier: MIT
"""A new kernel and config.txt for a card that is mounted; everything else on it stays."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

import pimem
from pimem.card.firmware import BOARD_FILES, CardFile
from pimem.card.image import CONFIG, README, read_config, read_kernel
from pimem.exits import Failure, Refusal, complain

NEW, OLD = ".new", ".old"
KEPT = 100  # old files of one name


def check_card(folder: Path) -> None:
    """Refuse a folder from which no board would boot."""
    if not folder.is_dir():
        raise Refusal(f"{folder} is not a folder: where is the card mounted?")
    for needed in BOARD_FILES.values():
        if all((folder / name).is_file() for name in (CONFIG, *needed)):
            return
    raise Refusal(f"{folder} is no boot card: firmware and {CONFIG} are not all there; flash it")


def listed_anew(text: str, file: CardFile) -> str:
    """Return the card's README.txt with the checksum, size and origin of one file updated."""
    name = re.escape(file.name)
    line = f"{file.sha256}  {file.name}"
    text = re.sub(rf"^[0-9a-f]{{64}}  {name}(?=\r?$)", line, text, count=0, flags=re.M)
    return re.sub(
        rf"^({name} +)\d+(  )[^\r\n]*",
        lambda found: f"{found[1].rstrip():26} {len(file.data):8}{found[2]}{file.origin}",
        text,
        count=0,
        flags=re.M,
    )


def read_readme(folder: Path) -> str:
    try:
        return (folder / README).read_bytes().decode()
    except (OSError, UnicodeError):
        return ""


def with_readme(text: str, files: list[CardFile]) -> list[CardFile]:
    """Return the files, and the card's README.txt to match them, if it has one."""
    if not text:
        return files
    text = re.sub(r"^Version \S+(?=\. )", f"Version {pimem.__version__}", text, flags=re.M)
    for file in files:
        text = listed_anew(text, file)
    return [*files, CardFile(README, text.encode(), "this project")]


def own_config(folder: Path, text: str) -> list[CardFile]:
    """Return a config.txt that the user changed (the README has the checksum of ours), under a
    name that is free: all that were kept before stay."""
    data = (folder / CONFIG).read_bytes()
    mine = CardFile(CONFIG, data, "the user")
    names = [f"{CONFIG}{OLD}{number or ''}" for number in range(KEPT)]
    if f"{mine.sha256}  {CONFIG}" in text or any(holds(folder / name, data) for name in names):
        return []
    free = [name for name in names if not (folder / name).exists()]
    if not free:
        raise Refusal(f"{folder} has {KEPT} files {CONFIG}{OLD}...: remove what is not needed")
    return [CardFile(free[0], data, "the user")]


def changed(folder: Path, files: list[CardFile]) -> list[CardFile]:
    return [file for file in files if not holds(folder / file.name, file.data)]


def holds(path: Path, data: bytes) -> bool:
    try:
        return path.read_bytes() == data
    except OSError:
        return False


def check_room(folder: Path, files: list[CardFile]) -> None:
    """Refuse a card without room for old and new files together.

    Some file systems do not report their size.
    """
    room = os.statvfs(folder)
    free, needed = room.f_bavail * room.f_frsize, sum(len(file.data) for file in files)
    if room.f_blocks and free < needed:
        raise Refusal(f"{folder} has {free} bytes free, {needed} are needed")


def write_synced(path: Path, data: bytes) -> None:
    with path.open("wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())


def sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def replace(folder: Path, files: list[CardFile]) -> None:
    """Write all new files beside the old ones first; then each replaces the old in one step."""
    try:
        for file in files:
            write_synced(folder / (file.name + NEW), file.data)
        for file in files:
            os.replace(folder / (file.name + NEW), folder / file.name)
        sync_folder(folder)
    except OSError as exc:
        raise Failure(f"cannot update {folder}: {exc.strerror or exc}; run it again") from exc
    finally:
        for file in files:
            with contextlib.suppress(OSError):
                (folder / (file.name + NEW)).unlink(missing_ok=True)


def update(folder: Path, kernel: Path, *, dry_run: bool = False) -> None:
    """Bring the card mounted at `folder` up to date, with `kernel`."""
    check_card(folder)
    text = read_readme(folder)
    files = changed(folder, with_readme(text, [read_kernel(kernel), read_config()]))
    names = ", ".join(file.name for file in files)
    kept = own_config(folder, text) if CONFIG in names else []
    if not files:
        complain(f"{folder} is up to date")
    elif dry_run:
        complain(f"would replace {names} in {folder}")
    else:
        check_room(folder, kept + files)
        replace(folder, kept + files)
        aside = "".join(f"; your {CONFIG} is now {file.name}" for file in kept)
        complain(f"replaced {names} in {folder}{aside}: unmount the card before taking it out")
