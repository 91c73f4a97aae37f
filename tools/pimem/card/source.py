# SPDX-License-Identifier: MIT
"""An image to be written: compressed or not, with the block map and checksums beside it.

Everything about it is checked by reading it once, before any disk is opened.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

from pimem.card import bmap, formats, mbr, unpack
from pimem.card.bmap import Range
from pimem.card.mbr import SECTOR, SIGNATURE
from pimem.exits import Failure, Refusal

SUM_LINE = re.compile(r"([0-9a-f]{64})(?: [ *](\S.*))?")


@dataclass(frozen=True)
class Source:
    """A checked image."""

    path: Path
    size: int
    sha256: str
    ranges: tuple[Range, ...]  # what is to be written

    @property
    def mapped(self) -> int:
        return sum(each.end - each.start for each in self.ranges)

    def segments(self) -> Iterator[tuple[int, bytes]]:
        """(offset, data) of all that is to be written, ascending."""
        with contextlib.closing(pieces(self.path)) as stream:
            for offset, data in stream:
                for each in self.ranges:
                    start = max(each.start, offset)
                    end = min(each.end, offset + len(data))
                    if start < end:
                        yield start, data[start - offset : end - offset]


def pieces(path: Path) -> Generator[tuple[int, bytes]]:
    """(offset, data) of the uncompressed image; Failure where it cannot be read to its end."""
    offset = 0
    for data in unpack.pieces(path):
        yield offset, data
        offset += len(data)


class RangeSums:
    """Checksums of a map's ranges, from data that comes in order."""

    def __init__(self, ranges: tuple[Range, ...]) -> None:
        self._ranges = ranges
        self._sums = [hashlib.sha256() for _ in ranges]

    def update(self, offset: int, data: bytes) -> None:
        view = memoryview(data)
        for each, digest in zip(self._ranges, self._sums, strict=True):
            start, end = max(each.start, offset), min(each.end, offset + len(data))
            if start < end:
                digest.update(view[start - offset : end - offset])

    def wrong(self) -> Range | None:
        """Return the first range whose data is not what the map says."""
        for each, digest in zip(self._ranges, self._sums, strict=True):
            if digest.hexdigest() != each.sha256:
                return each
        return None


def beside(path: Path, suffix: str) -> Path | None:
    """sdcard.img.xz.bmap, sdcard.img.bmap or sdcard.bmap, whichever is there."""
    name = path.name
    while name:
        candidate = path.with_name(name + suffix)
        if candidate != path and candidate.is_file():
            return candidate
        name, dot, _ = name.rpartition(".")
        if not dot:
            break
    return None


def stated_sums(path: Path) -> dict[str, str]:
    """Checksums by file name, as `sha256sum` writes them; a lone one is the image's own."""
    sums = {}
    for line in path.read_text(errors="replace").splitlines():
        found = SUM_LINE.fullmatch(line.strip())
        if found:
            sums[found[2] or ""] = found[1]
    return sums


def check_sums(path: Path, content: str) -> None:
    """Compare with the .sha256 beside the image, if there is one."""
    file = beside(path, ".sha256")
    if file is None:
        return
    sums = stated_sums(file)
    stem = path.stem if path.suffix in formats.SUFFIXES.values() else path.name
    known = sums.get(stem) or (sums.get("") if path.name == stem else None)
    if known:
        actual = content
    elif path.name in sums or "" in sums:
        known = sums.get(path.name) or sums[""]
        with path.open("rb") as stream:
            actual = hashlib.file_digest(stream, "sha256").hexdigest()
    else:
        raise Failure(f"{file} has no checksum of {path.name}")
    if known != actual:
        raise Failure(f"{path} is damaged: its sha256 is {actual}, {file.name} says {known}")


def check_start(path: Path, head: bytes) -> None:
    """Refuse what is no image of a disk, and say what it is if that can be told."""
    if len(head) >= SECTOR and head[SECTOR - 2 : SECTOR] == SIGNATURE:
        return
    what = f"what is in {path}" if unpack.compression(path) else str(path)
    inside = formats.compression(head)
    kind = f"compressed with {inside} once more" if inside else formats.refused(head)
    if kind:
        written = f"an image to write is plain, or {formats.known()}"
        raise Refusal(f"{what} is {kind}: {written}")
    raise Refusal(f"{what} is no card image: its first sector has no partition table")


def check_map(path: Path, block_map: bmap.Bmap, size: int, sums: RangeSums) -> None:
    if not block_map.ranges or block_map.ranges[0].start:
        raise Failure(f"{path}: its block map leaves out the first block")
    if block_map.image_size != size:
        raise Failure(f"{path} has {size} bytes, its block map says {block_map.image_size}")
    wrong = sums.wrong()
    if wrong:
        raise Failure(f"{path} is damaged: bytes {wrong.start} to {wrong.end} by its block map")


class TooLarge(Refusal):
    """The image does not fit; how much larger it is may not be known yet."""

    def __init__(self, needed: int, known: bool) -> None:
        super().__init__(f"the image has {needed} bytes{'' if known else ' or more'}")
        self.needed = needed
        self.known = known


def check(path: Path, room: int | None = None) -> Source:
    """Read the image once and compare it with all that is known of it.

    TooLarge as soon as it shows that the image has more than `room` bytes.
    """
    if not path.is_file():
        raise Refusal(f"there is no image {path}: `pimem image` makes one")
    map_file = beside(path, ".bmap")
    block_map = bmap.parse(map_file) if map_file else None
    sums = RangeSums(block_map.ranges if block_map else ())
    whole, size, least = hashlib.sha256(), 0, None
    for offset, data in pieces(path):
        if offset == 0:
            check_start(path, data[: formats.HEAD])
            least = mapped_end(block_map, data)
        whole.update(data)
        sums.update(offset, data)
        size += len(data)
        check_room(path, size, room, least)
    if size == 0 or size % SECTOR:
        what = "is empty" if size == 0 else f"has {size} bytes, no whole number of sectors"
        raise Failure(f"{path} {what}")
    digest = whole.hexdigest()
    check_sums(path, digest)
    if block_map:
        check_map(path, block_map, size, sums)
        return Source(path, size, digest, block_map.ranges)
    return Source(path, size, digest, (Range(0, size, digest),))


def mapped_end(block_map: bmap.Bmap | None, head: bytes) -> int | None:
    """Return where a mapped image ends for a card: what is behind its partitions is not written.
    None: it has no map, and all of it is."""
    if block_map is None or not block_map.ranges:
        return None
    return max(mbr.end(head), block_map.ranges[-1].end)


def check_room(path: Path, size: int, room: int | None, least: int | None) -> None:
    """Compare the room with what the map says; without one with the size so far, or that of a
    file that is not compressed."""
    if room is None:
        return
    known = least is not None or unpack.compression(path) is None
    needed = least or (path.stat().st_size if known else size)
    if needed > room:
        raise TooLarge(needed, known)
