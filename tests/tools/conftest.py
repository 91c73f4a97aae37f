# SPDX-License-Identifier: MIT
"""Fixtures of the tools' tests: a fake board, and images that need no port."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fake_board import FakeBoard
from limits import HANG_SECONDS
from socs import soc_of

from pimem.board import boards

TOOLS_TESTS = Path(__file__).parent


@pytest.fixture
def fake() -> Iterator[FakeBoard]:
    """A fake board that has booted."""
    with FakeBoard() as board:
        board.boot()
        yield board


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Builds an image that prints a text on a board's UART, then idles, resets or spins."""
    folder = tmp_path_factory.mktemp("tiny")

    def build(board: str, text: str, then: str = "idle") -> Path:
        name = folder / f"{board}-{abs(hash((text, then)))}"
        elf, image = name.with_suffix(".elf"), name.with_suffix(".img")
        (folder / "text.bin").write_bytes(text.encode())
        soc = soc_of(boards.load(board))
        flags = [f"-DUART={soc.uart:#x}", f"-DTHEN_{then.upper()}", f"-I{folder}"]
        if soc.spin_table:
            flags.append(f"-DSPIN_TABLE={soc.spin_table:#x}")
        command = ["aarch64-linux-gnu-gcc", "-nostdlib", "-static", "-no-pie", *flags]
        link = ["-Wl,-Ttext=0x80000", "-Wl,--build-id=none", "-o", str(elf)]
        assembler = f"-Wa,-I{folder}"
        source = str(TOOLS_TESTS / "tiny.S")
        subprocess.run([*command, *link, assembler, source], check=True)
        objcopy = ["aarch64-linux-gnu-objcopy", "-O", "binary", str(elf), str(image)]
        subprocess.run(objcopy, check=True)
        return image

    return build


@pytest.fixture
def pimem() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `python -m pimem` as a user does, with bounded time."""

    def call(*args: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "pimem", *args],
            env={**os.environ, "COLUMNS": "80"},  # help is as wide as the terminal of the tests
            input=stdin,
            capture_output=True,
            text=True,
            timeout=HANG_SECONDS,
        )

    return call
