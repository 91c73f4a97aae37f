# SPDX-License-Identifier: MIT
"""The board of many tests: kept running, put in order after each, started again when lost."""

from __future__ import annotations

import pytest

from pimem.board import reset
from pimem.board.errors import BoardError
from pimem.testing import board_session
from pimem.testing.port_options import Place
from pimem.testing.transcript import Transcript

ATTEMPTS = 3
#: Files that a test left on the RAM disk at / are not another's: the next start makes a new disk.
EMPTY_DISK = "import _memory\n_memory.root_disk().close()"


class SharedBoard:
    """Keeps one board running for many tests, and starts it again after a crash."""

    def __init__(self, place: Place, start: board_session.StartArgs) -> None:
        self.name = place.board
        self.start_args = None if place.raw or place.port else start(place.board)
        self.port = place.port
        self.sequence = reset.configured(None)
        self.transcript = Transcript()
        self.machine: board_session.Machine | None = None
        self.free = 0  # frames, after a soft reset with nothing done
        self.failures = 0  # in a row, to get at the board

    def attach(self, port: str) -> board_session.Machine:
        """Attach to the board on the port. One that has not come back several times will not:
        the rest of the tests need not wait for it."""
        if self.failures >= ATTEMPTS:
            pytest.fail(f"{self.name}@{port} has not come back in {ATTEMPTS} attempts", False)
        self.failures += 1
        machine = board_session.attach(self.name, port, self.sequence)
        self.failures = 0
        return machine

    def boot(self) -> board_session.Machine:
        return board_session.boot(self.name, self.start_args)

    def get(self) -> board_session.Machine:
        if self.machine is None:
            self.machine = self.attach(self.port) if self.port else self.boot()
            self.machine.link.tap = self.transcript
            self.machine.soft_reset()
            self.free = self.machine.free_frames()
        self.transcript.clear()
        return self.machine

    def settle(self) -> None:
        """Reset softly after a test: everything that the test took must come back."""
        if self.machine is None:
            return
        if self.machine.lost:
            self.drop()
            return
        try:
            self.machine.link.enter_raw_repl()
            printed = self.machine.soft_reset()
            free = self.machine.free_frames()
            if free != self.free:
                self.machine.exec(EMPTY_DISK)
                printed += self.machine.soft_reset()
                free = self.machine.free_frames()
        except BoardError:
            self.machine.lost = True
            self.drop()
            raise
        if free != self.free:
            self.drop()
            pytest.fail(f"{self.free} frames were free before the test, {free} are after it")
        if self.port and self.sequence:  # a board that can be reset is, before the next test
            self.drop()
        assert "leaked" not in printed, printed

    def drop(self) -> None:
        if self.machine is not None:
            self.machine.close()
            self.machine = None
