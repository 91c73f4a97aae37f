# SPDX-License-Identifier: MIT
"""MicroPython's tests of filesystems, imports, files and Unicode, with their files on a card.

UPSTREAM_CARDS=all takes littlefs too. `make test-micropython` runs them on the RAM disk.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cards import build
from figures import PROPERTY

from pimem import BUILD
from pimem.board import boards
from pimem.dev.conformance import Selection, judge, run_suite, summary
from pimem.exits import OK
from pimem.testing import board_session

SECTION = "MicroPython's tests of filesystems, import, io and unicode on a card"
SOURCE = BUILD / "deps" / "micropython"
SELECTION = Selection(("extmod", "import", "io", "unicode"), "^(extmod/vfs_|import|io|unicode)")
LEAST = 78  # passed when this was written
CARDS = {"FAT32": ("--data", "48M"), "littlefs": ("--data", "8M", "--littlefs")}
ALL = os.environ.get("UPSTREAM_CARDS") == "all"
CASES = [(name, kind) for kind in CARDS for name in board_session.PIS]
CHOSEN = CASES if ALL else CASES[: len(board_session.PIS)]


@pytest.mark.parametrize(("name", "kind"), CHOSEN)
def test_the_suite_passes_with_its_files_on_a_card(
    name: str, kind: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    if not SOURCE.is_dir():
        pytest.skip("MicroPython's source is not in build/deps: MICROPYTHON_DIR is in use")
    card = build(tmp_path, *CARDS[kind]).rename(tmp_path / f"{kind}.img")
    suite, skips = run_suite(boards.load(name), SOURCE, SELECTION, card)
    record_property(PROPERTY, (SECTION, f"{name}, {kind}: {summary(suite, skips)}"))
    assert judge(suite, skips, check_skips=False) == OK
    assert len(suite.of("pass")) >= LEAST
