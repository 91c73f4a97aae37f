# SPDX-License-Identifier: MIT
"""`pimem flash --update`: a new kernel on a mounted card, and not a byte else of the user's."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cards import kernel_bytes, make_boot_folder, noise

from pimem import ROOT
from pimem.card import firmware, image
from pimem.card import update as card_update
from pimem.card.firmware import CardFile
from pimem.exits import Failure

Run = Callable[..., subprocess.CompletedProcess[str]]
CONFIG = (ROOT / "boards" / "sdcard" / "config.txt").read_bytes()


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """A card as `pimem image` makes it, mounted, with the user's files on it."""
    folder = make_boot_folder(tmp_path / "BOOT")
    files = [CardFile("kernel8.img", kernel_bytes(), "MicroPython v9.9.9 on 2024-01-01")]
    files += [CardFile("config.txt", CONFIG, "this project")]
    files += firmware.from_folder(folder)
    for file in [*files, image.readme(files)]:
        (folder / file.name).write_bytes(file.data)
    (folder / "lib").mkdir()
    (folder / "lib" / "mine.py").write_text("x = 1\n")
    (folder / "main.py").write_text("import mine\n")
    return folder


@pytest.fixture
def new(tmp_path: Path) -> Path:
    kernel = tmp_path / "new.img"
    kernel.write_bytes(kernel_bytes(size=123_456, version="v10.0.0"))
    return kernel


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_kernel_is_replaced_and_all_else_stays(card: Path, new: Path, pimem: Run) -> None:
    before = snapshot(card)
    done = pimem("flash", "--update", str(card), "--kernel", str(new))
    assert done.returncode == 0, done.stderr
    after = snapshot(card)
    assert after[str(card / "kernel8.img")] == new.read_bytes()
    assert {name for name in after if after[name] != before.get(name)} == {
        str(card / "kernel8.img"),
        str(card / "README.txt"),
    }
    assert after.keys() == before.keys()
    assert "replaced kernel8.img, README.txt" in done.stderr


def test_the_readme_tells_the_truth_afterwards(card: Path, new: Path, pimem: Run) -> None:
    before = (card / "README.txt").read_bytes().decode()
    pimem("flash", "--update", str(card), "--kernel", str(new))
    text = (card / "README.txt").read_bytes().decode()
    digest = hashlib.sha256(new.read_bytes()).hexdigest()
    assert f"\r\n{digest}  kernel8.img\r\n" in text
    old = hashlib.sha256(kernel_bytes()).hexdigest()
    expected = before.replace(old, digest).replace("v9.9.9 on", "v10.0.0 on")
    size, fresh = len(kernel_bytes()), new.stat().st_size
    assert text == expected.replace(f"{size:8}  MicroPython", f"{fresh:8}  MicroPython")


def test_own_settings_in_config_txt_are_kept_aside(card: Path, new: Path, pimem: Run) -> None:
    mine = CONFIG + b"hdmi_force_hotplug=1\n"
    (card / "config.txt").write_bytes(mine)
    done = pimem("flash", "--update", str(card), "--kernel", str(new))
    assert done.returncode == 0
    assert (card / "config.txt").read_bytes() == CONFIG
    assert (card / "config.txt.old").read_bytes() == mine
    assert "your config.txt is now config.txt.old" in done.stderr


def update(card: Path, kernel: Path, config: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a release with this config.txt."""
    folder = kernel.with_name("release")
    folder.mkdir(exist_ok=True)
    (folder / "config.txt").write_bytes(config)
    monkeypatch.setattr(image, "card_folder", lambda: folder)
    card_update.update(card, kernel)


def test_no_later_update_loses_what_an_earlier_one_kept(
    card: Path, new: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (card / "config.txt").write_bytes(b"first=1\n")
    update(card, new, b"release=2\n", monkeypatch)
    update(card, new, b"release=3\n", monkeypatch)
    assert (card / "config.txt.old").read_bytes() == b"first=1\n"
    assert not (card / "config.txt.old1").exists(), "release 2 had no changes of the user's"
    (card / "config.txt").write_bytes(b"second=1\n")
    update(card, new, b"release=4\n", monkeypatch)
    assert (card / "config.txt.old").read_bytes() == b"first=1\n"
    assert (card / "config.txt.old1").read_bytes() == b"second=1\n"
    assert (card / "config.txt").read_bytes() == b"release=4\n"
    (card / "config.txt").write_bytes(b"first=1\n")
    update(card, new, b"release=5\n", monkeypatch)
    assert not (card / "config.txt.old2").exists(), "it is there already"


def test_a_reader_of_the_card_sees_the_old_kernel_or_the_new_one(
    card: Path, new: Path, pimem: Run
) -> None:
    """Never a part of one: what a board finds that is switched on, or a card that is pulled."""
    whole = {(card / "kernel8.img").read_bytes(), new.read_bytes()}
    command = [sys.executable, "-m", "pimem", "flash", "--update", str(card), "--kernel", str(new)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            assert (card / "kernel8.img").read_bytes() in whole
    assert process.returncode == 0
    assert (card / "kernel8.img").read_bytes() == new.read_bytes()


def test_a_second_update_has_nothing_to_do(card: Path, new: Path, pimem: Run) -> None:
    pimem("flash", "--update", str(card), "--kernel", str(new))
    before = snapshot(card)
    done = pimem("flash", "--update", str(card), "--kernel", str(new))
    assert done.returncode == 0 and "is up to date" in done.stderr
    assert snapshot(card) == before


def test_a_dry_run_changes_nothing(card: Path, new: Path, pimem: Run) -> None:
    before = snapshot(card)
    done = pimem("flash", "--dry-run", "--update", str(card), "--kernel", str(new))
    assert done.returncode == 0 and "would replace kernel8.img" in done.stderr
    assert snapshot(card) == before


def test_a_folder_that_is_no_card_is_refused(card: Path, new: Path, pimem: Run) -> None:
    for name in ("start.elf", "start4.elf"):
        (card / name).unlink()
    before = snapshot(card)
    for folder in (card, card / "lib", card / "main.py", card / "none"):
        done = pimem("flash", "--update", str(folder), "--kernel", str(new))
        assert done.returncode == 2
        assert str(folder) in done.stderr
    assert snapshot(card) == before


@pytest.mark.parametrize("failing", [1, 2, 3, 4])
def test_an_update_that_fails_leaves_the_old_files_whole(
    card: Path, new: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """A card that gives up at the n-th file that is written."""
    (card / "config.txt").write_bytes(b"mine=1\n")
    before, honest, calls = snapshot(card), os.fsync, []

    def fsync(fd: int) -> None:
        calls.append(fd)
        if len(calls) == failing:
            raise OSError(5, "Input/output error")
        honest(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(Failure, match="cannot update .*: Input/output error; run it again"):
        card_update.update(card, new)
    assert snapshot(card) == before


def test_a_card_without_room_is_refused(
    card: Path, new: Path, pimem: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, room = snapshot(card), os.statvfs(card)
    full = os.statvfs_result((*room[:4], 1, *room[5:]))
    monkeypatch.setattr(os, "statvfs", lambda path: full)
    with pytest.raises(card_update.Refusal, match="bytes free"):
        card_update.update(card, new)
    assert snapshot(card) == before


def test_the_rest_of_the_card_does_not_matter(card: Path, new: Path, pimem: Run) -> None:
    """A card for one family only, without README."""
    for path in (card / "start4.elf", card / "README.txt"):
        path.unlink()
    (card / "photo.jpg").write_bytes(noise("photo", 1000))
    done = pimem("flash", "--update", str(card), "--kernel", str(new))
    assert done.returncode == 0
    assert (card / "kernel8.img").read_bytes() == new.read_bytes()
    assert not (card / "README.txt").exists()
