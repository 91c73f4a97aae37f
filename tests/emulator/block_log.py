# SPDX-License-Identifier: MIT
"""What a guest wrote to its card, block by block in order: QEMU's driver `blklogwrites`.

The log has a superblock, and per write a header and the data: one block of 512 bytes each.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

BLOCK = 512
SUPER = struct.Struct("<QQQI")
HEADER = struct.Struct("<QQQQ")
MAGIC, VERSION = 0x6A736677736872, 1
#: The card's second block: nothing has it, so that a test can note there where it is.
MARK = 1


@dataclass(frozen=True)
class Write:
    block: int
    data: bytes


def recorded(args: Sequence[str], card: Path, log: Path) -> list[str]:
    """Return QEMU's arguments for a card, changed so that what is written is logged too."""
    plain = f"format=raw,file={card}"
    recording = (
        f"driver=blklogwrites,file.driver=file,file.filename={card},"
        f"log.driver=file,log.filename={log}"
    )
    log.touch()
    changed = [each.replace(plain, recording) for each in args]
    assert changed != list(args), args
    return changed


def writes(log: Path) -> Iterator[Write]:
    """Yield all writes, in order."""
    with log.open("rb") as file:
        magic, version, _, size = SUPER.unpack(file.read(BLOCK)[: SUPER.size])
        assert (magic, version, size) == (MAGIC, VERSION, BLOCK)
        while len(head := file.read(BLOCK)) == BLOCK:
            block, count, _, length = HEADER.unpack(head[: HEADER.size])
            if count == 0:  # a flush
                continue
            assert length == 0 or length == count * BLOCK
            data = file.read(count * BLOCK)
            for at in range(count):
                yield Write(block + at, data[at * BLOCK : (at + 1) * BLOCK])


def parts(log: Path) -> dict[str, list[Write]]:
    """Return the writes behind each mark, by its text; those before the first have the name ''."""
    found: dict[str, list[Write]] = {"": []}
    here = found[""]
    for each in writes(log):
        if each.block == MARK:
            here = found.setdefault(each.data.rstrip(b"\0").decode(), [])
        else:
            here.append(each)
    return found
