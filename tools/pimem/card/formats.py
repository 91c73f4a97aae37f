# SPDX-License-Identifier: MIT
"""What a file's first bytes say it is: a compression that can be undone, or what is refused."""

from __future__ import annotations

from dataclasses import dataclass

XZ, GZIP, BZIP2, ZIP, ZSTD = "xz", "gzip", "bzip2", "zip", "zstd"
#: What a file's name ends with, by how it is compressed.
SUFFIXES = {XZ: ".xz", GZIP: ".gz", BZIP2: ".bz2", ZIP: ".zip", ZSTD: ".zst"}
#: As many bytes as the tests below look at.
HEAD = 1024


@dataclass(frozen=True)
class Mark:
    """Bytes at a place that tell a format."""

    name: str
    magic: bytes
    offset: int = 0

    def fits(self, head: bytes) -> bool:
        return head[self.offset : self.offset + len(self.magic)] == self.magic


#: bzip2's own header is three letters and a digit, too little to tell it by: a block's or the
#: stream end's number follows it.
BZIP2_BLOCKS = (bytes.fromhex("314159265359"), bytes.fromhex("177245385090"))
#: zstd allows frames without data before the first one with data.
SKIPPABLE = [bytes([0x50 + number]) + b"\x2a\x4d\x18" for number in range(16)]
COMPRESSED = (
    Mark(XZ, b"\xfd7zXZ\x00"),
    Mark(GZIP, b"\x1f\x8b\x08"),
    *(Mark(BZIP2, magic, 4) for magic in BZIP2_BLOCKS),
    Mark(ZIP, b"PK\x03\x04"),
    Mark(ZIP, b"PK\x05\x06"),  # without any file
    Mark(ZSTD, b"\x28\xb5\x2f\xfd"),
    *(Mark(ZSTD, magic) for magic in SKIPPABLE),
)
REFUSED = (
    Mark("a 7z archive", b"7z\xbc\xaf\x27\x1c"),
    Mark("a RAR archive", b"Rar!\x1a\x07"),
    Mark("a part of a zip archive in several files", b"PK\x07\x08"),
    Mark("a tar archive", b"ustar", 257),
    Mark("compressed with lzip", b"LZIP"),
    Mark("compressed with lz4", b"\x04\x22\x4d\x18"),
    Mark("compressed with lzop", b"\x89LZO\x00"),
    Mark("compressed with lzma (the format before xz)", b"\x5d\x00\x00"),
    Mark("compressed with compress (.Z)", b"\x1f\x9d"),
    Mark("a QEMU disk (qcow2)", b"QFI\xfb"),
    Mark("a VMware disk", b"KDMV"),
    Mark("a VirtualBox disk", b"\x7f\x10\xda\xbe", 64),
    Mark("a Hyper-V disk (vhdx)", b"vhdxfile"),
    Mark("a Virtual PC disk (vhd)", b"conectix"),
    Mark("an Android sparse image", b"\x3a\xff\x26\xed"),
    Mark("a squashfs file system", b"hsqs"),
    Mark("an ELF file", b"\x7fELF"),
)


def compression(head: bytes) -> str | None:
    """Return how a file is compressed; None where it is not, or not in a way known here."""
    return next((mark.name for mark in COMPRESSED if mark.fits(head)), None)


def refused(head: bytes) -> str | None:
    """Return what a file is that cannot be written to a card as it is."""
    return next((mark.name for mark in REFUSED if mark.fits(head)), None)


def known() -> str:
    """Return the names of files that are undone: `.xz, .gz ... or .zst`."""
    *most, last = SUFFIXES.values()
    return f"{', '.join(most)} or {last}"
