# SPDX-License-Identifier: MIT
"""`pimem hwcheck` refuses files that cannot be a kernel, before it starts QEMU."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from pimem.commands.hwcheck import require_code
from pimem.exits import Refusal


@pytest.mark.parametrize(("content", "why"), [(b"", "is empty"), (b"# pimem\n", "is text")])
def test_a_file_without_code_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    image = tmp_path / "kernel8.img"
    image.write_bytes(content)
    with pytest.raises(Refusal, match=f"kernel8.img {why}"):
        require_code(image)


def make_elf(bits: int, order: int, kind: int, machine: int, segments: int) -> bytes:
    header = [b"\x7fELF", bits, order, 1, kind, machine, 1, 0x80000, 64, 0, 0, 64, 56, segments]
    head = struct.pack("<4s3B9xHHIQQQIHHH6x", *header)
    return head + segments * struct.pack("<IIQQQQQQ", 1, 5, 120, 0, 0x80000, 4, 4, 4)


@pytest.mark.parametrize(
    ("parts", "cut", "why"),
    [
        ((1, 1, 2, 40, 1), 200, "is an ELF of another machine"),
        ((2, 1, 3, 62, 1), 200, "is an ELF of another machine"),
        ((2, 2, 2, 183, 1), 200, "is an ELF of another machine"),
        ((2, 1, 1, 183, 0), 200, "is an ELF, but no linked program"),
        ((2, 1, 2, 183, 0), 200, "is an ELF, but no linked program"),
        ((2, 1, 2, 183, 1), 40, "is an ELF whose header breaks off"),
        ((2, 1, 2, 183, 1), 80, "is an ELF that breaks off before its list of segments"),
        ((2, 1, 2, 183, 1), 200, "is an ELF that breaks off: it has 120 bytes of 124"),
    ],
)
def test_an_elf_that_cannot_run_is_refused(
    tmp_path: Path, parts: tuple[int, int, int, int, int], cut: int, why: str
) -> None:
    image = tmp_path / "kernel8.elf"
    image.write_bytes(make_elf(*parts)[:cut])
    with pytest.raises(Refusal, match=f"kernel8.elf {why}"):
        require_code(image)


def test_an_elf_that_is_whole_is_accepted(tmp_path: Path) -> None:
    image = tmp_path / "kernel8.elf"
    image.write_bytes(make_elf(2, 1, 2, 183, 1) + b"code")
    require_code(image)


def test_a_small_raw_image_is_accepted(tmp_path: Path) -> None:
    image = tmp_path / "kernel8.img"
    image.write_bytes(bytes.fromhex("5f2003d5ffffff17"))  # wfe; b .-4
    require_code(image)
