# SPDX-License-Identifier: MIT
"""The rules for disks, on what lsblk has said on machines of all kinds; no disk is touched."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pimem.card import devices
from pimem.card.devices import GIBIBYTE, Device
from pimem.exits import Refusal

ROOT_NUMBER = "259:2"
LIMIT = 256 * GIBIBYTE


def node(name: str, **fields: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "name": name,
        "kname": name,
        "maj:min": "8:0",
        "type": "disk",
        "subsystems": "block:scsi:usb:pci",
        "ro": False,
        "rm": True,
        "hotplug": True,
        "size": 31914983424,
        "label": None,
        "vendor": None,
        "model": None,
        "mountpoint": None,
    }
    return base | fields


def part(name: str, **fields: Any) -> dict[str, Any]:
    return node(name, **({"type": "part", "size": 1 << 30, "maj:min": "8:1"} | fields))


def device(*nodes: dict[str, Any]) -> Device:
    (found,) = devices.parse(json.dumps({"blockdevices": nodes}), ROOT_NUMBER)
    return found


def obstacle(*nodes: dict[str, Any]) -> str | None:
    return devices.obstacle(device(*nodes), LIMIT)


CARD = node("/dev/sdb", vendor="Generic ", model="SD/MMC", children=[part("/dev/sdb1")])
NVME = node(
    "/dev/nvme0n1", subsystems="block:nvme:pci", rm=False, hotplug=False, **{"maj:min": "259:0"}
)


def test_a_card_in_a_usb_reader_may_be_written() -> None:
    assert obstacle(CARD) is None


def test_a_card_in_a_built_in_reader_may_be_written_though_it_denies_being_removable() -> None:
    reader = {"subsystems": "block:mmc:mmc_host:platform", "rm": False, "hotplug": False}
    assert obstacle(node("/dev/mmcblk0", **reader)) is None


def test_a_loop_device_may_be_written() -> None:
    assert obstacle(node("/dev/loop0", type="loop", subsystems="block", rm=False)) is None


@pytest.mark.parametrize("mount", ["/", "/boot", "/home", "[SWAP]"])
def test_the_system_disk_is_refused(mount: str) -> None:
    disk = NVME | {"children": [part("/dev/nvme0n1p2", mountpoint=mount)]}
    assert obstacle(disk) == "it is the disk this system runs from"


def test_the_disk_that_root_is_on_is_known_by_its_number_even_in_a_container() -> None:
    inner = part("/dev/mapper/root", type="crypt", **{"maj:min": f" {ROOT_NUMBER} "})
    disk = CARD | {"children": [part("/dev/sdb1", children=[inner])]}
    assert obstacle(disk) == "it is the disk this system runs from"


def test_a_mounted_card_is_refused_with_the_place() -> None:
    disk = CARD | {"children": [part("/dev/sdb1", mountpoint="/media/me/BOOT")]}
    assert obstacle(disk) == "it is mounted at /media/me/BOOT: unmount it first"


def test_a_disk_that_is_not_removable_is_refused() -> None:
    assert obstacle(NVME) == "it is not removable: a system disk?"


def test_an_empty_reader_is_refused() -> None:
    assert obstacle(CARD | {"size": 0}) == "there is no card in it"


def test_a_locked_card_is_refused() -> None:
    assert obstacle(CARD | {"ro": True}) == "it is read-only: the card's lock switch?"


def test_a_dvd_drive_is_refused() -> None:
    assert obstacle(CARD | {"type": "rom"}) == "it is of type 'rom', not a disk"


def test_a_disk_too_large_for_a_card_is_refused_with_the_way_out() -> None:
    reason = obstacle(CARD | {"size": 2_000_398_934_016})
    assert reason and "1.82 TiB, suspiciously large for a card (--max-size 256)" in reason
    assert devices.obstacle(device(CARD | {"size": 2_000_398_934_016}), 1 << 42) is None


def test_a_disk_too_small_for_the_image_is_refused() -> None:
    small = replace(device(CARD), size=32 << 20)
    assert "33554432 bytes (32 MiB), the image needs 67108864" in str(
        devices.too_small(small, 64 << 20)
    )
    assert devices.too_small(small, 32 << 20) is None


@pytest.mark.parametrize("true, false", [(True, False), (1, 0), ("1", "0")])
def test_flags_are_understood_in_the_form_of_every_lsblk(true: Any, false: Any) -> None:
    disk = NVME | {"ro": false, "rm": true, "hotplug": false, "size": "31914983424"}
    assert obstacle(disk) is None
    assert obstacle(disk | {"ro": true}) == "it is read-only: the card's lock switch?"
    assert obstacle(disk | {"rm": false}) == "it is not removable: a system disk?"


def test_names_cannot_deceive_a_terminal() -> None:
    disk = CARD | {"model": "Nice\x1b[2J\u202ecard\n", "label": "a\tb"}
    found = device(disk)
    assert found.name == "Generic Nice [2J card"
    assert found.labels == ("a b",)


def test_a_partition_is_refused_with_the_name_of_its_disk() -> None:
    with pytest.raises(Refusal, match="/dev/sdb1 is part of /dev/sdb: name the whole disk"):
        devices.find("/dev/sdb1", [device(CARD)])


def test_a_name_that_is_not_there_is_refused_with_those_that_could_be_meant() -> None:
    with pytest.raises(Refusal, match="/dev/sdz does not exist; disks that could be: /dev/sdb"):
        devices.find("/dev/sdz", [device(CARD), device(NVME)])


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"blockdevices": [{"name": "/dev/sda"}]}'])
def test_what_lsblk_never_said_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match="cannot make sense of what lsblk prints"):
        devices.parse(text, ROOT_NUMBER)


def test_the_table_says_of_each_disk_whether_it_can_be_flashed() -> None:
    locked = CARD | {"name": "/dev/sdc", "ro": True, "label": "DATA"}
    table = devices.table([device(CARD), device(locked)], LIMIT).splitlines()
    assert table[0].split() == ["DEVICE", "SIZE", "NAME", "FLASH"]
    assert table[1].split() == ["/dev/sdb", "29.7", "GiB", "Generic", "SD/MMC", "yes"]
    assert table[2].endswith("'DATA'  it is read-only: the card's lock switch?")


def test_this_machine_is_listed_in_both_forms(
    pimem: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    def listed() -> set[str]:
        done = pimem("devices", "--json")
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        assert all(each["obstacle"] for each in found if each["holds_root"])
        return {each["path"] for each in found}

    before = listed()
    text = pimem("devices").stdout
    always = before & listed()  # a loop device of another program may come and go
    assert always and always <= set(text.split()) and "\x1b" not in text
