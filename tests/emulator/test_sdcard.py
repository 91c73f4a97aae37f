# SPDX-License-Identifier: MIT
"""The real card image, firmware and all: its kernel boots with the card in the slot."""

from __future__ import annotations

import json
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from cards import check_filesystem, extract, needed, sha256, tool

from pimem.board import boards
from pimem.board.qemu import card_args, kernel_args
from pimem.testing import board_session

FDT_MAGIC = 0xD00DFEED
SD_LINE = "files    /sd: partition 1 of the SD card, read-only\n"
RAM_LINE = "files    /: RAM disk, lost at reset\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """The image made of the kernel under test and of Debian's firmware, and its listing."""
    image = tmp_path_factory.mktemp("sdcard") / "sdcard.img"
    kernel = board_session.kernel(boards.load("RPI4"))
    command = [sys.executable, "-m", "pimem", "image", "--json", "--kernel", str(kernel)]
    done = subprocess.run([*command, "-o", str(image)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return image, json.loads(done.stdout)


@pytest.fixture(scope="module")
def contents(
    made: tuple[Path, dict], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    return extract(made[0], tmp_path_factory.mktemp("contents") / "card")


def test_the_file_system_is_clean(made: tuple[Path, dict]) -> None:
    check_filesystem(made[0])


def test_bmaptool_restores_it(made: tuple[Path, dict], tmp_path: Path) -> None:
    tool("bmaptool", "--quiet", "copy", f"{made[0]}.xz", str(tmp_path / "card"))
    assert sha256(tmp_path / "card") == made[1]["sha256"] == sha256(made[0])


def test_every_board_finds_its_files(contents: dict[str, bytes]) -> None:
    assert needed() <= contents.keys()


def test_firmware_and_fixup_files_are_of_one_release(made: tuple[Path, dict]) -> None:
    origins = {
        file["origin"]
        for file in made[1]["files"]
        if file["name"].startswith(("start", "fixup", "bootcode"))
    }
    assert len(origins) == 1 and "raspi-firmware" in origins.pop()


def test_the_firmware_is_what_it_should_be(contents: dict[str, bytes]) -> None:
    for name in ("start.elf", "start4.elf"):
        assert contents[name][:4] == b"\x7fELF"
        assert re.search(rb"arm_64bit", contents[name]), f"{name} does not know our config.txt"


@pytest.mark.parametrize(
    "name, model",
    [
        ("bcm2710-rpi-3-b.dtb", b"Raspberry Pi 3 Model B\0"),
        ("bcm2710-rpi-3-b-plus.dtb", b"Raspberry Pi 3 Model B+\0"),
        ("bcm2710-rpi-3-a-plus.dtb", b"Raspberry Pi 3 Model A+\0"),
        ("bcm2710-rpi-zero-2-w.dtb", b"Raspberry Pi Zero 2 W\0"),
        ("bcm2711-rpi-4-b.dtb", b"Raspberry Pi 4 Model B\0"),
        ("bcm2711-rpi-400.dtb", b"Raspberry Pi 400\0"),
        ("bcm2711-rpi-cm4.dtb", b"Raspberry Pi Compute Module 4"),
    ],
)
def test_each_device_tree_is_of_the_board_that_loads_it(
    contents: dict[str, bytes], name: str, model: bytes
) -> None:
    magic, size = struct.unpack_from(">II", contents[name])
    assert magic == FDT_MAGIC and size == len(contents[name])
    assert model in contents[name]


def test_config_txt_says_only_what_this_firmware_understands(
    contents: dict[str, bytes],
) -> None:
    lines = contents["config.txt"].decode("ascii").splitlines()
    settings = [line.partition("=")[0] for line in lines if line and line[0] not in "#["]
    assert {"arm_64bit", "kernel", "kernel_address", "enable_uart"} <= set(settings)
    firmware = contents["start4.elf"] + contents["start.elf"] + contents["bootcode.bin"]
    assert [name for name in settings if name.encode() not in firmware] == []


@pytest.mark.parametrize("name", board_session.PIS)
def test_the_kernel_on_the_card_boots_with_the_card_in_the_slot(
    name: str, made: tuple[Path, dict], contents: dict[str, bytes], tmp_path: Path
) -> None:
    kernel = tmp_path / "kernel8.img"
    kernel.write_bytes(contents["kernel8.img"])
    card = [*card_args(boards.load(name), made[0]), "-snapshot"]
    with board_session.booted(name) as machine:
        plain = machine.report
    with board_session.booted(name, kernel_args(kernel), extra=card) as machine:
        info = machine.emulated().qmp.execute("query-block")
        inserted = [each["inserted"] for each in info if each.get("inserted")]
        assert len(inserted) == 1
        assert machine.report == plain.replace(RAM_LINE, SD_LINE + RAM_LINE)
        assert machine.eval("open('/sd/kernel8.img', 'rb').read()[56:60]") == "ARMd"
        assert machine.eval("1 + 1") == 2
