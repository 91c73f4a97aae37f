# SPDX-License-Identifier: MIT
"""The target tests: the same scripts on every emulated board, or on a real one.

pytest tests/target                               every board in QEMU
pytest tests/target --board RPI4                  one of them
pytest tests/target --board RPI4 --port /dev/...  a real one

The fixtures are those of the plugin pimem.testing.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import guest_errors
import pytest
from on_board import same_state

from pimem.testing import board_session
from pimem.testing.board_session import Machine

FOLDER = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "guest_errors(*patterns): what QEMU's log of guest errors has because of this test",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let QEMU log what it finds wrong with the guests that start from here on. What was logged
    before is another test's."""
    if FOLDER not in item.config.stash:
        item.config.stash[FOLDER] = Path(tempfile.mkdtemp(prefix="pimem-guest-errors-"))
        item.config.add_cleanup(lambda: shutil.rmtree(item.config.stash[FOLDER], True))
    board_session.guest_error_folder = item.config.stash[FOLDER]
    board_session.new_guest_errors()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test in which something was logged that is not allowed."""
    result = yield
    board_session.guest_error_folder = None
    allowed = [text for mark in item.iter_markers("guest_errors") for text in mark.args]
    found = guest_errors.of_tests(board_session.new_guest_errors(), allowed)
    if found:
        text = "\n".join(["QEMU logs guest errors that are not allowed:", *found])
        raise pytest.fail.Exception(text, pytrace=False)
    return result


@pytest.fixture
def nothing_left(board: Machine) -> Iterator[None]:
    """Each test gives back every frame it took, and leaves everything sound."""
    with same_state(board):
        yield


@pytest.fixture
def clock_kept(board: Machine) -> Iterator[None]:
    """For tests that set the clock, which a soft reset does not set back."""
    before = tuple(board.eval("machine.RTC().datetime()", "import machine"))
    yield
    board.exec(f"import machine\nmachine.RTC().datetime({before})")


@pytest.fixture
def reset_at_the_end(board: Machine, nothing_left: None) -> Iterator[None]:
    """For tests that drop objects: a word that stays on the stack may look like one of them, and
    keeps it until a soft reset."""
    yield
    board.soft_reset()
