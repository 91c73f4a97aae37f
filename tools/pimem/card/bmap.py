# SPDX-License-Identifier: MIT
"""Block maps (.bmap, format 2.0 of bmaptool): which blocks of an image matter, with checksums."""

from __future__ import annotations

import hashlib
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pimem.exits import Failure

BLOCK = 4096
NO_SUM = "0" * 64
FORM = """\
<?xml version="1.0" ?>
<bmap version="2.0">
    <ImageSize> {size} </ImageSize>
    <BlockSize> {block} </BlockSize>
    <BlocksCount> {blocks} </BlocksCount>
    <MappedBlocksCount> {mapped} </MappedBlocksCount>
    <ChecksumType> sha256 </ChecksumType>
    <BmapFileChecksum> {checksum} </BmapFileChecksum>
    <BlockMap>
{ranges}
    </BlockMap>
</bmap>
"""


@dataclass(frozen=True)
class Range:
    """Bytes [start, end) of the image, and their sha256."""

    start: int
    end: int
    sha256: str


@dataclass(frozen=True)
class Bmap:
    image_size: int
    ranges: tuple[Range, ...]

    @property
    def mapped(self) -> int:
        return sum(each.end - each.start for each in self.ranges)


def whole_blocks(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """First and last block numbers of ascending byte ranges, merged where they touch."""
    merged: list[tuple[int, int]] = []
    for start, end in ranges:
        first, last = start // BLOCK, (end - 1) // BLOCK
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def create(image: Path, ranges: Sequence[tuple[int, int]]) -> str:
    """Return the block map of an image of which these byte ranges matter."""
    size = image.stat().st_size
    lines, mapped = [], 0
    with image.open("rb") as source:
        for first, last in whole_blocks(ranges):
            source.seek(first * BLOCK)
            count = last - first + 1
            digest = hashlib.sha256(source.read(count * BLOCK)).hexdigest()
            blocks = f"{first}-{last}" if last > first else f"{first}"
            lines.append(f'        <Range chksum="{digest}"> {blocks} </Range>')
            mapped += count
    text = FORM.format(
        size=size,
        block=BLOCK,
        blocks=-(-size // BLOCK),
        mapped=mapped,
        checksum=NO_SUM,
        ranges="\n".join(lines),
    )
    # The file's own checksum is taken with zeros in its place.
    return text.replace(NO_SUM, hashlib.sha256(text.encode()).hexdigest(), 1)


def parse(path: Path) -> Bmap:
    """Read and check a block map; Failure says what is wrong with it."""
    try:
        text = path.read_text()
        top = ElementTree.fromstring(text)
        size, block = int(field(top, "ImageSize")), int(field(top, "BlockSize"))
        checksum, kind = field(top, "BmapFileChecksum"), field(top, "ChecksumType")
        ranges = tuple(read_range(each, block, size) for each in top.iterfind("BlockMap/Range"))
    except (OSError, ValueError, UnicodeError, ElementTree.ParseError) as exc:
        raise Failure(f"{path} is no block map: {exc}") from exc
    if kind != "sha256":
        raise Failure(f"{path} has checksums of kind '{kind}', not sha256")
    blank = text.replace(checksum, "0" * len(checksum), 1)
    if hashlib.sha256(blank.encode()).hexdigest() != checksum:
        raise Failure(f"{path} is damaged: it does not have the checksum it names")
    return Bmap(size, ranges)


def field(top: ElementTree.Element, name: str) -> str:
    value = top.findtext(name)
    if value is None:
        raise ValueError(f"it has no {name}")
    return value.strip()


def read_range(element: ElementTree.Element, block: int, size: int) -> Range:
    blocks = (element.text or "").strip()
    found = re.fullmatch(r"(\d+)(?:-(\d+))?", blocks)
    if not found:
        raise ValueError(f"range '{blocks}'")
    first, last = int(found[1]), int(found[2] or found[1])
    if last < first or last * block >= size:
        raise ValueError(f"range {blocks} of an image of {size} bytes")
    return Range(first * block, min((last + 1) * block, size), element.get("chksum", ""))
