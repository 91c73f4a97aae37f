# SPDX-License-Identifier: MIT
"""The front door, as far as it opens without building anything."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from limits import HANG_SECONDS

from pimem import DEPS, ROOT
from pimem.board import boards


def make(*args: str) -> subprocess.CompletedProcess[str]:
    command = ["make", *args]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=HANG_SECONDS)


def test_help_names_every_board_and_target() -> None:
    done = make("help")
    assert done.returncode == 0
    for word in [
        *boards.names(),
        "run",
        "repl",
        "serve",
        "test",
        "test-long",
        "test-micropython",
        "bench",
        "clean",
    ]:
        assert word in done.stdout


def test_an_unknown_board_is_refused_with_the_list_of_those_there_are() -> None:
    done = make("run", "BOARD=ZX81")
    assert done.returncode == 2
    assert "No board 'ZX81': BOARD is one of QEMU_VIRT RPI3 RPI4" in done.stderr


def test_boards_of_one_image_share_its_build() -> None:
    done = make("--eval=show: ; @echo $(IMAGES)", "show")
    assert done.stdout.split() == sorted({boards.load(name).image for name in boards.names()})


def test_nothing_but_results_goes_to_stdout() -> None:
    done = make("setup")
    assert (done.returncode, done.stdout) == (0, "")


def test_objects_of_another_micropython_are_not_used(tmp_path: Path) -> None:
    if not (DEPS / "micropython").is_dir():
        pytest.skip("MicroPython's source is not in build/deps: MICROPYTHON_DIR is in use")
    other = tmp_path / "other"
    other.symlink_to(DEPS / "micropython")
    folder = tmp_path / "build" / "frozen"
    kept = []
    for source in (DEPS / "micropython", other, other):
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("old.o", "old.mpy"):
            (folder / name).write_text("")
        port = ["-C", "ports/rpi-aarch64", f"BUILD={tmp_path / 'build'}"]
        done = make(
            "-n", *port, f"MICROPYTHON_DIR={source}", f"LIBFDT_DIR={DEPS}/dtc/libfdt", "-t"
        )
        assert done.returncode == 0, done.stderr
        kept.append(len(list(folder.iterdir())))
    assert kept == [0, 0, 2]


def test_the_tests_of_a_port_are_those_that_the_options_name() -> None:
    dry = ("-n", "-o", "setup", "test", "PORT=/dev/x")
    assert "pytest tests/target " in make(*dry).stdout
    said = make(*dry, "TEST_OPTIONS=tests/target/test_mine.py").stdout
    assert "tests/target/test_mine.py" in said and "pytest tests/target " not in said


@pytest.mark.parametrize("card", ["DEVICE=/dev/null", "DEVICE=/dev/none", "MOUNT=/proc"])
def test_a_card_is_looked_at_before_anything_is_built(card: str, tmp_path: Path) -> None:
    done = make("-o", "setup", "deploy", card, f"OUT={tmp_path}")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"pimem: {card.partition('=')[2]} " in done.stderr
    assert list(tmp_path.iterdir()) == [], "nothing was built"
