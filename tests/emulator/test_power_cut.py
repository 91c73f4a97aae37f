# SPDX-License-Identifier: MIT
"""The power is cut in the middle of each of ten workloads: what the card then has.

Everything that a run writes is recorded block by block, and each beginning of that is a cut. With
POWER_CUTS=all every write of metadata is one, and every 64th of data; else a sample.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import block_log
import pytest
from block_log import Write
from cards import TOOL_PATH, noise
from fat_volume import File, Volume
from littlefs import LFSConfig, LittleFS, UserContext
from on_board import ask, run
from workloads import ABSENT, FOLDER, OTHERS, Workload, script, workloads

from pimem.board import boards
from pimem.board.qemu import card_args
from pimem.card import fat, lfs, mbr
from pimem.card.mbr import Partition
from pimem.testing import board_session

MIB = 1 << 20
ALL = os.environ.get("POWER_CUTS") == "all"
CARD = 64 * MIB
BOARDS = board_session.PIS if ALL else board_session.PIS[-1:]
CHOSEN = workloads(10_000, 300) if ALL else workloads(100, 40)
KINDS = {"FAT": Partition(mbr.FAT32_LBA, 8192, 48 * MIB // 512)}
KINDS["littlefs"] = Partition(mbr.NO_FILESYSTEM, 8192, 16 * MIB // 512)
EVERY = 64  # write of data
SAMPLE = 8  # cuts of a workload
RECORD_SECONDS = 600.0
EPOCH = 1 << 30
AFTER = b"after" * 200
UNUSED = Partition(mbr.NO_FILESYSTEM, 2048, 2048)


class Recording:
    """What one run of all workloads wrote to a partition that was used before."""

    def __init__(self, name: str, kind: str, folder: Path) -> None:
        self.name = name
        self.partition = KINDS[kind]
        card, log = folder / "card", folder / "log"
        card.write_bytes(noise("an older card", MIB) * (CARD // MIB))
        with card.open("r+b") as file:
            file.write(mbr.record(1, [UNUSED, self.partition]))
        if kind == "FAT":
            fat.make_filesystem(card, self.partition, label="FILES", serial=1, epoch=EPOCH)
        else:
            lfs.make_filesystem(card, self.partition)
        self.first = self._read(card)
        extra = block_log.recorded(card_args(boards.load(name), card), card, log)
        with board_session.booted(name, extra=extra) as machine:
            assert run(machine, script(CHOSEN), RECORD_SECONDS) == "done\n"
            machine.emulated().pause()  # and all of the log is in its file
        self.parts = block_log.parts(log)
        log.unlink()
        assert list(self.parts) == ["", *(each.name for each in CHOSEN), "end"]

    def _read(self, card: Path) -> bytes:
        with card.open("rb") as file:
            file.seek(self.partition.start)
            return file.read(self.partition.size)

    def card(self, data: bytearray, path: Path) -> Path:
        """Make a card with such a partition."""
        with path.open("wb") as file:
            file.write(mbr.record(1, [UNUSED, self.partition]))
            file.seek(self.partition.start)
            file.write(data)
            file.truncate(CARD)
        return path

    def at(self, name: str) -> bytearray:
        """Return the partition as it is when a workload begins."""
        data = bytearray(self.first)
        for part, writes in self.parts.items():
            if part == name:
                break
            for each in writes:
                self.apply(data, each)
        return data

    def apply(self, data: bytearray, write: Write) -> None:
        start = (write.block - self.partition.first) * 512
        assert 0 <= start < len(data), f"block {write.block} is not of the partition"
        data[start : start + 512] = write.data


class FatCard:
    """The partition at a cut, as a reader and fsck.fat see it."""

    def __init__(self, data: bytearray, folder: Path) -> None:
        self._data = data
        self._path = folder / "partition"
        self._path.write_bytes(data)
        self._file = self._path.open("r+b", buffering=0)
        self._volume = Volume(memoryview(data))
        self.first_data = self._volume.first_block

    def written(self, block: int) -> None:
        """Take over what `data` has now."""
        self._file.seek(block * 512)
        self._file.write(self._data[block * 512 : (block + 1) * 512])

    def files(self) -> dict[str, File]:
        return self._volume.tree()

    def close(self) -> None:
        self._file.close()
        self._path.unlink()

    def complaints(self) -> list[str]:
        """Return what fsck.fat says beside its first and last line, which name its version and the
        partition."""
        done = subprocess.run(
            ["fsck.fat", "-n", str(self._path)],
            env=dict(os.environ, PATH=TOOL_PATH),
            capture_output=True,
            encoding="cp437",
            timeout=60,
        )
        assert done.returncode in (0, 1), done.stderr
        first, *lines, last = (done.stdout + done.stderr).splitlines()
        assert first.startswith("fsck.fat") and str(self._path) in last
        return lines


class Blocks(UserContext):
    """A partition in memory that stays as it is: what is written is beside it."""

    def __init__(self, data: bytearray) -> None:
        self._data = data
        self._new: dict[int, bytearray] = {}

    def _block(self, block: int) -> bytes | bytearray:
        return self._new.get(block) or self._data[block * 512 : (block + 1) * 512]

    def read(self, cfg: LFSConfig, block: int, off: int, size: int) -> bytearray:
        return bytearray(self._block(block)[off : off + size])

    def prog(self, cfg: LFSConfig, block: int, off: int, data: bytes) -> int:
        self._new.setdefault(block, bytearray(self._block(block)))[off : off + len(data)] = data
        return 0

    def erase(self, cfg: LFSConfig, block: int) -> int:
        return 0


class LittlefsCard:
    """The partition at a cut, mounted, and written to."""

    first_data = 0

    def __init__(self, data: bytearray, folder: Path) -> None:
        self._data = data

    def written(self, block: int) -> None:
        pass

    def close(self) -> None:
        pass

    def files(self) -> dict[str, File]:
        """Return what is there, also after something else was written. As on the board, a mount
        ends what is half done."""
        sizes = {"block_size": 512, "block_count": len(self._data) // 512}
        blocks = Blocks(self._data)
        volume = LittleFS(blocks, **sizes, read_size=512, prog_size=512, cache_size=512)
        volume.fs_mkconsistent()
        before = dict(self._walk(volume))
        with volume.open("/after the cut", "wb") as file:
            file.write(AFTER)
        after = dict(self._walk(LittleFS(blocks, **sizes, read_size=512)))
        assert after.pop("/after the cut").data == AFTER
        assert after == before
        return before

    def _walk(self, volume: LittleFS) -> Iterator[tuple[str, File]]:
        for top, folders, names in volume.walk("/"):
            top = top.rstrip("/")
            for name in folders:
                yield f"{top}/{name}", File(f"{top}/{name}", "", 0, FOLDER)
            for name in names:
                with volume.open(f"{top}/{name}", "rb") as file:
                    data = file.read()
                yield f"{top}/{name}", File(f"{top}/{name}", "", len(data), data)

    def complaints(self) -> list[str]:
        return []


@pytest.fixture(
    scope="module", params=[(name, kind) for name in BOARDS for kind in KINDS], ids="-".join
)
def recording(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Recording:
    return Recording(*request.param, tmp_path_factory.mktemp("recording"))


#: What fsck.fat says of clusters that no file has, and of the count of free ones.
HARMLESS = re.compile(
    r"FATs differ but appear to be intact\.|  Using first FAT\.|"
    r"Reclaimed \d+ unused clusters? \(\d+ bytes\)\.|"
    r"Free cluster summary wrong \(\d+ vs\. really \d+\)|  Auto-correcting\.|"
    r"|Leaving filesystem unchanged\."
)
#: What it says of one file or of two, behind a line with the path of each.
OF_FILE = re.compile(
    r"  File size is \d+ bytes, cluster chain length is >? ?\d+ bytes\.|"
    r"  Truncating file to \d+ bytes\."
)
SHARED = re.compile(r"  share clusters\.|  Truncating second to \d+ bytes.*")
ORPHAN = re.compile(r'Orphaned long file name part "(.*)"')


def allowed(line: str, names: set[str], moves: bool) -> bool:
    """Whether a line is about what a workload names, or harmless."""
    orphan = ORPHAN.fullmatch(line)
    if orphan:
        return any(orphan[1].lower() in name for name in names)
    if line.startswith("/"):
        return line.removesuffix(" and").strip().lower() in names
    if HARMLESS.fullmatch(line) or OF_FILE.fullmatch(line):
        return True
    return line == "  Auto-deleting." or bool(moves and SHARED.fullmatch(line))


def is_data(write: Write, first_data: int) -> bool:
    """Whether it is the content of a file: the same eight bytes again and again, at its end or,
    where a block is written in parts, behind the pointers of littlefs."""
    return write.block >= first_data and any(
        part[8:] == part[:-8] and len(set(part)) > 1
        for part in (write.data[-64:], write.data[64:128])
    )


def cuts(writes: list[Write], first_data: int) -> set[int]:
    """Return after how many writes the power is cut, 0 and all of them among it."""
    metadata = [number for number, each in enumerate(writes, 1) if not is_data(each, first_data)]
    if ALL:
        return {0, *metadata, *range(EVERY, len(writes), EVERY), len(writes)}
    step = max(1, len(metadata) // SAMPLE)
    return {0, *metadata[::step], len(writes)}


def contents(files: dict[str, File]) -> dict[str, bytes | None]:
    return {path: file.data for path, file in files.items()}


class Judge:
    """Compares what is there at a cut with what was there before the workload."""

    def __init__(self, card: FatCard | LittlefsCard, workload: Workload, exact: bool) -> None:
        self._card = card
        self._workload = workload
        self._exact = exact
        files = card.files()
        self._before = contents(files)
        aliases = {files[path].alias for path in workload.named if path in files}
        self._named = set(workload.named) | aliases
        self._lower = {name.lower() for name in self._named}
        for path, data in OTHERS.items():
            assert self._before[path] == data

    def at_cut(self) -> None:
        found = contents(self._card.files())
        for path, data in self._before.items():
            assert path in self._named or found.get(path, ABSENT) == data, path
        assert set(found) <= set(self._before) | self._named
        assert not self._workload.whole or any(
            found.get(path) == data for path, data in self._workload.whole
        )
        for path, states in self._workload.named.items():
            if self._exact:
                assert found.get(path, ABSENT) in states, path
        moves = bool(self._workload.whole)
        lines = self._card.complaints()
        assert [each for each in lines if not allowed(each, self._lower, moves)] == []

    def at_end(self) -> None:
        found = contents(self._card.files())
        for path, states in self._workload.named.items():
            assert found.get(path, ABSENT) == states[-1], path
        assert self._card.complaints() == []


@pytest.mark.parametrize("workload", CHOSEN, ids=lambda each: each.name)
def test_a_power_cut_damages_only_what_is_being_written(
    recording: Recording, workload: Workload, tmp_path: Path
) -> None:
    data, writes = recording.at(workload.name), recording.parts[workload.name]
    first = recording.partition.first
    kind = FatCard if recording.partition.kind == mbr.FAT32_LBA else LittlefsCard
    card = kind(data, tmp_path)
    judge = Judge(card, workload, kind is LittlefsCard)
    chosen = cuts(writes, first + card.first_data)
    for count in range(len(writes) + 1):
        if count:
            recording.apply(data, writes[count - 1])
            card.written(writes[count - 1].block - first)
        if count in chosen:
            judge.at_cut()
    judge.at_end()
    card.close()
    print(f"{workload.name}: {len(writes)} writes, {len(chosen)} cuts")


GO_ON = """
import os
names = [sorted(os.listdir(path)) for path in ("/", "/docs")]
settings = open("/settings.txt", "rb").read()
with open("/after", "wb") as file:
    file.write(settings)
print((names, len(settings), open("/after", "rb").read() == settings, memory.check()))
"""


def test_the_board_goes_on_with_what_a_cut_leaves(recording: Recording, tmp_path: Path) -> None:
    """Between the two steps of a rename to another folder."""
    data = recording.at("rename")
    recording.apply(data, recording.parts["rename"][0])
    card = recording.card(data, tmp_path / "card")
    extra = card_args(boards.load(recording.name), card)
    with board_session.booted(recording.name, extra=extra) as machine:
        (root, docs), *rest = ask(machine, GO_ON)
    assert rest == [6 * 512, True, []]
    assert "renamed.txt" in docs and "settings.txt" in root
    assert {"keep.txt", "append.log", "overwrite.bin", "truncate.bin"} < set(root)
