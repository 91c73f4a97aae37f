# SPDX-License-Identifier: MIT
"""The benchmark's counting, on an image whose instructions can be counted by hand."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import pimem
from pimem.board import boards
from pimem.dev import bench

BEFORE_LOOP, IN_LOOP, AT_END = 6, 5, 2  # instructions of tiny.S on core 0
PARKING = {"RPI4": 6, "QEMU_VIRT": 0}  # ... that send the others to sleep
TICK = 16  # instructions a tick of the counter
OTHER_CORES = 400  # until they are parked: QEMU's own boot code and four instructions each


@pytest.mark.parametrize("name", ["RPI4", "QEMU_VIRT"])
def test_every_instruction_is_counted_once(
    tiny: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    text = "x" * 10_000
    image = tiny(name, text)
    board = boards.load(name)
    folder = tmp_path / board.image
    folder.mkdir()
    shutil.copy(image, folder / "kernel8.img")
    shutil.copy(image.with_suffix(".elf"), folder / "firmware.elf")
    monkeypatch.setattr(pimem, "BUILD", tmp_path)
    monkeypatch.setattr(bench, "symbols", lambda _: linked_at(name, image))
    expected = BEFORE_LOOP + PARKING[name] + IN_LOOP * len(text) + AT_END
    got = bench.boot_instructions(board)
    assert expected - TICK <= got <= expected + OTHER_CORES + TICK


def linked_at(name: str, image: Path) -> dict[str, int]:
    """The image's symbols where it was loaded; it is position-independent."""
    loaded = {"RPI4": 0x80000, "QEMU_VIRT": 0x40080000}[name]
    known = bench_symbols(image.with_suffix(".elf"))
    return {key: value - known["_start"] + loaded for key, value in known.items()}


bench_symbols = bench.symbols


def test_an_instruction_is_found_with_whatever_register() -> None:
    image = b"\0" * 8 + (bench.READ_COUNTER | 7).to_bytes(4, "little")
    assert bench.find_instruction(image, bench.READ_COUNTER) == (8, 7)
    with pytest.raises(bench.BenchError, match="no instruction"):
        bench.find_instruction(image, bench.READ_FREQUENCY)


@pytest.mark.parametrize(("value", "good"), [(99, True), (100, True), (101, False)])
def test_a_figure_over_its_bar_is_named(
    capsys: pytest.CaptureFixture[str], value: int, good: bool
) -> None:
    tally = bench.Tally()
    assert tally.row("bytes", value, 100) is good
    assert ("MISSES" in capsys.readouterr().out) is not good
    assert tally.missed == ([] if good else ["bytes"])
