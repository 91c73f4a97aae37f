# SPDX-License-Identifier: MIT
"""What programs do to files on the board, and what may be there meanwhile."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from textwrap import dedent

PIECE = 512
FOLDER = None  # in place of a content

#: Common to the workloads. Each piece of a file tells which file and which place in it it is.
PRELUDE = """
import machine, os, struct
card = machine.SDCard()
def mark(name):
    card.writeblocks(1, name.encode() + bytes(512 - len(name)))
def content(seed, first, count):
    return b"".join(struct.pack("<II", seed, i) * 64 for i in range(first, first + count))
def put(path, seed, count, mode="wb"):
    with open(path, mode) as file:
        for first in range(0, count, 16):
            file.write(content(seed, first, min(16, count - first)))
"""


def content(seed: int, count: int, first: int = 0) -> bytes:
    """What put() writes."""
    return b"".join(struct.pack("<II", seed, i) * 64 for i in range(first, first + count))


@dataclass(frozen=True)
class Workload:
    """A script, and the contents that each file has that it names, in order: None is that of a
    folder, ABSENT of what is not there."""

    name: str
    script: str
    named: Mapping[str, tuple[bytes | None | str, ...]]
    #: At each moment one of these files is whole.
    whole: tuple[tuple[str, bytes], ...] = ()

    def before(self) -> Iterator[tuple[str, bytes]]:
        """Yield the files that have to be there before it."""
        for path, states in self.named.items():
            if isinstance(states[0], bytes):
                yield path, states[0]


ABSENT = "absent"
#: Files that no workload names.
OTHERS = {
    "/keep.txt": content(900, 3),
    "/docs": FOLDER,
    "/docs/a file with a long name.txt": content(901, 40),
    "/docs/b.bin": content(902, 100),
    "/docs/empty": b"",
}
APPENDED = content(20, 5), content(20, 5) + content(21, 4), content(20, 5) + content(21, 8)
OVERWRITTEN = content(70, 200)
CHANGED = OVERWRITTEN[: 50 * PIECE] + content(71, 20) + OVERWRITTEN[70 * PIECE :]


def growing(seed: int, count: int, step: int) -> tuple[bytes | None | str, ...]:
    """The states of a new file that is flushed after so many pieces each."""
    return ABSENT, *(content(seed, size) for size in range(0, count + 1, step))


ON_FEW_BLOCKS = [
    Workload("create", "put('/create.txt', 10, 3)", {"/create.txt": growing(10, 3, 3)}),
    Workload(
        "append",
        """
        with open("/append.log", "ab") as file:
            file.write(content(21, 0, 4))
            file.flush()
            file.write(content(21, 4, 4))
        """,
        {"/append.log": APPENDED},
    ),
    Workload(
        "rename",
        "os.rename('/rename old name.txt', '/docs/renamed.txt')",
        {
            "/rename old name.txt": (content(30, 10), ABSENT),
            "/docs/renamed.txt": (ABSENT, content(30, 10)),
        },
        (("/rename old name.txt", content(30, 10)), ("/docs/renamed.txt", content(30, 10))),
    ),
    Workload(
        "delete",
        "os.remove('/delete me please.txt')",
        {"/delete me please.txt": (content(40, 60), ABSENT)},
    ),
    Workload("mkdir", "os.mkdir('/new folder')", {"/new folder": (ABSENT, FOLDER)}),
    Workload(
        "overwrite",
        """
        with open("/overwrite.bin", "r+b") as file:
            file.seek(50 * 512)
            file.write(content(71, 0, 20))
        """,
        {"/overwrite.bin": (OVERWRITTEN, CHANGED)},
    ),
    Workload(
        "two",
        """
        with open("/one.bin", "wb") as one, open("/two.bin", "wb") as two:
            for i in range(20):
                one.write(content(80, i, 1))
                two.write(content(81, i, 1))
                if i % 5 == 4:
                    one.flush()
                    two.flush()
        """,
        {"/one.bin": growing(80, 20, 5), "/two.bin": growing(81, 20, 5)},
    ),
    Workload(
        "truncate",
        "open('/truncate.bin', 'wb').close()",
        {"/truncate.bin": (content(100, 80), b"")},
    ),
    Workload(
        "replace",
        """
        put("/settings.new", 111, 6)
        os.rename("/settings.new", "/settings.txt")
        """,
        {
            "/settings.txt": (content(110, 6), ABSENT, content(111, 6)),
            "/settings.new": (ABSENT, b"", content(111, 6), ABSENT),
        },
        (
            ("/settings.txt", content(110, 6)),
            ("/settings.new", content(111, 6)),
            ("/settings.txt", content(111, 6)),
        ),
    ),
]


def large_file(pieces: int) -> Workload:
    path = "/large.bin"
    return Workload("large", f"put({path!r}, 60, {pieces})", {path: growing(60, pieces, pieces)})


def large_folder(entries: int) -> Workload:
    named = {
        f"/many/entry number {number}.txt": growing(1000 + number, number % 2, 1)
        for number in range(entries)
    }
    script = f"""
        os.mkdir("/many")
        for i in range({entries}):
            put("/many/entry number %d.txt" % i, 1000 + i, i % 2)
        """
    return Workload("folder", script, {"/many": (ABSENT, FOLDER)} | named)


def workloads(pieces: int, entries: int) -> list[Workload]:
    """All of them; the large file has so many pieces, the large folder so many entries."""
    return [*ON_FEW_BLOCKS, large_folder(entries), large_file(pieces)]


def script(chosen: list[Workload]) -> str:
    """All of them in one run on the board, each behind a mark with its name; first their files."""
    lines = [PRELUDE, "os.mkdir('/docs')"]
    files = {path: data for path, data in OTHERS.items() if data is not FOLDER}
    for each in chosen:
        files.update(each.before())
    for path, data in files.items():
        seed = struct.unpack_from("<I", data)[0] if data else 0
        lines.append(f"put({path!r}, {seed}, {len(data) // PIECE})")
    for each in chosen:
        lines += [f"mark({each.name!r})", dedent(each.script)]
    return "\n".join([*lines, "mark('end')", "print('done')"])
