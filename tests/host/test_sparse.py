# SPDX-License-Identifier: MIT
"""Disks in frames: what is written is read, frames come and go with what is not zero."""

import random
from pathlib import Path

import host_library
import pytest
from cards import tool
from fake_seam import ENOMEM, PAGE
from sparse_lib import FAT_BYTES, Sparse, blank_fat

MIB = 1 << 20
#: One level of tables, two and three.
SIZES = [PAGE, 2 * MIB, 2 * MIB + PAGE, 1 << 30, (1 << 30) + PAGE, 1 << 39]


@pytest.mark.parametrize("size", SIZES)
def test_an_array_takes_frames_with_the_first_write_and_gives_all_back(size: int) -> None:
    disk = Sparse(size)
    last = size - 3
    assert disk.read(last, 3) == bytes(3) and disk.count == disk.frames.in_use == 0
    assert disk.write(last, b"end") == 0 and disk.write(0, b"\1") == 0
    assert disk.read(last, 3) == b"end" and disk.read(0, 2) == b"\1\0"
    assert disk.count == disk.frames.in_use >= 2
    disk.clear(0, size)
    assert disk.count == disk.frames.in_use == disk.state.top == 0
    assert disk.read(last, 3) == bytes(3)


def test_zeros_take_no_frame_and_free_that_of_a_page_that_is_zero_then() -> None:
    disk = Sparse(2 * MIB)
    assert disk.write(3 * PAGE, bytes(5 * PAGE)) == 0
    assert disk.frames.in_use == 0
    disk.write(3 * PAGE + 7, b"a")
    disk.write(3 * PAGE + PAGE - 1, b"b")
    assert disk.frames.in_use == 2, "a page and its table"
    disk.write(3 * PAGE, bytes(512))
    assert disk.has_page(3 * PAGE) and disk.read(3 * PAGE + PAGE - 1, 1) == b"b"
    disk.write(4 * PAGE - 512, bytes(512))
    assert not disk.has_page(3 * PAGE) and disk.frames.in_use == 0


@pytest.mark.parametrize("size", [2 * MIB, 1 << 30, 1 << 39])
def test_without_a_frame_nothing_is_left_half_made(size: int) -> None:
    disk = Sparse(size)
    for given in range(disk.state.levels + 1):
        disk.frames.fail_after(given)
        assert disk.write(0, b"x") == ENOMEM
        assert disk.frames.in_use == disk.count == 0
        disk.frames.fail_after(None)
    disk.write(0, b"x")
    used = disk.frames.in_use
    disk.frames.fail_after(1)
    assert disk.write(PAGE - 1, b"abcdef" * PAGE) == ENOMEM
    assert disk.read(PAGE - 1, PAGE + 1) == (b"abcdef" * PAGE)[: PAGE + 1]
    assert disk.read(2 * PAGE, PAGE) == bytes(PAGE), "what has no frame is as it was"
    assert disk.frames.in_use == disk.count == used + 1


@pytest.mark.parametrize("seed", range(host_library.examples(8)))
def test_it_does_what_bytes_do(seed: int) -> None:
    rng = random.Random(seed)
    size = 4 * MIB
    disk, model = Sparse(size, 1200), bytearray(size)
    for _ in range(150):
        at = rng.randrange(size)
        length = min(rng.choice([1, 512, PAGE, 3 * PAGE + 1]), size - at)
        kind = rng.randrange(4)
        if kind == 0:
            disk.clear(at, length)
            model[at : at + length] = bytes(length)
        elif kind == 1:
            assert disk.read(at, length) == model[at : at + length]
        else:
            data = bytes(length) if kind == 2 else rng.randbytes(length)
            assert disk.write(at, data) == 0
            model[at : at + length] = data
    pages = [model[at : at + PAGE] for at in range(0, size, PAGE)]
    assert [disk.has_page(at) for at in range(0, size, PAGE)] == [any(page) for page in pages]
    assert disk.read(0, size) == model
    assert disk.count == disk.frames.in_use


@pytest.mark.parametrize("size", [17 * MIB, 32 * MIB, 64 * MIB])
def test_the_blank_fat_is_sound_and_its_clusters_are_frames(size: int, tmp_path: Path) -> None:
    image = tmp_path / "fat"
    image.write_bytes(blank_fat(size))
    with image.open("r+b") as file:
        file.truncate(size)
    said = tool("fsck.fat", "-n", "-v", str(image))
    assert "FATs, 16 bit entries" in said and "4096 bytes per cluster" in said
    assert f"Data area starts at byte {16 * PAGE} " in said
    assert f"{size // 512} sectors total" in said and "differs" not in said
    assert len(blank_fat(size)) == FAT_BYTES
