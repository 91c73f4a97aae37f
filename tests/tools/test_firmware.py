# SPDX-License-Identifier: MIT
"""Firmware and device trees out of Debian's packages: what is pinned, kept, and fallen back to."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest
from cards import noise

import pimem
from pimem.card import firmware
from pimem.card.firmware import FIRMWARE, TREES, Parcel
from pimem.exits import Refusal
from pimem.setup import apt

VERSION = next(iter(firmware.FIRMWARE_PINS))
OLDER = list(firmware.FIRMWARE_PINS)[-1]
KERNEL = "linux-image-6.6.6-arm64"


def make_deb(folder: Path, parcel: Parcel, name: str, version: str, leave_out: str = "") -> Path:
    """A .deb with noise for a parcel's files."""
    tree = folder / "tree"
    for card, path in parcel.files.items():
        if card != leave_out:
            target = tree / path.format(name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(noise(path, 1000))
    (tree / "DEBIAN").mkdir(parents=True)
    control = f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: x <x@x>\n"
    (tree / "DEBIAN" / "control").write_text(control + "Description: a test\n")
    archive = folder / f"{name}.deb"
    command = ["dpkg-deb", "--root-owner-group", "-Znone", "-b", str(tree), str(archive)]
    subprocess.run(command, check=True, capture_output=True)
    return archive


class FakeLists:
    """One suite with one version of each package."""

    def __init__(self, suite: str, firmware_version: str | None, sums: dict[str, str]) -> None:
        self.suite = suite
        self.versions = {"raspi-firmware": firmware_version, KERNEL: "6.6.6-1"}
        self.sums = sums

    def package(self, name: str, version: str) -> apt.Package | None:
        if self.versions.get(name) != version:
            return None
        sha256 = self.sums.get(name) or firmware.FIRMWARE_PINS[version]
        return apt.Package(name, version, self.suite, f"from/{name}", f"{name}.deb", 1, sha256)

    def dependency(self, name: str) -> tuple[str, str]:
        assert name == "linux-image-arm64"
        return KERNEL, "6.6.6-1"


class Archive:
    """A mirror whose suites have these versions of the firmware; it counts what is fetched."""

    def __init__(self, folder: Path, versions: dict[str, str | None]) -> None:
        self.debs = {
            "from/raspi-firmware": make_deb(folder / "a", FIRMWARE, "raspi-firmware", VERSION),
            f"from/{KERNEL}": make_deb(folder / "b", TREES, KERNEL, "6.6.6-1"),
        }
        self.versions = versions
        self.sums: dict[str, str] = {KERNEL: "any"}
        self.fetched: list[str] = []
        self.said: list[str] = []

    def lists(self, suite: str, say: firmware.Say) -> FakeLists:
        if suite not in self.versions:
            raise apt.AptError("404 Not Found")
        return FakeLists(suite, self.versions[suite], self.sums)

    def download(self, address: str, sha256: str, target: Path) -> None:
        self.fetched.append(address)
        target.write_bytes(self.debs[address].read_bytes())

    def say(self, message: str) -> None:
        self.said.append(message)


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Archive:
    (tmp_path / "deps").mkdir()
    archive = Archive(tmp_path, {"forky": VERSION, "trixie": OLDER, "bookworm": None})
    monkeypatch.setattr(pimem, "DEPS", tmp_path / "deps", raising=False)
    monkeypatch.setattr(firmware, "suite_lists", archive.lists)
    monkeypatch.setattr(apt, "is_debian", lambda: True)
    monkeypatch.setattr(apt, "ensure_lists", lambda say: None)
    monkeypatch.setattr(apt, "download", archive.download)
    return archive


def test_everything_is_fetched_once_and_its_origin_known(archive: Archive) -> None:
    files = firmware.from_debian(archive.say)
    assert {file.name for file in files} == {*FIRMWARE.files, *TREES.files}
    for file in files:
        parcel, name = (FIRMWARE, "") if file.name in FIRMWARE.files else (TREES, KERNEL)
        assert file.data == noise(parcel.files[file.name], 1000), name
    assert {file.origin for file in files} == {
        f"Debian forky, raspi-firmware {VERSION}",
        f"Debian trixie, {KERNEL} 6.6.6-1",
    }
    assert firmware.from_debian(archive.say) == files
    assert len(archive.fetched) == 2
    assert not list(pimem.DEPS.glob("*.deb"))


def test_the_choice_and_its_size_are_told_before_the_download(archive: Archive) -> None:
    firmware.from_debian(archive.say)
    assert f"fetching raspi-firmware {VERSION} from forky (0.0 MB)" in archive.said


def test_a_pin_that_has_left_one_suite_is_taken_from_the_next(archive: Archive) -> None:
    archive.versions["forky"] = "1.2099"
    files = firmware.from_debian(archive.say)
    assert f"Debian trixie, raspi-firmware {OLDER}" in {file.origin for file in files}
    assert f"Debian trixie, {KERNEL} 6.6.6-1" in {file.origin for file in files}


def test_a_suite_that_is_gone_is_passed_over(archive: Archive) -> None:
    del archive.versions["trixie"]
    files = firmware.from_debian(archive.say)
    assert {file.origin.split(",")[0] for file in files} == {"Debian forky", "Debian bookworm"}


def test_a_firmware_of_another_checksum_is_refused(archive: Archive) -> None:
    archive.sums["raspi-firmware"] = hashlib.sha256(b"something else").hexdigest()
    with pytest.raises(Refusal) as caught:
        firmware.from_debian(archive.say)
    assert "trixie: has no raspi-firmware" in str(caught.value)
    assert "forky: has no raspi-firmware" in str(caught.value)
    assert archive.fetched == []


def test_a_package_without_a_wanted_file_is_refused(archive: Archive, tmp_path: Path) -> None:
    deb = make_deb(tmp_path / "c", TREES, KERNEL, "6.6.6-1", leave_out="bcm2711-rpi-400.dtb")
    archive.debs[f"from/{KERNEL}"] = deb
    with pytest.raises(Refusal, match=r"has no \./usr/lib/.*/broadcom/bcm2711-rpi-400\.dtb"):
        firmware.from_debian(archive.say)


def test_a_damaged_file_is_fetched_again(archive: Archive) -> None:
    files = firmware.from_debian(archive.say)
    (FIRMWARE.place / "start.elf").write_bytes(b"rot")
    assert firmware.from_debian(archive.say) == files
    assert archive.fetched.count("from/raspi-firmware") == 2
    assert archive.fetched.count(f"from/{KERNEL}") == 1


def test_without_an_archive_the_list_says_what_is_wanted(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apt, "is_debian", lambda: False)
    with pytest.raises(Refusal) as caught:
        firmware.from_debian(archive.say)
    for name in FIRMWARE.files:
        assert f"  {name} " in str(caught.value)


def test_private_lists_use_nothing_of_this_machine(tmp_path: Path) -> None:
    lists = apt.PrivateLists(tmp_path, "deb", ["trixie"], machine=False, architecture="arm64")
    settings = dict(word.split("=", 1) for word in lists.options()[1::2])
    assert settings["Dir::Etc::SourceList"] == settings["Dir::State::status"] == "/dev/null"
    assert settings["APT::Architectures"] == "arm64"
    for key in ("Dir::Etc::SourceParts", "Dir::State::Lists", "Dir::Cache"):
        assert Path(settings[key]).is_relative_to(tmp_path)


def test_no_pin_is_older_than_the_boards_in_the_readme() -> None:
    """The second revision of the Pi 3A+ needs firmware of 2023."""
    assert all(version > "1.20230509" for version in firmware.FIRMWARE_PINS)


def test_a_start_file_tells_when_it_was_built() -> None:
    time, day = b"VC_BUILD_ID_TIME: 18:28:41\0", b"VC_BUILD_ID_TIME: Feb  1 2026\0"
    data = noise("a", 100) + time + b"VC_BUILD_ID_VARIANT: start\0" + day + noise("b", 100)
    assert firmware.CardFile("start4.elf", data, "").built == "Feb  1 2026 18:28:41"
    assert firmware.CardFile("fixup4.dat", noise("a", 100), "").built == ""
