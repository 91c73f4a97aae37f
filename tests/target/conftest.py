# SPDX-License-Identifier: MIT
"""Fixtures of the target tests: the same scripts on every emulated board, or on a real one.

pytest tests/target                               RPI3, RPI4 and QEMU_VIRT in QEMU
pytest tests/target --board RPI4                  one of them
pytest tests/target --board RPI4 --port /dev/...  a real one (lab.py tells how to use several)
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

import lab
import pytest
import rig
from keeper import Keeper


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "keeper" in metafunc.fixturenames:
        places = [place.parameter() for place in lab.places(metafunc.config)]
        metafunc.parametrize("keeper", places, indirect=True, scope="session")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, object, object]:
    report = yield
    keeper = getattr(item, "funcargs", {}).get("keeper")
    if keeper and isinstance(report, pytest.TestReport) and report.failed:
        folder = item.config.getoption("--transcripts")
        lab.attach_transcript(report, keeper.transcript, folder)
    return report


@pytest.fixture(scope="session")
def keeper(request: pytest.FixtureRequest) -> Iterator[Keeper]:
    keeper = Keeper(request.param)
    yield keeper
    keeper.drop()


@pytest.fixture
def board(keeper: Keeper, request: pytest.FixtureRequest) -> Iterator[rig.Machine]:
    """A board in the raw REPL that has just been reset."""
    if keeper.port and request.node.get_closest_marker("emulator"):
        pytest.skip(f"needs the emulator, and this is a real board on {keeper.port}")
    yield keeper.get()
    keeper.settle()


@pytest.fixture
def fresh(keeper: Keeper) -> Iterator[rig.Machine]:
    """An emulated board of its own that has just booted, for tests that break it."""
    if keeper.port:
        pytest.skip(f"needs an emulated board of its own, and this is one on {keeper.port}")
    with rig.booted(keeper.name) as machine:
        yield machine


@pytest.fixture
def counted(keeper: Keeper) -> Iterator[rig.Machine]:
    """The same, with a clock that counts instructions: 16 a tick of CNTVCT."""
    if keeper.port:
        pytest.skip(f"counts instructions in the emulator, and this is a board on {keeper.port}")
    with rig.booted(keeper.name, icount=True) as machine:
        yield machine
