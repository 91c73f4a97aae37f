# SPDX-License-Identifier: MIT
"""A release: one folder with the card image, the kernel, the packages and all licences.

The same sources and the same SOURCE_DATE_EPOCH give the same bytes, in any folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pimem
from pimem.card import firmware, image
from pimem.exits import Failure, Refusal, complain

SUMS = "SHA256SUMS"
LICENCES = "licences"
ELF = "firmware.elf"
STUBS = Path("modules", "memory", "stubs")
#: What the two packages are made of, by their place in the tree.
SOURCES = (Path("pyproject.toml"), Path("LICENSE"), Path("tools", "pimem"), STUBS)
NOT_SOURCES = ("__pycache__", "*.egg-info", "*.pyc", "build")
PICOLIBC_LICENCE = Path("/usr/share/doc/picolibc-aarch64-linux-gnu/copyright")
WHEEL_SECONDS = 300


@dataclass(frozen=True)
class Origins:
    """Where the parts of a release come from."""

    kernel: Path
    elf: Path
    micropython: Path
    dtc: Path
    firmware: Path | None  # None: Debian's packages


def name() -> str:
    return f"pimem-{pimem.__version__}"


def licences(origins: Origins) -> dict[str, Path]:
    """Return the licences of what is in the image, by the name that each gets."""
    return {
        "LICENSE.pimem": pimem.ROOT / "LICENSE",
        "LICENSE.micropython": origins.micropython / "LICENSE",
        "BSD-2-Clause.libfdt": origins.dtc / "BSD-2-Clause",
        "copyright.picolibc": PICOLIBC_LICENCE,
    }


def read(paths: Mapping[str, Path]) -> dict[str, bytes]:
    """Read all of these files; a Refusal names those that are missing."""
    missing = [str(path) for path in paths.values() if not path.is_file()]
    if missing:
        raise Refusal(f"a release needs {', '.join(missing)}: `make dist` provides them")
    return {key: path.read_bytes() for key, path in paths.items()}


def copy_sources(target: Path) -> None:
    """Copy what the packages are made of, with modes that do not depend on this machine."""
    for part in SOURCES:
        source = pimem.ROOT / part
        if source.is_dir():
            shutil.copytree(source, target / part, ignore=shutil.ignore_patterns(*NOT_SOURCES))
        else:
            shutil.copyfile(source, target / part)
    for path in target.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def build_wheels(target: Path, epoch: int) -> None:
    """Build the wheels of the tools and of the stubs from a copy: a build writes beside it."""
    with tempfile.TemporaryDirectory(prefix="pimem-dist-") as scratch:
        tree = Path(scratch) / "tree"
        tree.mkdir()
        copy_sources(tree)
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet"]
        options = ["--no-deps", "--no-build-isolation", "--no-index", "-w", str(target)]
        done = subprocess.run(
            [*pip, *options, str(tree), str(tree / STUBS)],
            env=os.environ | {"SOURCE_DATE_EPOCH": str(epoch)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=WHEEL_SECONDS,
            umask=0o022,
        )
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        raise Failure(f"cannot build the wheels: {lines[-1] if lines else 'pip failed'}")


def write_sums(folder: Path) -> None:
    """Write the list of all files, in `sha256sum -c`'s form."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{image.digest(path)}  {path.relative_to(folder).as_posix()}\n" for path in paths]
    (folder / SUMS).write_text("".join(lines))


def fill(folder: Path, origins: Origins, size: int, address: str) -> None:
    """Put everything into an empty folder."""
    texts = read(licences(origins))
    own = read({image.KERNEL: origins.kernel, ELF: origins.elf})
    files = image.card_files(origins.kernel, origins.firmware)
    for card_file in files:
        if card_file.name in (firmware.FIRMWARE_LICENCE, firmware.TREES_LICENCE):
            texts[card_file.name] = card_file.data
    complain("building the wheels")
    build_wheels(folder, image.epoch())
    complain("building the card image")
    image.make(folder / f"{name()}.img", size, files, address)
    for path, data in own.items():
        (folder / path).write_bytes(data)
    (folder / LICENCES).mkdir()
    for path, data in texts.items():
        (folder / LICENCES / path).write_bytes(data)
    write_sums(folder)


def make(parent: Path, origins: Origins, size: int, address: str = "") -> Path:
    """Make the folder of this version, instead of an older one; nothing half done stays.

    `address` is that of the folder where the card image will be published, '' if it is not known.
    """
    target = parent / name()
    fresh = parent / f"{name()}.new"
    try:
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        fill(fresh, origins, size, address)
        shutil.rmtree(target, ignore_errors=True)
        fresh.rename(target)
    except OSError as exc:
        raise Failure(f"cannot make {target}: {exc}") from exc
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return target


def listing(folder: Path) -> Sequence[str]:
    return (folder / SUMS).read_text().splitlines()
