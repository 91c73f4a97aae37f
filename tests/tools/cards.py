# SPDX-License-Identifier: MIT
"""Stand-ins for what goes on a card, and what tests read out of an image."""

from __future__ import annotations

import hashlib
import os
import random
import struct
import subprocess
import sys
from pathlib import Path

from limits import HANG_SECONDS

from pimem.card.image import next_data

PARTITION = 1 << 20  # where the image's partition begins
TOOL_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])

# What each board has to find on its card, in the names that its firmware looks for: written out
# here once more, so that a slip in the tool's own table shows.
NEEDED = {
    "3B": "bootcode.bin start.elf fixup.dat bcm2710-rpi-3-b.dtb",
    "3B+": "bootcode.bin start.elf fixup.dat bcm2710-rpi-3-b-plus.dtb",
    "3A+": "bootcode.bin start.elf fixup.dat bcm2710-rpi-3-a-plus.dtb",
    "Zero 2 W": "bootcode.bin start.elf fixup.dat bcm2710-rpi-zero-2-w.dtb",
    "4B": "start4.elf fixup4.dat bcm2711-rpi-4-b.dtb",
    "400": "start4.elf fixup4.dat bcm2711-rpi-400.dtb",
    "CM4": "start4.elf fixup4.dat bcm2711-rpi-cm4.dtb",
}
#: As start.elf says it.
BUILT = b"VC_BUILD_ID_TIME: 18:28:41\0VC_BUILD_ID_TIME: Feb 11 2026\0"
COMMON = {"config.txt", "kernel8.img", "README.txt", "LICENCE.broadcom", "COPYING.linux"}


def needed() -> set[str]:
    return COMMON | {name for names in NEEDED.values() for name in names.split()}


def noise(seed: str, size: int) -> bytes:
    return random.Random(seed).randbytes(size)


def kernel_bytes(size: int = 100_000, version: str = "v9.9.9") -> bytes:
    """A file that passes for a kernel: the arm64 header's magic, and a version string."""
    head = bytearray(64)
    struct.pack_into("<4s", head, 56, b"ARM\x64")
    text = f"MicroPython {version} on 2024-01-01".encode() + b"\0"
    return bytes(head) + text + noise(version, size)


def make_boot_folder(folder: Path) -> Path:
    """Like `boot` of the public firmware repository, with noise for contents."""
    folder.mkdir()
    names = needed() - {"config.txt", "kernel8.img", "README.txt"} | {"bcm2710-rpi-zero-2.dtb"}
    for name in names:
        built = BUILT if name.startswith("start") else b""
        data = noise(name, 5000 if name.endswith(".dtb") else 60_000)
        (folder / name).write_bytes(built + data)
    return folder


def inputs(folder: Path) -> list[str]:
    kernel = folder / "kernel8.img"
    kernel.write_bytes(kernel_bytes())
    boot = make_boot_folder(folder / "boot")
    return ["--kernel", str(kernel), "--firmware", str(boot)]


def build(folder: Path, *options: str, **env: str) -> Path:
    """An image made by the command line in a folder of its own."""
    folder.mkdir(exist_ok=True)
    image = folder / "sdcard.img"
    command = [sys.executable, "-m", "pimem", "image", *inputs(folder), "-o", str(image)]
    subprocess.run(
        [*command, *options],
        env=os.environ | env,
        check=True,
        capture_output=True,
        timeout=HANG_SECONDS,
    )
    return image


def tool(*command: str) -> str:
    done = subprocess.run(
        command,
        env=dict(os.environ, PATH=TOOL_PATH),
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def copy_sparse(source: Path, target: Path, start: int = 0, size: int = -1) -> None:
    """Copy a part of a file, up to its end by default; holes stay holes."""
    with source.open("rb") as old, target.open("wb") as new:
        end = start + size if size >= 0 else source.stat().st_size
        new.truncate(end - start)
        at = next_data(old, start, end)
        while at < end:
            old.seek(at)
            new.seek(at - start)
            piece = old.read(min(1 << 20, end - at))
            new.write(piece)
            at = next_data(old, at + len(piece), end)


def check_filesystem(image: Path, start: int = PARTITION, size: int = -1) -> None:
    """fsck.fat finds nothing to say about the partition."""
    partition = image.with_suffix(".partition")
    copy_sparse(image, partition, start, size)
    try:
        said = tool("fsck.fat", "-n", "-v", str(partition))
    finally:
        partition.unlink()
    for complaint in ("differ", "rong", "ix", "orphan", "Dirty"):
        assert complaint not in said, said


def extract(image: Path, folder: Path) -> dict[str, bytes]:
    """All files of the image's root, by mtools."""
    folder.mkdir(exist_ok=True)
    tool("mcopy", "-n", "-i", f"{image}@@{PARTITION}", "::/*.*", str(folder))
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
