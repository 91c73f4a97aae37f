# SPDX-License-Identifier: MIT
"""The port's assembly files, assembled and read back with objdump."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import host_library
import pytest
from limits import HANG_SECONDS

CPU_CODE = host_library.ROOT / "ports" / "rpi-aarch64" / "aarch64"
PREFIXES = ("aarch64-linux-gnu-", "aarch64-none-elf-")


def tool(name: str) -> str:
    for prefix in PREFIXES:
        if found := shutil.which(prefix + name):
            return found
    pytest.skip(f"no {name} for AArch64 on the path")


def run(*command: str) -> str:
    return subprocess.run(
        command,
        check=True,
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        stdin=subprocess.DEVNULL,
    ).stdout


def assemble(name: str, folder: Path, *flags: str) -> str:
    """The object file of one file of aarch64/."""
    path = folder / Path(name).with_suffix(".o").name
    includes = [f"-I{host_library.MEMORY}", f"-I{CPU_CODE.parent}"]
    run(tool("gcc"), *includes, *flags, "-c", str(CPU_CODE / name), "-o", str(path))
    return str(path)


def instructions(path: str, section: str) -> list[tuple[int, str]]:
    """(address, text) of every instruction of a section; targets of branches are addresses."""
    text = run(tool("objdump"), "-d", "--no-show-raw-insn", "-j", section, path)
    found = re.findall(r"^\s+([0-9a-f]+):\s+(.*?)\s*$", text, re.MULTILINE)
    return [(int(address, 16), re.sub(r"\s+", " ", line)) for address, line in found]
