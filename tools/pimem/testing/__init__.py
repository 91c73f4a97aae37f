# SPDX-License-Identifier: MIT
"""A plugin of pytest: tests that run on a board, emulated or real.

    def test_it_adds(board):
        assert board.eval("1 + 1") == 2

pytest                                                      the default board, in QEMU
pytest --pimem-board RPI3 --pimem-board QEMU_VIRT           these two
pytest --pimem-board RPI3 --pimem-port /dev/ttyUSB0         the real one on that port
pytest --pimem-port RPI3=/dev/... --pimem-port RPI4=/dev/...    two real ones (-n 2: at once)

The fixtures give a Machine (board_session.py): exec() runs a script and returns what it prints,
eval() returns a value, and both raise ScriptError, with the board's traceback, when the script
raises. All else is imported at the first use of one of them.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pimem.board.errors import BoardCrash, BoardError, NoAnswer, ScriptError
    from pimem.testing.board_session import Machine, StartArgs
    from pimem.testing.port_options import Place
    from pimem.testing.shared_board import SharedBoard

__all__ = ["BoardCrash", "BoardError", "Machine", "NoAnswer", "ScriptError"]

PROBLEM = pytest.StashKey[str]()  # why no board can be tested, found while tests are collected
BROKEN = pytest.StashKey[set[str]]()  # rules of the hardware checker, by a test


def __getattr__(name: str) -> Any:
    """Import the types that tests name when they do."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pimem.board import errors
    from pimem.testing import board_session

    return getattr(board_session if name == "Machine" else errors, name)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("pimem", "boards that run pimem")
    group.addoption(
        "--pimem-board",
        action="append",
        metavar="BOARD",
        help="test on this board (may be given many times)",
    )
    group.addoption(
        "--pimem-port",
        action="append",
        metavar="[BOARD=]URL",
        help="test on the real board on this serial port (may be given many times)",
    )
    group.addoption(
        "--pimem-transcripts",
        type=Path,
        metavar="DIR",
        help="keep the serial lines of failed tests in this folder",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "emulator: a test that no real board can run")
    config.addinivalue_line(
        "markers", "breaks_hardware(*rules): it breaks these rules of the hardware checker"
    )
    config.addinivalue_line(
        "markers",
        "also_raw: runs on each emulated Pi a second time, started from its raw image;"
        " also_raw(False) excepts a test of a file",
    )
    config.addinivalue_line("markers", "only_raw: emulated Pis start from their raw image")
    if config.getoption("pimem_board") or config.getoption("pimem_port"):
        asked_places(config)  # wrong ones are an error, even if no test uses a board


def asked_places(config: pytest.Config) -> list[Place]:
    """Return the boards to be tested; a UsageError where there is no such board or no clone."""
    from pimem.exits import CommandError

    try:
        from pimem.testing import port_options

        return port_options.places(config)
    except CommandError as exc:
        raise pytest.UsageError(str(exc)) from exc


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """End the run at once where a port has no board.

    At the start of the session pytest would print the reason twice.
    """
    config = session.config
    worker = hasattr(config, "workerinput")  # of pytest-xdist: one check is enough
    if config.getoption("pimem_port") and not worker and not config.option.collectonly:
        places = asked_places(config)
        from pimem.testing import port_options

        port_options.check_ports(places)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "shared_board" not in metafunc.fixturenames:
        return
    try:
        found = asked_places(metafunc.config)
    except pytest.UsageError as exc:
        # Raised here, it would be an error of each file, with a traceback.
        metafunc.config.stash[PROBLEM] = str(exc)
        return
    only = bool(metafunc.definition.get_closest_marker("only_raw"))
    marker = metafunc.definition.get_closest_marker("also_raw")
    if only or (marker and marker.args != (False,)):
        from pimem.testing.port_options import with_raw

        found = with_raw(found, only)
    places = [place.parameter() for place in found]
    metafunc.parametrize("shared_board", places, indirect=True, scope="session")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config) -> None:
    """End the run where no board can be tested; in a worker, which cannot, the tests fail."""
    if PROBLEM in config.stash and not hasattr(config, "workerinput"):
        raise pytest.UsageError(config.stash[PROBLEM])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    if not config.getoption("pimem_port"):
        return None
    from pimem.testing.scheduling import by_port

    return by_port(config, log, [str(place) for place in asked_places(config)])


def check_hardware(item: pytest.Item, complete: bool) -> None:
    """Fail a test that broke other rules of the hardware checker than those of its marker, or,
    when it is complete, did not break these."""
    from pimem.board.hwcheck import HardwareViolation
    from pimem.testing import board_session

    found = board_session.new_violations()
    broken = item.stash.setdefault(BROKEN, set())
    broken.update(each.rule for each in found)
    allowed = {rule for mark in item.iter_markers("breaks_hardware") for rule in mark.args}
    others = [each for each in found if each.rule not in allowed]
    if others:
        raise pytest.fail.Exception(str(HardwareViolation(others)), pytrace=False)
    missing = allowed - broken
    if complete and missing and board_session.CHECKED:
        text = f"the test does not break {', '.join(sorted(missing))}, as its marker says"
        raise pytest.fail.Exception(text, pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    result = yield
    if checks_hardware():
        check_hardware(item, True)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Check what the fixtures did as well."""
    result = yield
    if checks_hardware():
        check_hardware(item, False)
    return result


def checks_hardware() -> bool:
    """Return whether a machine may be checked: without, nothing is imported for it."""
    return "pimem.testing.board_session" in sys.modules


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, object, object]:
    report = yield
    shared = getattr(item, "funcargs", {}).get("shared_board")
    if shared and isinstance(report, pytest.TestReport) and report.failed:
        from pimem.testing.transcript import attach_transcript

        folder = item.config.getoption("pimem_transcripts")
        attach_transcript(report, shared.transcript, folder)
    return report


@contextlib.contextmanager
def in_one_line() -> Iterator[None]:
    """Let what keeps a board from being started (no image, no QEMU) fail without a traceback."""
    from pimem.board.errors import BoardError
    from pimem.exits import CommandError

    try:
        yield
    except BoardError:
        raise  # of a board that was started: where is of interest
    except CommandError as exc:
        raise pytest.fail.Exception(str(exc), pytrace=False) from None


@pytest.fixture(scope="session")
def board_start() -> StartArgs:
    """How an emulated board starts: from its raw image. A conftest.py may say otherwise."""
    return lambda name: None


@pytest.fixture(scope="session")
def shared_board(request: pytest.FixtureRequest, board_start: StartArgs) -> Iterator[SharedBoard]:
    """The board that `board` gives to one test after the other."""
    if PROBLEM in request.config.stash:
        pytest.fail(request.config.stash[PROBLEM], pytrace=False)
    from pimem.testing.shared_board import SharedBoard

    shared = SharedBoard(request.param, board_start)
    yield shared
    shared.drop()


@pytest.fixture
def board(shared_board: SharedBoard, request: pytest.FixtureRequest) -> Iterator[Machine]:
    """A board in the raw REPL that has just been reset."""
    if shared_board.port and request.node.get_closest_marker("emulator"):
        pytest.skip(f"needs the emulator, and this is a real board on {shared_board.port}")
    with in_one_line():
        machine = shared_board.get()
    yield machine
    shared_board.settle()


def started(
    name: str, args: Sequence[str] | None = None, *, icount: bool = False
) -> Iterator[Machine]:
    from pimem.testing.board_session import booted

    with contextlib.ExitStack() as stack:
        with in_one_line():
            machine = stack.enter_context(booted(name, args, icount=icount))
        yield machine


@pytest.fixture
def fresh(shared_board: SharedBoard) -> Iterator[Machine]:
    """An emulated board of its own that has just booted, for tests that break it."""
    if shared_board.port:
        port = shared_board.port
        pytest.skip(f"needs an emulated board of its own, and this is one on {port}")
    yield from started(shared_board.name, shared_board.start_args)


@pytest.fixture
def counted(shared_board: SharedBoard) -> Iterator[Machine]:
    """The same, with a clock that counts instructions: 16 a tick of CNTVCT."""
    if shared_board.port:
        port = shared_board.port
        pytest.skip(f"counts instructions in the emulator, and this is a board on {port}")
    yield from started(shared_board.name, icount=True)
