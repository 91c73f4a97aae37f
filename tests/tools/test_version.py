# SPDX-License-Identifier: MIT
"""The version of pimem: it stands in one place, and shows in every other."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

from cards import kernel_bytes, make_boot_folder
from limits import HANG_SECONDS

import pimem as package
from pimem import ROOT
from pimem.board import tables
from pimem.card import firmware, image, update
from pimem.card.firmware import CardFile

Run = Callable[..., subprocess.CompletedProcess[str]]
VERSION = package.__version__
#: Where a version other than ours, or that of a release, is meant.
ELSEWHERE = ("CHANGELOG.md", "pyproject.toml")


def listed(*patterns: str) -> list[str]:
    command = ["git", "ls-files", "-zco", "--exclude-standard", *patterns]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in done.stdout.split("\0") if name]


def test_it_stands_in_one_place() -> None:
    """Pages show it where they show what a program prints: their tests type that. Results of tests
    say which version they are of."""
    code = listed("*.py", "*.toml", "*.mk", "*Makefile", "*.c", "*.h", "*.json", "*.txt", "*.cfg")
    found = [
        name
        for name in code
        if name not in ELSEWHERE and not name.startswith("docs/results/")
        if f'"{VERSION}"' in (ROOT / name).read_text()
    ]
    assert found == ["tools/pimem/__init__.py"]
    for name in listed("*pyproject.toml"):
        assert 'dynamic = ["version"]' in (ROOT / name).read_text(), name


def test_the_command_prints_it(pimem: Run) -> None:
    assert pimem("--version").stdout == f"pimem {VERSION}\n"


def test_the_makefile_of_the_image_gets_it() -> None:
    assert f'\n#define PIMEM_VERSION "{VERSION}"' in tables.version()


def test_the_stubs_have_it(tmp_path: Path) -> None:
    for name in listed("modules/memory/stubs", "tools/pimem/__init__.py"):
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / name).write_bytes((ROOT / name).read_bytes())
    place = tmp_path / "tree" / "tools" / "pimem" / "__init__.py"
    place.write_text(place.read_text().replace(f'"{VERSION}"', '"7.8.9"'))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "-w", "wheels"]
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    stubs = str(tmp_path / "tree" / "modules" / "memory" / "stubs")
    subprocess.run([*pip, *options, stubs], cwd=tmp_path, check=True, timeout=HANG_SECONDS)
    (wheel,) = (tmp_path / "wheels").iterdir()
    assert wheel.name == "pimem_stubs-7.8.9-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read("pimem_stubs-7.8.9.dist-info/METADATA").decode()
    assert "\nVersion: 7.8.9\n" in metadata


def test_the_readme_of_a_card_has_it_and_that_of_its_kernel(tmp_path: Path) -> None:
    kernel = tmp_path / "kernel8.img"
    banner = b"; pimem 3.2.1, Raspberry Pi 3/4 with BCM2837/BCM2711\0"
    kernel.write_bytes(kernel_bytes() + banner)
    file = image.read_kernel(kernel)
    assert file.origin == "pimem 3.2.1, MicroPython v9.9.9 on 2024-01-01"
    text = image.readme([file]).data.decode()
    assert f"\r\nVersion {VERSION}. This card starts " in text
    assert "  pimem 3.2.1, MicroPython v9.9.9 on 2024-01-01" in text


def test_an_update_of_a_card_changes_it_in_the_readme(tmp_path: Path) -> None:
    folder = make_boot_folder(tmp_path / "card")
    old = CardFile("kernel8.img", kernel_bytes(), "an older kernel")
    files = [old, image.read_config(), *firmware.from_folder(folder)]
    text = image.readme(files).data.decode().replace(f"Version {VERSION}.", "Version 0.0.1.")
    for file in [*files, CardFile("README.txt", text.encode(), "us")]:
        (folder / file.name).write_bytes(file.data)
    kernel = tmp_path / "new.img"
    kernel.write_bytes(kernel_bytes(version="v9.9.10"))
    update.update(folder, kernel)
    after = (folder / "README.txt").read_bytes().decode()
    assert f"\r\nVersion {VERSION}. This card starts " in after
    assert not re.search(r"0\.0\.1\b", after)


def test_the_readme_of_a_card_says_one_thing_about_its_files() -> None:
    text = image.readme([]).data.decode().replace("\r\n", " ")
    assert "at /sd and read-only: put boot.py and main.py here, and modules into lib" in text
    assert "your own programs" not in text
