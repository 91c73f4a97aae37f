# SPDX-License-Identifier: MIT
"""The card image: what is in it, in which form, and that it is the same wherever it is made.

Firmware and kernel are noise here; tests/emulator/test_sdcard.py has the real ones.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cards import (
    PARTITION,
    build,
    check_filesystem,
    extract,
    inputs,
    kernel_bytes,
    needed,
    noise,
    sha256,
    tool,
)
from limits import HANG_SECONDS

from pimem.card import bmap, fat
from pimem.exits import Failure

Run = Callable[..., subprocess.CompletedProcess[str]]
SUFFIXES = ("", ".xz", ".bmap", ".sha256", ".os_list.json")
DOS_DATE, DOS_TIME = (2025 - 1980) << 9 | 4 << 5 | 15, 0  # 2025-04-15 00:00


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("image") / "first")


def test_fsck_is_content_and_every_file_is_what_went_in(image: Path, tmp_path: Path) -> None:
    check_filesystem(image)
    files = extract(image, tmp_path / "out")
    assert files["kernel8.img"] == kernel_bytes()
    for path in (image.parent / "boot").iterdir():
        assert files[path.name] == path.read_bytes()


def test_every_board_finds_its_files(image: Path, tmp_path: Path) -> None:
    assert needed() <= set(extract(image, tmp_path / "out"))


def test_the_readme_names_the_checksum_of_everything_else(image: Path, tmp_path: Path) -> None:
    files = extract(image, tmp_path / "out")
    text = files["README.txt"].decode()
    assert "\n" not in text.replace("\r\n", "")
    assert "@" not in text
    lines = text.replace("\r\n", "\n").splitlines()
    sums = [line for line in lines if len(line.partition("  ")[0]) == 64]
    assert {line.partition("  ")[2] for line in sums} == set(files) - {"README.txt"}
    (tmp_path / "out" / "sums").write_text("\n".join(sums) + "\n")
    done = subprocess.run(["sha256sum", "-c", "--strict", "sums"], cwd=tmp_path / "out")
    assert done.returncode == 0
    assert "MicroPython v9.9.9 on 2024-01-01" in text


def test_the_listing_tells_when_the_firmware_was_built(image: Path, tmp_path: Path) -> None:
    lines = extract(image, tmp_path / "out")["README.txt"].decode().splitlines()
    built = {line.split()[0] for line in lines if line.endswith("built Feb 11 2026 18:28:41")}
    assert built == {"start.elf", "start4.elf"}


def test_config_txt_is_what_the_firmware_reads(image: Path, tmp_path: Path) -> None:
    lines = extract(image, tmp_path / "out")["config.txt"].decode().splitlines()
    assert max(map(len, lines)) <= 98, "the firmware ignores the rest of a line"
    settings = {line for line in lines if line and line[0] not in "#["}
    assert {"arm_64bit=1", "kernel=kernel8.img", "enable_uart=1", "initial_turbo=0"} <= settings
    # The firmware itself turns tags off where there is a device tree; with 1 it has once left
    # the tree's memory as it is on disk.
    assert not any(line.startswith("disable_commandline_tags") for line in settings)


def test_there_is_a_folder_for_modules_and_a_name_for_people(image: Path) -> None:
    listing = tool("mdir", "-i", f"{image}@@{PARTITION}", "::")
    assert "lib          <DIR>" in listing
    assert "MICROPYTHON" in listing


def test_the_partition_table_is_what_firmware_and_other_systems_expect(image: Path) -> None:
    data = image.read_bytes()[:512]
    status, _, kind, _, start, count = struct.unpack_from("<B3sB3sII", data, 446)
    assert (status, kind, start) == (0x80, 0x0C, 2048)
    assert (start + count) * 512 == image.stat().st_size == 64 << 20
    assert data[462:510] == bytes(48) and data[510:] == b"\x55\xaa"
    first, last = data[447:450], data[451:454]
    assert first == bytes([32, 33, 0])  # LBA 2048 with 255 heads of 63 sectors
    assert last == bytes([40, 32, 8])  # LBA 131071: cylinder 8, head 40, sector 32


def test_the_same_inputs_give_the_same_bytes_anywhere(image: Path, tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        other = build(tmp_path / "else where", TZ="Asia/Tokyo", LC_ALL="C", HOME=str(tmp_path))
    finally:
        os.umask(old)
    for suffix in SUFFIXES[:-1]:  # the list names the place of the image
        name = image.name + suffix
        assert sha256(other.with_name(name)) == sha256(image.with_name(name)), name


def test_no_file_has_the_date_of_the_day(image: Path) -> None:
    root = root_folder(image)
    entries = [root[at : at + 32] for at in range(0, len(root), 32)]
    short = [entry for entry in entries if entry[0] not in (0, 0xE5) and entry[11] != 0x0F]
    assert len(short) > len(needed())  # label, lib and the files
    for entry in short:
        made_time, made, seen = struct.unpack_from("<HHH", entry, 14)
        written_time, written = struct.unpack_from("<HH", entry, 22)
        assert {made, seen, written} <= {DOS_DATE, 0}, entry
        assert {made_time, written_time} == {DOS_TIME}, entry


def root_folder(image: Path) -> bytes:
    """The root folder's bytes, followed through the FAT from cluster 2."""
    disk, data, cluster = fat.Fat32(image), image.read_bytes(), 2
    folder = b""
    while cluster < 0x0FFFFFF8:
        start = disk.first_cluster + (cluster - 2) * disk.cluster_size
        folder += data[start : start + disk.cluster_size]
        cluster = disk.table[cluster] & 0x0FFFFFFF
    return folder


def test_source_date_epoch_is_obeyed(image: Path, tmp_path: Path) -> None:
    other = build(tmp_path / "dated", SOURCE_DATE_EPOCH="1700000000")
    assert sha256(other) != sha256(image)
    listing = tool("mdir", "-i", f"{other}@@{PARTITION}", "::kernel8.img")
    assert "2023-11-14" in listing


def test_other_contents_make_another_volume(image: Path, tmp_path: Path) -> None:
    options = inputs(tmp_path)
    (tmp_path / "kernel8.img").write_bytes(kernel_bytes(version="v9.9.10"))
    other = tmp_path / "other.img"
    subprocess.run(
        [sys.executable, "-m", "pimem", "image", *options, "-o", str(other)],
        check=True,
        timeout=HANG_SECONDS,
    )
    assert volume(other) != volume(image)
    assert other.read_bytes()[440:444] == volume(other)


def volume(image: Path) -> bytes:
    """The volume's serial number."""
    with image.open("rb") as source:
        source.seek(PARTITION + 67)
        return source.read(4)


def test_bmaptool_restores_the_image_from_its_compressed_form(image: Path, tmp_path: Path) -> None:
    target = tmp_path / "card"
    packed = image.with_name("sdcard.img.xz")
    tool("bmaptool", "--quiet", "copy", str(packed), str(target))
    assert target.read_bytes() == image.read_bytes()


def test_what_the_map_leaves_out_does_not_matter(image: Path, tmp_path: Path) -> None:
    """A used card: old partition tables and FATs must be gone, old data may stay."""
    target = tmp_path / "card.img"
    target.write_bytes(noise("an older card", 1 << 20) * 64)
    for each in bmap.parse(image.with_name("sdcard.img.bmap")).ranges:
        with image.open("rb") as source, target.open("r+b") as card:
            source.seek(each.start)
            card.seek(each.start)
            card.write(source.read(each.end - each.start))
    check_filesystem(target)
    assert extract(target, tmp_path / "a") == extract(image, tmp_path / "b")
    assert target.read_bytes() != image.read_bytes()


def test_a_damaged_map_is_noticed(image: Path, tmp_path: Path) -> None:
    text = image.with_name("sdcard.img.bmap").read_text()
    damaged = tmp_path / "damaged.bmap"
    damaged.write_text(text.replace('<Range chksum="', '<Range chksum="0', 1))
    with pytest.raises(Failure, match="is damaged"):
        bmap.parse(damaged)
    damaged.write_text(text[: len(text) // 2])
    with pytest.raises(Failure, match="is no block map"):
        bmap.parse(damaged)


@pytest.mark.parametrize("mebibytes", [64, 128, 1024])
def test_every_size_is_a_fat32_with_clusters_as_large_as_they_may_be(
    mebibytes: int, tmp_path: Path
) -> None:
    image = tmp_path / "card.img"
    size = mebibytes << 20
    files = {"a.txt": b"hello"}
    fat.build(image, size, files, (), label="MICROPYTHON", serial=1, epoch=1744675200)
    check_filesystem(image)
    clusters = (size - PARTITION) // fat.Fat32(image).cluster_size
    assert 65525 < clusters < 4 * 65525 or fat.Fat32(image).cluster_size == 4096


@pytest.mark.parametrize("size", ["0", "32", "96", "65536", "-64"])
def test_a_size_that_no_card_emulation_takes_is_refused(pimem: Run, size: str) -> None:
    done = pimem("image", f"--size={size}")
    assert done.returncode == 2
    assert f"--size {size}: it must be a power of two" in done.stderr


def test_json_lists_what_is_inside(pimem: Run, tmp_path: Path) -> None:
    image = tmp_path / "x.img"
    done = pimem("image", *inputs(tmp_path), "-o", str(image), "--json")
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert record["sha256"] == sha256(image)
    assert needed() <= {file["name"] for file in record["files"]}
    assert all(file["origin"] and len(file["sha256"]) == 64 for file in record["files"])


def test_the_3a_plus_gets_the_tree_that_its_firmware_would_take(
    pimem: Run, tmp_path: Path
) -> None:
    """A folder of Raspberry Pi's own releases has none for it."""
    options = inputs(tmp_path)
    own, other = (f"bcm2710-rpi-3-{board}-plus.dtb" for board in "ab")
    (tmp_path / "boot" / own).unlink()
    done = pimem("image", *options, "-o", str(tmp_path / "x.img"), "--json")
    assert done.returncode == 0, done.stderr
    files = {file["name"]: file for file in json.loads(done.stdout)["files"]}
    assert files[own]["sha256"] == files[other]["sha256"]
    assert files[own]["origin"].endswith(other)


def test_what_is_missing_is_listed_with_who_needs_it(pimem: Run, tmp_path: Path) -> None:
    options = inputs(tmp_path)
    for name in ("start4.elf", "bcm2710-rpi-3-b-plus.dtb", "bcm2710-rpi-3-a-plus.dtb"):
        (tmp_path / "boot" / name).unlink()
    done = pimem("image", *options, "-o", str(tmp_path / "x.img"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "start4.elf                 Pi 4B, Pi 400, CM4" in done.stderr
    assert "bcm2710-rpi-3-b-plus.dtb   Pi 3B+" in done.stderr
    assert "bcm2710-rpi-3-a-plus.dtb   Pi 3A+" in done.stderr
    assert "fixup4.dat" not in done.stderr
    assert "raspi-firmware" in done.stderr and "--firmware DIR" in done.stderr
    assert not (tmp_path / "x.img").exists()


def test_device_trees_under_their_linux_names_will_do(pimem: Run, tmp_path: Path) -> None:
    options = inputs(tmp_path)
    boot = tmp_path / "boot"
    (boot / "bcm2711-rpi-cm4.dtb").rename(boot / "bcm2711-rpi-cm4-io.dtb")
    (boot / "bcm2710-rpi-zero-2-w.dtb").rename(boot / "bcm2837-rpi-zero-2-w.dtb")
    (boot / "bcm2710-rpi-zero-2.dtb").unlink()
    image = tmp_path / "x.img"
    assert pimem("image", *options, "-o", str(image)).returncode == 0
    assert needed() <= set(extract(image, tmp_path / "out"))


def test_what_is_no_kernel_is_refused(pimem: Run, tmp_path: Path) -> None:
    options = inputs(tmp_path)
    (tmp_path / "kernel8.img").write_bytes(b"\x7fELF" + bytes(100))
    done = pimem("image", *options, "-o", str(tmp_path / "x.img"))
    assert done.returncode == 2
    assert "is no arm64 kernel image" in done.stderr
    (tmp_path / "kernel8.img").unlink()
    assert "No such file" in pimem("image", *options).stderr


def test_a_board_without_a_card_gets_none(pimem: Run) -> None:
    done = pimem("image", "--board", "QEMU_VIRT")
    assert done.returncode == 2
    assert "QEMU_VIRT has no SD card; RPI3, RPI4 have" in done.stderr


def test_a_build_that_fails_leaves_no_image_behind(pimem: Run, tmp_path: Path) -> None:
    options = inputs(tmp_path)
    image = tmp_path / "x.img"
    for suffix in SUFFIXES:
        image.with_name(image.name + suffix).write_bytes(b"of an earlier build")
    with (tmp_path / "boot" / "start.elf").open("r+b") as large:
        large.truncate(70 << 20)  # more than the card holds
    done = pimem("image", *options, "-o", str(image))
    assert done.returncode == 1
    assert "mcopy failed" in done.stderr
    assert not [
        image.name + suffix for suffix in SUFFIXES if image.with_name(image.name + suffix).exists()
    ]


@pytest.mark.parametrize(
    "words",
    ["image -o", "dist -o", "bringup --output", "frames --svg", "bringup --port none --output"],
)
def test_a_missing_folder_is_named_and_not_made(tmp_path: Path, words: str) -> None:
    path = tmp_path / "no" / "such" / "file"
    command = [sys.executable, "-m", "pimem", *words.split(), str(path)]
    kernel = tmp_path / "kernel8.img"
    kernel.write_bytes(kernel_bytes())
    command += ["--kernel", str(kernel)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANG_SECONDS)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"pimem: cannot write {path}: there is no folder {path.parent}\n"
    assert not (tmp_path / "no").exists()
