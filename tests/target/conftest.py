# SPDX-License-Identifier: MIT
"""The target tests: the same scripts on every emulated board, or on a real one.

pytest tests/target                               every board in QEMU
pytest tests/target --board RPI4                  one of them
pytest tests/target --board RPI4 --port /dev/...  a real one

The fixtures are those of the plugin pimem.testing.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from on_board import same_state

from pimem.testing.board_session import Machine


@pytest.fixture
def nothing_left(board: Machine) -> Iterator[None]:
    """Each test gives back every frame it took, and leaves everything sound."""
    with same_state(board):
        yield


@pytest.fixture
def reset_at_the_end(board: Machine, nothing_left: None) -> Iterator[None]:
    """For tests that drop objects: a word that stays on the stack may look like one of them, and
    keeps it until a soft reset."""
    yield
    board.soft_reset()
