# SPDX-License-Identifier: MIT
"""The second partition of a card image: where it is, that it is empty, and what is refused."""

from __future__ import annotations

import os
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cards import build, check_filesystem, extract, noise, sha256, tool
from littlefs import LittleFS, UserContext

from pimem.card import bmap, data, fat, image, source
from pimem.exits import Refusal

Run = Callable[..., subprocess.CompletedProcess[str]]
MIB = 1 << 20
HALF = 64 * MIB
DATA = 34 * MIB
CLUSTERS = 65525


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("data"), "--data", "34M")


@pytest.fixture(scope="module")
def littlefs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("data"), "--data", "2M", "--littlefs")


def entry(path: Path, number: int) -> tuple[int, int, int, int]:
    """Status, type, first byte and size of a partition."""
    with path.open("rb") as file:
        table = file.read(512)
    status, _, kind, _, first, count = struct.unpack_from("<B3sB3sII", table, 446 + 16 * number)
    return status, kind, first * 512, count * 512


def restored(path: Path, folder: Path) -> Path:
    """A used card on which all that the map names was written."""
    card = folder / "card.img"
    card.write_bytes(noise("an older card", MIB) * (path.stat().st_size // MIB))
    with path.open("rb") as whole, card.open("r+b") as target:
        for each in bmap.parse(path.with_name(path.name + ".bmap")).ranges:
            whole.seek(each.start)
            target.seek(each.start)
            target.write(whole.read(each.end - each.start))
    return card


def test_the_table_has_both_and_the_second_begins_at_4_mib(made: Path, littlefs: Path) -> None:
    for path, kind, size in ((made, 0x0C, DATA), (littlefs, 0xDA, 2 * MIB)):
        assert entry(path, 0) == (0x80, 0x0C, MIB, HALF - MIB)
        assert entry(path, 1) == (0, kind, HALF, size)
        assert HALF % (4 * MIB) == 0
        assert path.stat().st_size == 2 * HALF
        assert path.stat().st_blocks * 512 < 16 * MIB, "the file is sparse"


def test_the_first_partition_is_that_of_an_image_without_a_second(
    made: Path, littlefs: Path, tmp_path: Path
) -> None:
    with build(tmp_path).open("rb") as file:
        file.seek(MIB)
        alone = file.read()
    for path in (made, littlefs):
        assert path.read_bytes()[MIB:HALF] == alone


def test_fat32_is_empty_and_has_a_name_and_a_number(made: Path, tmp_path: Path) -> None:
    card = restored(made, tmp_path)
    for path in (made, card):
        check_filesystem(path)
        check_filesystem(path, HALF, DATA)
    listing = tool("mdir", "-i", f"{card}@@{HALF}", "::")
    assert "FILES" in listing and "No files" in listing, listing
    first, second = (volume(card, start) for start in (MIB, HALF))
    assert first != second and 0 not in (first, second)
    assert extract(card, tmp_path / "a") == extract(made, tmp_path / "b")


def volume(path: Path, start: int) -> int:
    """The number of the volume."""
    with path.open("rb") as file:
        file.seek(start + 67)
        return int.from_bytes(file.read(4), "little")


def test_littlefs_is_empty_and_takes_files(littlefs: Path, tmp_path: Path) -> None:
    card = restored(littlefs, tmp_path)
    blocks = UserContext(buffer=bytearray(card.read_bytes()[HALF : HALF + 2 * MIB]))
    volume = LittleFS(blocks, block_size=512, block_count=2 * MIB // 512)
    assert volume.listdir("/") == []
    with volume.open("/file", "wb") as file:
        file.write(noise("file", 100_000))
    with volume.open("/file", "rb") as file:
        assert file.read() == noise("file", 100_000)


def test_the_packed_form_depends_on_the_contents_alone(made: Path, tmp_path: Path) -> None:
    packed = made.with_name(made.name + ".xz")
    whole = tmp_path / "no holes"
    whole.write_bytes(made.read_bytes())
    assert image.pack(whole, tmp_path / "packed") == sha256(made)
    assert sha256(tmp_path / "packed") == sha256(packed)
    assert tool("xz", "--robot", "--list", str(packed)).split("\n")[1].split()[4] == str(2 * HALF)
    assert packed.stat().st_size < 8 * MIB


def test_zeros_at_the_end_of_the_image_need_no_room_on_the_card(made: Path) -> None:
    packed = made.with_name(made.name + ".xz")
    checked = source.check(packed, HALF + DATA)
    assert checked.size == 2 * HALF
    assert checked.ranges[-1].end <= HALF + DATA
    with pytest.raises(source.TooLarge) as refused:
        source.check(packed, HALF + DATA - 512)
    assert (refused.value.needed, refused.value.known) == (HALF + DATA, True)


@pytest.mark.parametrize(
    ("mebibytes", "sectors"), [(34, 1), (64, 1), (128, 2), (1024, 16), (4096, 64), (16384, 64)]
)
def test_clusters_are_as_large_as_they_may_be(mebibytes: int, sectors: int) -> None:
    count = mebibytes * MIB // 512
    assert fat.sectors_per_cluster(count, data.LARGEST_CLUSTER) == sectors
    assert count * 95 // 100 // sectors > CLUSTERS
    assert sectors == 64 or count * 95 // 100 // (2 * sectors) <= CLUSTERS


@pytest.mark.parametrize(
    ("text", "size"), [("64M", HALF), ("1G", 1 << 30), ("1GiB", 1 << 30), ("100mb", 100 * MIB)]
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert data.parse(text) == data.Data(size)


@pytest.mark.parametrize(
    ("text", "littlefs", "message"),
    [
        ("1000", False, "--data 1000: a size is a number of M (MiB) or G (GiB): 512M, 1G"),
        ("", False, "--data : a size"),
        ("1.5G", False, "--data 1.5G: a size"),
        ("-1G", False, "--data -1G: a size"),
        ("64K", True, "--data 64K: a size"),
        ("0M", True, "--data 0M: littlefs needs 1M at least"),
        ("33M", False, "--data 33M: FAT32 needs 34M at least (--littlefs takes 1M)"),
    ],
)
def test_what_is_no_size_is_refused(text: str, littlefs: bool, message: str) -> None:
    with pytest.raises(Refusal) as refused:
        data.parse(text, littlefs)
    assert str(refused.value).startswith(message)


def test_the_whole_is_the_next_power_of_two_up_to_32_gib() -> None:
    sizes = {"34M": 128 * MIB, "64M": 128 * MIB, "65M": 256 * MIB, "1G": 2 << 30, "31G": 32 << 30}
    for text, size in sizes.items():
        assert data.whole(HALF, data.parse(text)) == size
    with pytest.raises(Refusal, match=r"32 GiB at most"):
        data.whole(HALF, data.parse("32G"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data", "32G"], "--data of 32 GiB: the image would have 64 GiB"),
        (["--data", "many"], "--data many: a size is"),
        (["--littlefs"], "--littlefs: of which size? --data 1G"),
    ],
)
def test_the_command_refuses_before_any_work(
    pimem: Run, tmp_path: Path, options: list[str], message: str
) -> None:
    done = pimem("image", "-o", str(tmp_path / "x.img"), *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"pimem: {message}")
    assert os.listdir(tmp_path) == []
