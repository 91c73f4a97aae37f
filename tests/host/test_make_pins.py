# SPDX-License-Identifier: MIT
"""The generator of the pin name table: what it writes, and what it refuses."""

import subprocess
import sys
from pathlib import Path

import host_library
import pytest
from limits import HANG_SECONDS

from pimem.board import boards

SCRIPT = host_library.ROOT / "ports" / "rpi-aarch64" / "make_pins.py"
IMAGES = sorted({board.image for board in boards.load_all()})


def run(paths: list[Path]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, timeout=HANG_SECONDS)


def generate(folder: Path, *files: str) -> subprocess.CompletedProcess[str]:
    paths = []
    for number, rows in enumerate(files):
        paths.append(folder / f"{number}.csv")
        paths[-1].write_text("name,pin,models\n" + rows)
    return run(paths)


def tables(image: str) -> list[Path]:
    """The files of the boards of an image."""
    found = [board.name for board in boards.load_all() if board.image == image]
    return [boards.folder() / name / "pins.csv" for name in found]


@pytest.mark.parametrize("image", IMAGES)
def test_the_tables_of_an_image_agree(image: str) -> None:
    result = run(tables(image))
    assert result.returncode == 0, result.stderr


def test_the_boards_tables_merge_into_one() -> None:
    result = run(tables("RPI"))
    assert result.returncode == 0, result.stderr
    assert result.stdout.count('"TXD", 14, MACHINE_PIN_ALL_MODELS') == 1
    assert sum('"LED"' in line for line in result.stdout.splitlines()) == 4


def test_an_active_low_pin_and_an_expander_pin_get_objects_of_their_own(tmp_path: Path) -> None:
    result = generate(tmp_path, "A,-GPIO29,ZERO_2_W\nB,EXP2,3B\n")
    assert "{ { &machine_pin_type }, 29, false, true }" in result.stdout
    assert "{ { &machine_pin_type }, 2, true, false }" in result.stdout
    assert '{ "B", MACHINE_PIN_MAX + 1, MACHINE_PIN_MODEL(BOARD_MODEL_3B) }' in result.stdout


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        (("A,GPIO58\n",), "'GPIO58' is not a pin"),
        (("A,GPIO07\n",), "'GPIO07' is not a pin"),
        (("2A,GPIO7\n",), "'2A' is not a name"),
        (("PCM_DOUT2,GPIO7\n",), "'PCM_DOUT2' is not a name"),
        (("A\n",), "1 columns"),
        (("A,GPIO1\nA,GPIO2\n",), "two pins"),
        (("A,GPIO1\nA,GPIO2,4B\n",), "two pins"),
        (("A,GPIO1,3B 4B\nA,GPIO2,4B\n",), "two pins"),
        (("A,GPIO1\n", "B,GPIO1\n"), "is missing, but has no models"),
    ],
)
def test_a_wrong_table_is_refused(tmp_path: Path, files: tuple[str, ...], complaint: str) -> None:
    result = generate(tmp_path, *files)
    assert result.returncode == 1
    assert complaint in result.stderr
    assert result.stdout == ""


def test_a_board_without_pins_takes_no_names_from_the_others(tmp_path: Path) -> None:
    assert generate(tmp_path, "A,GPIO1\n", "").returncode == 0
