# SPDX-License-Identifier: MIT
"""Addresses of a crash report as functions, files and lines, through the image's ELF."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECONDS = 30
INSTRUCTION = 4
PAGE = 4096
UNKNOWN = "??"


class NoSymbols(Exception):
    """Addresses cannot be resolved; the text says why."""


@dataclass(frozen=True)
class Place:
    """Where an address is; several for one address where the compiler inlined functions."""

    function: str
    file: str
    line: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.file != UNKNOWN else "no source"
        return f"{self.function} at {where}"


def binutil(name: str, *args: str) -> str:
    """Return what one of the cross compiler's tools prints."""
    program = f"{os.environ.get('CROSS_COMPILE') or 'aarch64-linux-gnu-'}{name}"
    try:
        done = subprocess.run(
            [program, *args],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise NoSymbols(f"{program}: {exc}") from exc
    if done.returncode:
        raise NoSymbols(f"{program}: {done.stderr.strip()}")
    return done.stdout


def text_crc(elf: Path) -> int:
    """Return the CRC-32 of an ELF's text, to the end of its last page: what a board computes."""
    with tempfile.TemporaryDirectory(prefix="pimem-") as folder:
        raw = Path(folder) / "text"
        binutil("objcopy", "-O", "binary", "-j", ".text", str(elf), str(raw))
        text = raw.read_bytes()
    return zlib.crc32(text + bytes(-len(text) % PAGE))


def check_build(report: dict[str, Any], elf: Path) -> None:
    """Refuse another build's ELF: its names would be worse than none."""
    if "text" not in report:
        return
    own, there = text_crc(elf), int(str(report["text"]), 16)
    if own != there:
        raise NoSymbols(
            f"{elf} is another build than the board's (CRC-32 of text {own:#010x}, there "
            f"{there:#010x}); name that build's image or ELF (--kernel, --elf)"
        )


def shorten(path: str) -> str:
    """Return a source file's name from the top of its tree: the build calls the trees /pimem and
    /micropython, wherever they are. Sources of other kernels below the current folder are named
    from there."""
    path = os.path.normpath(path)
    if path.startswith("/micropython/"):
        return path.removeprefix("/")
    return path.removeprefix("/pimem/").removeprefix(f"{os.getcwd()}/")


def resolve(elf: Path, addresses: Sequence[int]) -> list[list[Place]]:
    """Return the places of each address, the innermost inlined function first."""
    listed = (f"{address:#x}" for address in addresses)
    return parse(binutil("addr2line", "-e", str(elf), "-a", "-f", "-i", "-C", *listed))


def parse(text: str) -> list[list[Place]]:
    """addr2line's output: an address, then pairs of lines, function and file:line."""
    found: list[list[Place]] = []
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith("0x"):
            found.append([])
            continue
        file, _, number = next(lines, f"{UNKNOWN}:0").rpartition(":")
        number = number.partition(" ")[0]  # without "(discriminator 3)"
        found[-1].append(Place(line, shorten(file), number))
    return found


def code_addresses(report: dict[str, Any]) -> list[int]:
    """Return PC, LR and the return addresses above it, without repetitions of the same call."""
    listed = report.get("backtrace") or [report[key] for key in ("pc", "lr") if key in report]
    return [int(str(address), 16) for address in listed]


def explain(report: dict[str, Any], elf: Path) -> str:
    """Return a crash report's backtrace, one line an address (and one an inlined function)."""
    try:
        addresses = code_addresses(report)
        if not addresses:
            return ""
        if not elf.is_file():
            raise NoSymbols(f"no {elf} to look addresses up in")
        check_build(report, elf)
        # All but the PC are return addresses: the call is the instruction before.
        calls = [each - INSTRUCTION if i else each for i, each in enumerate(addresses)]
        resolved = resolve(elf, calls)
    except (NoSymbols, ValueError) as exc:
        return f"  no symbols: {exc}\n"
    lines = []
    for number, (address, places) in enumerate(zip(addresses, resolved, strict=True)):
        for depth, place in enumerate(places):
            mark = f"#{number:<2} {address:016x}" if depth == 0 else f"{'inlined in':>20}"
            lines.append(f"  {mark}  {place}\n")
    return "".join(lines)


def explain_line(line: bytes, elf: Path) -> str:
    """Explain a line `CRASH {json}`; '' where its JSON is damaged."""
    try:
        report = json.loads(line[line.index(b"{") :])
    except ValueError:
        return ""
    return explain(report, elf) if isinstance(report, dict) else ""
