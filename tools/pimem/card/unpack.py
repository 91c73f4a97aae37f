# SPDX-License-Identifier: MIT
"""Reads images that are compressed, a piece at a time, in bounded memory.

However much a file expands to, no more than a piece of it is in memory. A file is whole if its
compressed streams end where the file ends; zeros behind the last one are padding.
"""

from __future__ import annotations

import bz2
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

import zstandard

from pimem.card import formats
from pimem.card.devices import printable
from pimem.exits import Failure, Refusal

PIECE = 1 << 20  # of what comes out
INPUT = 1 << 16
#: A block of zstd has at least 4 bytes and expands to at most 128 KiB, and its decoder returns
#: all at once: so much input gives at most 16 MiB.
ZSTD_INPUT = 512
#: Dictionaries and windows beyond this are refused: `xz -9` takes 64 MiB, `zstd -19` 8.
MEMORY = 128 << 20
XZ_PADDING = 4  # bytes, or a multiple
ZIP_FILE = struct.Struct("<4s5H3L2H")  # before each file's data; ends in two lengths
ZIP_END = struct.Struct("<4s4H2LH")
ZIP_COMMENT = 0xFFFF  # longest
ZIP_ENCRYPTED = 1
ZIP_NO_END = "it has no list of its files in its last 64 KiB"


class Damaged(Exception):
    """The compressed data is not whole; the text goes on from 'FILE is '."""


class Decoder(Protocol):
    """Undoes one compressed stream."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decode(self, data: bytes) -> Iterator[bytes]: ...


class Readable(Protocol):
    """What compressed data is read from."""

    def read(self, count: int, /) -> bytes: ...


class Sized:
    """bz2's and lzma's decoders, which keep what they did not get to."""

    def __init__(self, decoder: bz2.BZ2Decompressor | lzma.LZMADecompressor) -> None:
        self._decoder = decoder

    @property
    def eof(self) -> bool:
        return self._decoder.eof

    @property
    def unused_data(self) -> bytes:
        return self._decoder.unused_data

    def decode(self, data: bytes) -> Iterator[bytes]:
        yield self._decoder.decompress(data, PIECE)
        while not (self._decoder.eof or self._decoder.needs_input):
            yield self._decoder.decompress(b"", PIECE)


class Deflate:
    """zlib's decoder, which returns what it did not get to."""

    def __init__(self, wbits: int) -> None:
        self._decoder = zlib.decompressobj(wbits)

    @property
    def eof(self) -> bool:
        return self._decoder.eof

    @property
    def unused_data(self) -> bytes:
        return self._decoder.unused_data

    def decode(self, data: bytes) -> Iterator[bytes]:
        piece = self._decoder.decompress(data, PIECE)
        yield piece
        # A full piece may mean that there is more to come without further input.
        while not self._decoder.eof and (self._decoder.unconsumed_tail or len(piece) == PIECE):
            piece = self._decoder.decompress(self._decoder.unconsumed_tail, PIECE)
            yield piece


class Zstd:
    """zstandard's decoder, which is fed in slices that bound what it returns."""

    def __init__(self) -> None:
        self._decoder = zstandard.ZstdDecompressor(max_window_size=MEMORY).decompressobj()
        self._rest = b""

    @property
    def eof(self) -> bool:
        return self._decoder.eof

    @property
    def unused_data(self) -> bytes:
        return self._decoder.unused_data + self._rest

    def decode(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), ZSTD_INPUT):
            yield self._decoder.decompress(data[start : start + ZSTD_INPUT])
            if self._decoder.eof:
                self._rest = data[start + ZSTD_INPUT :]
                return


def xz() -> Decoder:
    return Sized(lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MEMORY))


def bzip2() -> Decoder:
    return Sized(bz2.BZ2Decompressor())


DECODERS: dict[str, Callable[[], Decoder]] = {
    formats.XZ: xz,
    formats.GZIP: lambda: Deflate(16 + zlib.MAX_WBITS),
    formats.BZIP2: bzip2,
    formats.ZSTD: Zstd,
}
#: By the number of the method.
ZIP_DECODERS: dict[int, Callable[[], Decoder]] = {
    zipfile.ZIP_DEFLATED: lambda: Deflate(-zlib.MAX_WBITS),
    zipfile.ZIP_BZIP2: bzip2,
    93: Zstd,
    95: xz,
}


def compression(path: Path) -> str | None:
    """Return how a file is compressed; None where it is not."""
    with path.open("rb") as source:
        return formats.compression(source.read(formats.HEAD))


def pieces(path: Path) -> Iterator[bytes]:
    """Yield the image in a file, compressed or not, in pieces of one size up to the last;
    Failure where it is not whole, Refusal where it cannot be read."""
    try:
        with path.open("rb") as source:
            yield from of_one_size(contents(path, source))
    except Damaged as exc:
        raise Failure(f"{path} is {exc}") from exc
    except OSError as exc:
        raise Failure(f"cannot read {path}: {exc.strerror or exc}") from exc


def of_one_size(stream: Iterator[bytes]) -> Iterator[bytes]:
    held = bytearray()
    for data in stream:
        held += data
        while len(held) >= PIECE:
            yield bytes(held[:PIECE])
            del held[:PIECE]
    if held:
        yield bytes(held)


def contents(path: Path, source: BinaryIO) -> Iterator[bytes]:
    kind = formats.compression(source.read(formats.HEAD))
    source.seek(0)
    if kind is None:
        return plain(source)
    return from_zip(path, source) if kind == formats.ZIP else from_streams(source, kind)


def plain(source: Readable) -> Iterator[bytes]:
    while data := source.read(PIECE):
        yield data


def from_streams(source: BinaryIO, kind: str) -> Iterator[bytes]:
    """Undo all streams of a file, one behind the other."""
    rest = source.read(INPUT)
    while rest:
        decoder = DECODERS[kind]()
        yield from from_stream(source, decoder, rest)
        rest = after_padding(source, decoder.unused_data, kind)


def from_stream(source: Readable, decoder: Decoder, data: bytes) -> Iterator[bytes]:
    """Undo one stream, which begins with this data."""
    while not decoder.eof:
        if not data:
            raise Damaged("truncated: its compressed data breaks off")
        try:
            yield from filter(None, decoder.decode(data))
        except (OSError, lzma.LZMAError, zlib.error, zstandard.ZstdError) as exc:
            raise Damaged(why_not(exc)) from exc
        data = b"" if decoder.eof else source.read(INPUT)


def why_not(exc: Exception) -> str:
    """Return what a decoder did not like."""
    text = str(exc)
    if "emory" in text:  # of liblzma's limit, and zstd's
        return f"compressed so that it takes more than {MEMORY >> 20} MiB of memory to read"
    return f"damaged: {text}"


def after_padding(source: BinaryIO, data: bytes, kind: str) -> bytes:
    """Return the beginning of the next stream, b'' at the end of the file."""
    count = 0
    data = data or source.read(INPUT)
    while data and not data.strip(b"\0"):
        count += len(data)
        data = source.read(INPUT)
    rest = data.lstrip(b"\0")
    count += len(data) - len(rest)
    if kind == formats.XZ and count % XZ_PADDING:
        raise Damaged(f"damaged: {count} bytes of padding, not a multiple of {XZ_PADDING}")
    rest += source.read(formats.HEAD) if 0 < len(rest) < formats.HEAD else b""
    if rest and formats.compression(rest) != kind:
        raise Damaged(f"damaged: what follows its {kind} data is something else")
    return rest


def from_zip(path: Path, source: BinaryIO) -> Iterator[bytes]:
    """Undo the only file of a zip archive.

    By the decoders of this file: those of zipfile return all that their input gives at once.
    """
    check_zip_end(source)
    try:
        with zipfile.ZipFile(source) as archive:
            member = only_file(path, archive)
    except (zipfile.BadZipFile, NotImplementedError) as exc:
        raise Damaged(f"damaged: {exc}") from exc
    size = crc = 0
    for piece in from_member(source, member):
        size += len(piece)
        crc = zlib.crc32(piece, crc)
        yield piece
    if (size, crc) != (member.file_size, member.CRC):
        raise Damaged(f"damaged: its file has {size} bytes of CRC {crc:08x}, its list says other")


def check_zip_end(source: BinaryIO) -> None:
    """Find the record that ends an archive, with nothing but zeros behind it."""
    size = source.seek(0, 2)
    start = source.seek(max(0, size - ZIP_END.size - ZIP_COMMENT))
    tail = source.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < ZIP_END.size:
        raise Damaged(f"truncated, or followed by something else: {ZIP_NO_END}")
    comment = ZIP_END.unpack_from(tail, at)[-1]
    end = at + ZIP_END.size + comment
    if start + end > size:
        raise Damaged("truncated: its last record breaks off")
    if tail[end:].strip(b"\0"):
        raise Damaged("damaged: what follows its zip data is something else")


def only_file(path: Path, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """Return the one file of an archive; macOS adds some of its own, which do not count."""
    files = [
        each
        for each in archive.infolist()
        if not each.is_dir() and not each.filename.startswith("__MACOSX/")
    ]
    if not files:
        raise Refusal(f"{path} is a zip archive without a file")
    if len(files) > 1:
        names = ", ".join(printable(each.filename) for each in files[:3])
        more = ", ..." if len(files) > 3 else ""
        raise Refusal(
            f"{path} has {len(files)} files ({names}{more}), not one: unpack it and name the image"
        )
    (member,) = files
    if member.flag_bits & ZIP_ENCRYPTED:
        raise Refusal(f"{path} is encrypted: unpack it and name the image")
    if member.compress_type not in (zipfile.ZIP_STORED, *ZIP_DECODERS):
        method = f"compressed by zip's method {member.compress_type}"
        raise Refusal(f"{path} is {method}, which is not known here: unpack it and name the image")
    return member


class Part:
    """A part of a file, to be read in order."""

    def __init__(self, source: BinaryIO, start: int, size: int) -> None:
        source.seek(start)
        self._source = source
        self._left = size

    def read(self, count: int) -> bytes:
        data = self._source.read(min(count, self._left))
        self._left -= len(data)
        return data


def from_member(source: BinaryIO, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """Undo a file of an archive; what its list says of it is compared by the caller."""
    source.seek(member.header_offset)
    header = source.read(ZIP_FILE.size)
    if len(header) < ZIP_FILE.size or not header.startswith(b"PK\x03\x04"):
        raise Damaged("damaged: its file is not where its list says")
    start = member.header_offset + ZIP_FILE.size + sum(ZIP_FILE.unpack(header)[-2:])
    part = Part(source, start, member.compress_size)
    if member.compress_type == zipfile.ZIP_STORED:
        yield from plain(part)
        return
    decoder = ZIP_DECODERS[member.compress_type]()
    yield from from_stream(part, decoder, part.read(INPUT))
    if decoder.unused_data or part.read(1):
        raise Damaged("damaged: its file goes on behind its compressed data")
