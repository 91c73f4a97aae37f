# SPDX-License-Identifier: MIT
"""The protocol by which a running board receives another kernel over its serial line.

The board is its own loader, machine.bootloader(); bootloader.h of the port has the protocol. One
block is on its way at a time, and the board answers each, so that a slow line or a slow board
cannot lose anything. Until the board has said RUN its system is unchanged.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from pimem.board.errors import BoardError, NoAnswer
from pimem.board.link import END, Link
from pimem.board.text import to_text
from pimem.exits import FAILED, Refusal

VERSION = 1
MAGIC = b"PIMBOOT1"
IMAGE_HEADER = struct.Struct("<8xQQ32x4s4x")  # text_offset, image_size, magic
IMAGE_MAGIC = b"ARM\x64"
BLOCK_TRIES = 4  # of the board, before it gives up
BLOCK_SUM = 4  # bytes of CRC-32 after each block
ANSWER_SECONDS = 15.0  # for one line of the board
UNPACK_SECONDS = 60.0  # for RUN: the board unpacks and checks before it

Advance = Callable[[int], None]


class Rejected(BoardError):
    """The board refused the image and goes on as before; the text is its exception."""

    code = FAILED

    def message(self) -> str:
        return f"the board goes on as before: {self}"


@dataclass
class Transfer:
    """What goes over the line: a header, then the packed image."""

    header: bytes
    packed: bytes


def memory_size(image: bytes) -> int:
    """Return how many bytes of memory the kernel uses, its own included; Refusal if it is none."""
    if len(image) < IMAGE_HEADER.size:
        raise Refusal(f"{len(image)} bytes are no kernel: an arm64 image has a header of 64")
    size: int
    _, size, magic = IMAGE_HEADER.unpack_from(image)
    if magic != IMAGE_MAGIC:
        raise Refusal("not an arm64 image: its header lacks the magic number 'ARM\\x64'")
    if not len(image) <= size < 1 << 32:
        raise Refusal(f"the image's header says {size} bytes, but it has {len(image)}")
    return size


def prepare(image: bytes) -> Transfer:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(image) + packer.flush()
    sizes = struct.pack("<III", len(packed), len(image), memory_size(image))
    header = MAGIC + sizes + struct.pack("<I", zlib.crc32(image))
    return Transfer(header + struct.pack("<I", zlib.crc32(header)), packed)


def start(link: Link, timeout_ms: int | None = None) -> int:
    """Start the board's loader, from the raw REPL; return the size of its blocks."""
    argument = "" if timeout_ms is None else str(timeout_ms)
    link.write(f"import machine\nmachine.bootloader({argument})".encode() + END)
    link.read_until(b"OK", total=ANSWER_SECONDS)
    greeting = answer(link).split()
    if len(greeting) != 3 or greeting[:2] != ["BOOTLOADER", str(VERSION)]:
        raise NoAnswer(f"{link.url} has another loader: it said {' '.join(greeting)!r}")
    return int(greeting[2])


def answer(link: Link, seconds: float = ANSWER_SECONDS) -> str:
    """Return a line of the loader. For an exception raise Rejected: the raw REPL is back."""
    line = link.read_until(b"\r\n", total=seconds)
    if not line.startswith(END):
        return to_text(line).strip()
    text = line[1:] + link.read_until(END + b">", total=seconds)[:-2]
    raise Rejected(to_text(text).strip().rsplit("\n", 1)[-1])


def expect(link: Link, wanted: str, seconds: float = ANSWER_SECONDS) -> None:
    said = answer(link, seconds)
    if said != wanted:
        raise NoAnswer(f"{link.url} said {said!r} instead of {wanted!r}")


def send_block(link: Link, number: int, block: bytes) -> None:
    """Send a block again while the board says that it came damaged; the board limits the tries."""
    said = ""
    for _ in range(BLOCK_TRIES + 1):
        link.write(block + struct.pack("<I", zlib.crc32(block)))
        said = answer(link)
        if said != f"NAK {number}":
            break
    if said != f"ACK {number}":
        raise NoAnswer(f"{link.url} said {said!r} instead of 'ACK {number}'")


def transmit(link: Link, transfer: Transfer, block_size: int, advance: Advance) -> None:
    """Send everything, after start(), until RUN. Rejected: the old system is at its raw REPL."""
    link.write(transfer.header)
    expect(link, "ACK 0")
    for number, at in enumerate(range(0, len(transfer.packed), block_size), 1):
        block = transfer.packed[at : at + block_size]
        send_block(link, number, block)
        advance(len(block))
    expect(link, "RUN", UNPACK_SECONDS)


def give_up(link: Link, block_size: int) -> bool:
    """Make the board refuse a transfer that has begun, by sending wrong blocks.

    Return whether it did, and is at its raw REPL as before.
    """
    for _ in range(BLOCK_TRIES + 1):
        link.write(bytes(block_size + BLOCK_SUM))
        try:
            if answer(link, UNPACK_SECONDS) == "RUN":
                return False
        except Rejected:
            return True
    return False


def send(link: Link, image: bytes, advance: Advance = lambda count: None) -> None:
    """Have the board boot `image`, from the raw REPL."""
    transfer = prepare(image)
    transmit(link, transfer, start(link), advance)
