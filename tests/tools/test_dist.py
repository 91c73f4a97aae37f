# SPDX-License-Identifier: MIT
"""A release: all that belongs in it, and the same bytes wherever it is made.

Firmware and kernel are noise here; `make dist` takes the real ones.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from cards import check_filesystem, extract, kernel_bytes, make_boot_folder, needed, sha256
from limits import HANG_SECONDS

import pimem as package
from pimem import ROOT

Run = Callable[..., subprocess.CompletedProcess[str]]
VERSION = package.__version__
NAME = f"pimem-{VERSION}"
CONTENTS = {
    f"{NAME}.img",
    f"{NAME}.img.xz",
    f"{NAME}.img.bmap",
    f"{NAME}.img.sha256",
    f"{NAME}.img.os_list.json",
    "kernel8.img",
    "firmware.elf",
    f"pimem-{VERSION}-py3-none-any.whl",
    f"pimem_stubs-{VERSION}-py3-none-any.whl",
    "licences/LICENSE.pimem",
    "licences/LICENSE.micropython",
    "licences/BSD-2-Clause.libfdt",
    "licences/copyright.picolibc",
    "licences/LICENCE.broadcom",
    "licences/COPYING.linux",
}


def inputs(folder: Path) -> list[str]:
    """A kernel, its ELF, firmware, and the sources' licences."""
    (folder / "kernel8.img").write_bytes(kernel_bytes())
    (folder / "firmware.elf").write_bytes(b"\x7fELF" + bytes(1000))
    for source, licence in (("micropython", "LICENSE"), ("dtc", "BSD-2-Clause")):
        (folder / source).mkdir()
        (folder / source / licence).write_text(f"the licence of {source}\n")
    options = ["--kernel", str(folder / "kernel8.img")]
    options += ["--firmware", str(make_boot_folder(folder / "boot"))]
    return [*options, "--micropython", str(folder / "micropython"), "--dtc", str(folder / "dtc")]


def build(folder: Path, *options: str, root: Path = ROOT, umask: int = 0o022, **env: str) -> Path:
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "pimem", "dist", *inputs(folder), "-o", str(folder / "out")]
    variables = {"SOURCE_DATE_EPOCH": "1700000000", "PIMEM_ROOT": str(root)}
    done = subprocess.run(
        [*command, *options],
        env=os.environ | variables | env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        umask=umask,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == (folder / "out" / NAME / "SHA256SUMS").read_text()
    return folder / "out" / NAME


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("dist") / "first")


def copy_of_the_tree(folder: Path) -> Path:
    """As a clone has it, without what was built."""
    listed = ["git", "ls-files", "-zco", "--exclude-standard"]
    places = ["LICENSE", "pyproject.toml", "tools", "boards", "modules/memory/stubs"]
    found = subprocess.run([*listed, *places], cwd=ROOT, capture_output=True, check=True)
    for name in filter(None, found.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    return folder


def test_everything_is_in_it_and_has_its_sum(made: Path) -> None:
    assert sorted(path.name for path in made.parent.iterdir()) == [NAME]
    files = {str(p.relative_to(made)) for p in made.rglob("*") if p.is_file()}
    assert files == CONTENTS | {"SHA256SUMS"}
    lines = (made / "SHA256SUMS").read_text().splitlines()
    assert {line.partition("  ")[2] for line in lines} == CONTENTS
    subprocess.run(["sha256sum", "-c", "--strict", "--quiet", "SHA256SUMS"], cwd=made, check=True)


def test_two_folders_give_one_set_of_sums(made: Path, tmp_path: Path) -> None:
    """Another clone, time zone, locale, home and umask."""
    clone = copy_of_the_tree(tmp_path / "a clone")
    env = {"TZ": "Asia/Tokyo", "LC_ALL": "C", "HOME": str(tmp_path)}
    other = build(tmp_path / "second", root=clone, umask=0o077, **env)
    assert (other / "SHA256SUMS").read_text() == (made / "SHA256SUMS").read_text()


def test_the_card_has_the_kernel_that_lies_beside_it(made: Path, tmp_path: Path) -> None:
    image = made / f"{NAME}.img"
    check_filesystem(image)
    files = extract(image, tmp_path / "card")
    assert needed() <= set(files)
    assert files["kernel8.img"] == (made / "kernel8.img").read_bytes() == kernel_bytes()
    for name in ("LICENCE.broadcom", "COPYING.linux"):
        assert files[name] == (made / "licences" / name).read_bytes()
    (entry,) = json.loads((made / f"{NAME}.img.os_list.json").read_text())["os_list"]
    assert entry["url"] == f"{NAME}.img.xz"
    assert entry["release_date"] == "2023-11-14"
    assert entry["extract_sha256"] == sha256(image)


def test_the_wheels_have_the_version_and_all_that_the_tree_has(made: Path) -> None:
    for name, part in (("pimem", "pimem/cli.py"), ("pimem_stubs", "memory-stubs/__init__.pyi")):
        with zipfile.ZipFile(made / f"{name}-{VERSION}-py3-none-any.whl") as wheel:
            names = wheel.namelist()
            metadata = wheel.read(f"{name}-{VERSION}.dist-info/METADATA").decode()
            assert {info.date_time for info in wheel.infolist()} == {(2023, 11, 14, 22, 13, 20)}
        assert part in names
        assert f"\nVersion: {VERSION}\n" in metadata


def test_no_file_names_the_folder_that_it_was_made_in(made: Path) -> None:
    for path in made.rglob("*"):
        if path.suffix == ".whl":
            with zipfile.ZipFile(path) as wheel:
                texts = [wheel.read(name) for name in wheel.namelist()]
        else:
            texts = [path.read_bytes()] if path.is_file() and path.suffix != ".img" else []
        for text in texts:
            assert str(ROOT).encode() not in text and str(made.parent).encode() not in text, path


def test_a_newer_one_takes_the_place_of_an_older(tmp_path: Path) -> None:
    old = tmp_path / "third" / "out" / NAME / "old"
    old.parent.mkdir(parents=True)
    old.write_text("of an older release\n")
    folder = build(tmp_path / "third", "--url", "https://example.org/releases")
    assert not old.exists()
    (entry,) = json.loads((folder / f"{NAME}.img.os_list.json").read_text())["os_list"]
    assert entry["url"] == f"https://example.org/releases/{NAME}.img.xz"


def test_what_is_missing_is_named_and_nothing_half_done_stays(pimem: Run, tmp_path: Path) -> None:
    options = inputs(tmp_path)
    out = tmp_path / "out"
    (tmp_path / "dtc" / "BSD-2-Clause").unlink()
    done = pimem("dist", *options, "-o", str(out))
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert f"a release needs {tmp_path / 'dtc' / 'BSD-2-Clause'}: " in done.stderr
    assert not list(out.iterdir())


def test_a_board_without_a_card_has_no_release(pimem: Run) -> None:
    done = pimem("dist", "--board", "QEMU_VIRT")
    assert done.returncode == 2
    assert "QEMU_VIRT has no SD card; RPI3, RPI4 have" in done.stderr


def test_the_folder_is_not_for_git() -> None:
    done = subprocess.run(["git", "check-ignore", "-q", f"dist/{NAME}/SHA256SUMS"], cwd=ROOT)
    assert done.returncode == 0
