# SPDX-License-Identifier: MIT
"""Which boards are tested: emulated ones, or real ones on a port each, all at once.

--pimem-board BOARD          an emulated one; the option may be given many times
--pimem-port URL             the real board of --pimem-board
--pimem-port BOARD=URL       another one; the option may be given many times

With pytest-xdist (`-n N` for N ports) each board has a worker of its own. $PIMEM_RESET is the
sequence that resets them over DTR and RTS; without it a board that has crashed resets itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from pimem.board import boards, reset
from pimem.board.errors import BoardError
from pimem.exits import CommandError
from pimem.testing import board_session


@dataclass(frozen=True)
class Place:
    """A board to be tested: an emulated one, or the one at the end of a port."""

    board: str
    port: str | None = None
    raw: bool = False  # emulated: its raw image, whatever `board_start` says

    def __str__(self) -> str:
        name = f"{self.board}-raw" if self.raw else self.board
        return f"{name}@{self.port}" if self.port else name

    def parameter(self) -> object:
        """Return it for parametrize: the place is part of each test's name."""
        return pytest.param(self, id=str(self))


def parse_port(text: str, named: Sequence[str]) -> Place:
    name, equals, url = text.partition("=")
    with_board = bool(equals) and boards.is_name(name)  # else `=` is part of a URL
    if with_board:
        check_name(name)
    if not (url if with_board else text):
        raise pytest.UsageError(f"'{text}' names no port; `pimem ports` lists what there is")
    if with_board:
        return Place(name, url)
    if len(named) != 1:
        raise pytest.UsageError(f"which board is on port {text}? BOARD={text} names it")
    return Place(named[0], text)


def check_name(name: str) -> None:
    known = boards.names()
    if name not in known:
        raise pytest.UsageError(f"no board '{name}': it is one of {', '.join(known)}")


def places(config: pytest.Config) -> list[Place]:
    """Return what the command line asks for; the default board if it asks for nothing."""
    named: list[str] = config.getoption("pimem_board") or []
    ports: list[str] = config.getoption("pimem_port") or []
    boards.names()  # a Refusal where there is no clone
    for name in named:
        check_name(name)
    if ports:
        return [parse_port(each, named) for each in ports]
    return [Place(name) for name in named or [boards.DEFAULT]]


def with_raw(found: Sequence[Place], only: bool) -> list[Place]:
    """Add, for each emulated Raspberry Pi, its start from the raw image, or only leave that."""
    pis = [each for each in found if not each.port and each.board in board_session.PIS]
    raw = [Place(each.board, raw=True) for each in pis]
    return [*(each for each in found if not only or each not in pis), *raw]


def answer(place: Place) -> str | None:
    """Return what is wrong with the board on this port; if it is not there, what was tried."""
    assert place.port
    sequence = reset.configured(None)
    try:
        with contextlib.closing(
            board_session.attach(place.board, place.port, sequence)
        ) as machine:
            found = machine.eval("memory.report()['board']", "import memory")
        return None if found == place.board else f"{place}: the board there is {found}"
    except (BoardError, CommandError, reset.NotReset) as exc:
        return f"{place}: {exc}"


def check_ports(found: Sequence[Place]) -> None:
    """End the run at once if one of the boards is not there: every test would fail."""
    real = [place for place in found if place.port]
    if not real:
        return
    twice = {place.port for place in real if [each.port for each in real].count(place.port) > 1}
    if twice:
        raise pytest.UsageError(f"port {', '.join(map(str, twice))} is given twice")
    with ThreadPoolExecutor(len(real)) as pool:
        problems = [problem for problem in pool.map(answer, real) if problem]
    if problems:
        pytest.exit("\n".join(problems), returncode=pytest.ExitCode.TESTS_FAILED)
