# SPDX-License-Identifier: MIT
"""`pimem boot`: gives a running board another kernel over its serial line.

The board is its own loader, machine.bootloader(); bootloader.h of the port has the protocol. One
block is on its way at a time, and the board answers each, so that a slow line or a slow board
cannot lose anything. Until the board has said RUN the old system is there as before.
"""

from __future__ import annotations

import argparse
import struct
import sys
import zlib
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pimem.board import boards
from pimem.board.errors import BoardError, NoAnswer
from pimem.board.link import END, Link
from pimem.board.session import kernel_of, open_session
from pimem.board.text import Output, to_text
from pimem.commands import monitor, serial_options
from pimem.exits import FAILED, OK, Refusal, complain
from pimem.progress import Progress

VERSION = 1
MAGIC = b"PIMBOOT1"
IMAGE_HEADER = struct.Struct("<8xQQ32x4s4x")  # text_offset, image_size, magic
IMAGE_MAGIC = b"ARM\x64"
BLOCK_TRIES = 4  # of the board, then it gives up
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
    """Bytes of memory that the kernel uses from its first one on; Refusal if it is none."""
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
    """In the raw REPL: starts the board's loader; the size of its blocks."""
    argument = "" if timeout_ms is None else str(timeout_ms)
    link.write(f"import machine\nmachine.bootloader({argument})".encode() + END)
    link.read_until(b"OK", silence=ANSWER_SECONDS)
    greeting = answer(link).split()
    if len(greeting) != 3 or greeting[:2] != ["BOOTLOADER", str(VERSION)]:
        raise NoAnswer(f"{link.url} has another loader: it said {' '.join(greeting)!r}")
    return int(greeting[2])


def answer(link: Link, seconds: float = ANSWER_SECONDS) -> str:
    """A line of the loader. If it is an exception instead: Rejected, back in the raw REPL."""
    line = link.read_until(b"\r\n", silence=seconds)
    if not line.startswith(END):
        return to_text(line).strip()
    text = line[1:] + link.read_until(END + b">", silence=seconds)[:-2]
    raise Rejected(to_text(text).strip().rsplit("\n", 1)[-1])


def expect(link: Link, wanted: str, seconds: float = ANSWER_SECONDS) -> None:
    said = answer(link, seconds)
    if said != wanted:
        raise NoAnswer(f"{link.url} said {said!r} instead of {wanted!r}")


def send_block(link: Link, number: int, block: bytes) -> None:
    """Until the board has it; where it came damaged it asks for it again, and gives up in time."""
    said = again = f"NAK {number}"
    while said == again:
        link.write(block + struct.pack("<I", zlib.crc32(block)))
        said = answer(link)
    if said != f"ACK {number}":
        raise NoAnswer(f"{link.url} said {said!r} instead of 'ACK {number}'")


def transmit(link: Link, transfer: Transfer, block_size: int, advance: Advance) -> None:
    """After start(): everything up to RUN. Rejected: the old system is at its raw REPL."""
    link.write(transfer.header)
    expect(link, "ACK 0")
    for number, at in enumerate(range(0, len(transfer.packed), block_size), 1):
        block = transfer.packed[at : at + block_size]
        send_block(link, number, block)
        advance(len(block))
    expect(link, "RUN", UNPACK_SECONDS)


def give_up(link: Link, block_size: int) -> bool:
    """In the middle of a transfer: makes the board refuse it, by blocks that are wrong as often
    as it takes. Whether it did, and is at its raw REPL as before."""
    for _ in range(BLOCK_TRIES + 1):
        link.write(bytes(block_size + BLOCK_SUM))
        try:
            if answer(link, UNPACK_SECONDS) == "RUN":
                return False
        except Rejected:
            return True
    return False


def send(link: Link, image: bytes, advance: Advance = lambda count: None) -> None:
    """From the raw REPL: after this the board is booting `image`."""
    transfer = prepare(image)
    transmit(link, transfer, start(link), advance)


def kernel_path(args: Namespace) -> Path:
    return kernel_of(boards.load(args.board), args.kernel)


def boot(args: Namespace) -> None:
    path = kernel_path(args)
    transfer = prepare(path.read_bytes())
    board = boards.load(args.board)
    with open_session(board, port=args.port, kernel=path, silence=args.timeout) as session:
        link = session.link
        link.enter_raw_repl()
        block_size = start(link)
        try:
            with Progress(path.name, len(transfer.packed)) as progress:
                transmit(link, transfer, block_size, progress.advance)
        except Rejected:
            link.leave_raw_repl()
            raise
        except KeyboardInterrupt:
            if give_up(link, block_size):
                link.leave_raw_repl()
                complain("the board goes on as before")
            raise
        with Output(sys.stdout) as output:
            session.finish_boot(output)


def watch(args: Namespace) -> int:
    """The monitor, on the port of the board that has just booted."""
    top = argparse.ArgumentParser()
    serial_options.add_monitor(top.add_subparsers())
    words = ["monitor", "--port", args.port, "--kernel", str(kernel_path(args))]
    return monitor.main(top.parse_args(words))


def main(args: Namespace) -> int:
    boot(args)
    if args.monitor and sys.stdin.isatty() and sys.stdout.isatty():
        return watch(args)
    return OK
