# SPDX-License-Identifier: MIT
"""What a board.json may say, and what the Makefiles and the image learn from it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from limits import HANG_SECONDS

import pimem
from pimem import BUILD, ROOT
from pimem.board import boards, tables
from pimem.board.boards import InvalidBoard

NEEDED = ("boards", "tools/pimem", "Makefile", "ports")
Change = Callable[[dict[str, Any]], object]
WRONG: dict[str, tuple[Change, str]] = {
    "missing": (lambda b: b.pop("image"), "'image' is missing"),
    "unknown": (lambda b: b.update(imgae="X"), "unknown key 'imgae'; known are description, "),
    "kind": (lambda b: b.update(sdcard="no"), "'sdcard' is 'no', but must be true or false"),
    "name": (lambda b: b.update(image="../x"), "'image' is '../x', but must be a name of letters"),
    "family": (lambda b: b.update(family="pc"), "'family' is 'pc', but must be one of rpi, virt"),
    "qemu": (lambda b: b["qemu"].pop("args"), "qemu: 'args' is missing"),
    "machine": (lambda b: b["qemu"].update(cpu="x"), "qemu: unknown key 'cpu'; known are machine"),
    "args": (lambda b: b["qemu"].update(args="-m 1G"), "'args' is '-m 1G', but must be a list of"),
    "card": (lambda b: b["qemu"].update(card="sd"), "'card' is 'sd', but must be a list of text"),
    "taken": (lambda b: b.update(image="deps"), "'image' is 'deps', but must be a name of letter"),
    "models": (lambda b: b.update(models=["3A+"]), "'models' is ['3A+'], but must be a list of"),
}


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree with the boards of this one."""
    shutil.copytree(boards.folder(), tmp_path / "boards")
    monkeypatch.setattr(pimem, "ROOT", tmp_path)
    return tmp_path


def add(tree: Path, name: str, like: str, **changes: Any) -> Path:
    data = json.loads((tree / "boards" / like / "board.json").read_text())
    path = tree / "boards" / name / "board.json"
    shutil.copytree(tree / "boards" / like, path.parent, dirs_exist_ok=True)
    path.write_text(json.dumps(data | changes))
    return path


@pytest.mark.parametrize("change, complaint", WRONG.values(), ids=WRONG)
def test_a_wrong_board_is_refused_by_file_and_key(
    tree: Path, change: Change, complaint: str
) -> None:
    path = tree / "boards" / "RPI3" / "board.json"
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))
    with pytest.raises(InvalidBoard) as refused:
        boards.load("RPI3")
    assert str(refused.value).startswith("boards/RPI3/board.json: ")
    assert complaint in str(refused.value)
    assert boards.load("RPI4").name == "RPI4"


@pytest.mark.parametrize("text", [b"{", b"[]", b'{"description": }', b"\xff", b"[" * 100000, b""])
def test_what_is_not_json_is_refused(tree: Path, text: bytes) -> None:
    (tree / "boards" / "RPI3" / "board.json").write_bytes(text)
    with pytest.raises(InvalidBoard, match="^boards/RPI3/board.json: "):
        boards.load("RPI3")


@pytest.mark.parametrize("name", ["MY BOARD", "MY:BOARD", "MY-BOARD", "MY$BOARD", "."])
def test_a_name_that_make_would_take_apart_is_refused(tree: Path, name: str) -> None:
    path = tree / "boards" / "RPI3"
    path.rename(tree / "boards" / f"{name}X")
    with pytest.raises(InvalidBoard, match="X/board.json: the name of the folder must be of let"):
        boards.load(f"{name}X")
    with pytest.raises(tables.SomeBoards) as told:
        tables.board_list()
    assert told.value.others == "QEMU_VIRT:QEMU_VIRT RPI4:RPI"


def test_a_board_that_cannot_be_read_is_refused(tree: Path) -> None:
    path = tree / "boards" / "RPI3" / "board.json"
    path.unlink()
    path.mkdir()
    with pytest.raises(InvalidBoard, match="^boards/RPI3/board.json: Is a directory"):
        boards.load("RPI3")


def test_a_model_that_the_port_does_not_have_is_refused(tree: Path) -> None:
    add(tree, "RPI3AP", "RPI3", models=["3A_PLUS", "5B"])
    with pytest.raises(InvalidBoard, match="RPI3AP/.*: 'models' has '5B'; .* has 3B, CM3, 3B_PLU"):
        tables.rows_of("RPI")


def test_boards_of_one_image_have_the_same_settings(tree: Path) -> None:
    add(tree, "RPI5", "RPI4", models=["400"])
    settings = tree / "boards" / "RPI5" / "mpconfigboard.mk"
    settings.write_text("COPT = -Os\n")
    with pytest.raises(InvalidBoard, match="RPI5/mpconfigboard.mk is not that of RPI3, with"):
        tables.rows_of("RPI")
    settings.unlink()
    with pytest.raises(InvalidBoard, match="^boards/RPI5/mpconfigboard.mk is missing$"):
        tables.rows_of("RPI")


def test_a_folder_is_a_board(tree: Path) -> None:
    add(tree, "RPI3AP", "RPI3", models=["3A_PLUS", "CM3"])
    assert boards.names() == ["QEMU_VIRT", "RPI3", "RPI3AP", "RPI4"]
    assert "RPI3AP" in boards.with_card()
    assert tables.board_list() == "QEMU_VIRT:QEMU_VIRT RPI3:RPI RPI3AP:RPI RPI4:RPI"
    assert tables.rows_of("RPI") == [
        ("BCM2837", "3A_PLUS", "RPI3AP"),
        ("BCM2837", "CM3", "RPI3AP"),
        ("BCM2837", "", "RPI3"),
        ("BCM2711", "", "RPI4"),
    ]


def test_boards_that_cannot_be_told_apart_are_refused(tree: Path) -> None:
    add(tree, "RPI5", "RPI4")
    with pytest.raises(InvalidBoard, match="RPI5/.*: every model of BCM2711 is RPI4 already"):
        tables.rows_of("RPI")
    add(tree, "RPI5", "RPI4", models=["4B"])
    add(tree, "RPI6", "RPI4", models=["400", "4B"])
    with pytest.raises(InvalidBoard, match="RPI6/.*: model 4B is RPI5 already"):
        tables.rows_of("RPI")
    add(tree, "RPI6", "RPI4", image="RPI6")
    assert tables.rows_of("RPI6") == [("BCM2711", "", "RPI6")]


def test_a_soc_that_the_port_does_not_have_is_refused(tree: Path) -> None:
    add(tree, "RPI5", "RPI4", soc="BCM2712")
    with pytest.raises(InvalidBoard, match="'soc' is 'BCM2712'; .*has QEMU virt, BCM2837, BCM27"):
        tables.rows_of("RPI")


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "-C", str(folder), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=HANG_SECONDS)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """What make needs to list the boards."""
    listed = ["git", "ls-files", "-zco", "--exclude-standard", *NEEDED]
    found = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, found.stdout.split("\0")):
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    return tmp_path


def test_make_lists_a_new_board(copy: Path) -> None:
    add(copy, "MYBOARD", "QEMU_VIRT", image="MINE")
    assert "boards: MYBOARD QEMU_VIRT RPI3 RPI4\n" in make(copy, "help").stdout
    refused = make(copy, "run", "BOARD=ZX81").stderr
    assert "No board 'ZX81': BOARD is one of MYBOARD QEMU_VIRT RPI3 RPI4." in refused
    assert "build/MINE/kernel8.img" in make(copy, "help", "BOARD=MYBOARD").stdout


def test_make_names_the_file_and_key_that_are_wrong(copy: Path) -> None:
    add(copy, "MYBOARD", "RPI3", imgae="MINE")
    done = make(copy, "run")
    assert done.returncode == 2
    assert "pimem: boards/MYBOARD/board.json: unknown key 'imgae'; known are " in done.stderr
    assert "The boards cannot be listed" in done.stderr


def test_a_wrong_board_does_not_keep_help_and_clean_from_working(copy: Path) -> None:
    add(copy, "MYBOARD", "RPI3", imgae="MINE")
    (copy / "boards" / "RPI4" / "board.json").write_text("{")
    done = make(copy, "help")
    assert (done.returncode, done.stderr.count("\n")) == (0, 2), done.stderr
    assert "boards: QEMU_VIRT RPI3\n" in done.stdout
    assert "pimem: boards/MYBOARD/board.json: unknown key 'imgae'" in done.stderr
    assert "pimem: boards/RPI4/board.json: Expecting property name" in done.stderr
    (copy / "build").mkdir()
    (copy / "build" / "x").touch()
    assert make(copy, "clean").returncode == 0 and not (copy / "build" / "x").exists()


@pytest.mark.skipif(not (BUILD / "deps").is_dir(), reason="MicroPython's source is not here")
def test_a_board_that_is_removed_is_gone_from_the_tables(copy: Path) -> None:
    path = add(copy, "RPI3AP", "RPI3", models=["3A_PLUS"])
    with (path.parent / "pins.csv").open("a") as pins:
        pins.write("EXTRA,GPIO5,3A_PLUS\n")
    tables_of = ("boards.c", "pins.c")
    port = copy / "ports" / "rpi-aarch64"
    (copy / "modules").symlink_to(ROOT / "modules")
    words = ("BOARD=RPI4", "BUILD=build", f"MICROPYTHON_DIR={BUILD / 'deps' / 'micropython'}")
    words += ("MICROPY_MPYCROSS=true", f"LIBFDT_DIR={BUILD}", *(f"build/{t}" for t in tables_of))

    def made() -> str:
        done = make(port, *words)
        assert done.returncode == 0, done.stderr
        return "".join((port / "build" / each).read_text() for each in tables_of)

    text = made()
    assert '"RPI3AP"' in text and "EXTRA" in text
    shutil.rmtree(path.parent)
    text = made()
    assert '"RPI3AP"' not in text and "EXTRA" not in text
