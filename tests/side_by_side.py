# SPDX-License-Identifier: MIT
"""A plugin of pytest: how tests are shared out among the workers of pytest-xdist.

Tests of one file on one board stay together, because they share a machine that is kept running
(tests/target) or a fixture. The units that take longest start first, so that no worker is left
alone with one at the end. Tests marked `quiet` run last, on one worker, after all the others
have ended.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections import defaultdict
from collections.abc import Container
from pathlib import Path
from typing import IO

import pytest
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from pimem.board import boards

QUIET = "quiet"
QUIET_FILE = "quiet_file"  # with their names: a worker knows marks, the scheduler names only
QUIET_NAMES = pytest.StashKey[IO[str]]()
SHARED = "tests/target/"  # here a worker keeps a board running from one file to the next
#: What a test takes, roughly, by its folder: an emulated board boots in some seconds.
SECONDS = {"emulator": 5.0, "target": 0.6, "tools": 0.4, "host": 0.05}
LONG_SECONDS = 100.0  # of a test marked `long`

_BOARD = re.compile(rf"\b({'|'.join(sorted(boards.names(), key=len, reverse=True))})\b")


def hands_out(config: pytest.Config) -> bool:
    """Whether this process runs no tests itself, but has workers run them."""
    return not hasattr(config, "workerinput") and config.getoption("dist", "no") != "no"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "long: takes a minute or more, so it starts early")
    config.addinivalue_line(
        "markers", f"{QUIET}(reason): needs a machine that does nothing else, so it runs alone"
    )
    if not hands_out(config):
        # The test command preloads the address sanitiser's run-time for the host libraries. It is
        # in this process by now. What the tests start must not get it, but workers must.
        os.environ.pop("LD_PRELOAD", None)
    else:
        refuse_missing(config)
        names = tempfile.NamedTemporaryFile("w+", prefix="pimem-")  # noqa: SIM115
        config.stash[QUIET_NAMES] = names  # as long as the session


def refuse_missing(config: pytest.Config) -> None:
    """Workers report no path that does not exist: pytest-xdist ends with "no tests ran"."""
    for name in config.args:
        if not (config.invocation_params.dir / name.partition("::")[0]).exists():
            raise pytest.UsageError(f"file or directory not found: {name}")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: WorkerController) -> None:
    node.workerinput[QUIET_FILE] = node.config.stash[QUIET_NAMES].name


@pytest.hookimpl(trylast=True)  # after -k and -m have removed some
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput") and not config.getoption("pimem_port", None):
        sort_items(items)
        quiet = [item.nodeid for item in items if item.get_closest_marker(QUIET)]
        Path(config.workerinput[QUIET_FILE]).write_text(json.dumps(quiet))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """With --port the scheduler is that of the plugin for boards."""
    return None if config.getoption("pimem_port", None) else SideBySide(config, log)


def board_of(nodeid: str) -> str:
    """The board that a test is about, as the last part of its name tells; '' if there is none."""
    found = _BOARD.search(nodeid.partition("[")[2])
    return found[1] if found else ""


def unit_of(nodeid: str) -> str:
    """The name of the unit that the test belongs to: tests of a unit run on one worker."""
    return f"{nodeid.partition('::')[0]} {board_of(nodeid)}"


def seconds(item: pytest.Item) -> float:
    """What a test takes, roughly."""
    if item.get_closest_marker("long"):
        return LONG_SECONDS
    parts = item.nodeid.split("/")
    return SECONDS.get(parts[1], 0.0) if len(parts) > 1 else 0.0


def sort_items(items: list[pytest.Item]) -> None:
    """Longest units first, quiet tests last, and within a unit nothing changes."""
    total: defaultdict[str, float] = defaultdict(float)
    for item in items:
        total[unit_of(item.nodeid)] += seconds(item)
    items.sort(
        key=lambda item: (
            item.get_closest_marker(QUIET) is not None,
            -total[unit_of(item.nodeid)],
            unit_of(item.nodeid),
        )
    )


class SideBySide(LoadScopeScheduling):
    """Hands out units in the order of collection, quiet tests to one worker at the very end."""

    def __init__(self, config: pytest.Config, log: object) -> None:
        super().__init__(config, log)  # type: ignore[arg-type]
        config.option.loadscopereorder = False  # the order is that of sort_items()
        self.quiet: Container[str] = ()  # the names of these tests
        self.last: WorkerController | None = None  # the worker that gets them

    def schedule(self) -> None:
        names = self.config.stash[QUIET_NAMES]
        names.seek(0)
        self.quiet = set(json.loads(names.read() or "[]"))  # empty: no tests were collected
        super().schedule()

    def _split_scope(self, nodeid: str) -> str:
        return nodeid if nodeid in self.quiet else unit_of(nodeid)

    def _next_unit(self, node: WorkerController) -> str | None:
        """The first unit; among those of the target tests, one of the board that the worker has
        running. None if only quiet tests are left."""
        units = [unit for unit in self.workqueue if unit not in self.quiet]
        if not units or not units[0].startswith(SHARED):
            return units[0] if units else None
        shared = [unit for unit in self.assigned_work[node] if unit.startswith(SHARED)]
        board = shared[-1].split()[-1] if shared else self._free_board(units)
        same = (unit for unit in units if unit.startswith(SHARED) and unit.endswith(f" {board}"))
        return next(same, units[0])

    def _free_board(self, units: list[str]) -> str:
        """For a worker without a board: one that no other worker has running, if there is one."""
        taken = {
            unit.split()[-1]
            for work in self.assigned_work.values()
            for unit in work
            if unit.startswith(SHARED)
        }
        found = [unit.split()[-1] for unit in units if unit.startswith(SHARED)]
        return next((board for board in found if board not in taken), found[0])

    def _assign_work_unit(self, node: WorkerController) -> None:
        unit = self._next_unit(node) if self.workqueue else None
        if unit is not None:
            self.workqueue.move_to_end(unit, last=False)
            super()._assign_work_unit(node)
        elif self.workqueue and not node.shutting_down:
            self._be_quiet(node)

    def _be_quiet(self, node: WorkerController) -> None:
        """Ends a worker that has nothing left to do but quiet tests, except the first of them,
        which runs these once it is the only one."""
        if self.last not in self.assigned_work:
            self.last = node
        if node is not self.last:
            node.shutdown()
        elif len(self.assigned_work) == 1:
            while self.workqueue:
                super()._assign_work_unit(node)
            node.shutdown()

    def remove_node(self, node: WorkerController) -> str | None:
        """Takes back what a worker has not run. The test in which it died is not tried again."""
        taken = self.assigned_work.pop(node)
        left = [test for unit in taken.values() for test, done in unit.items() if not done]
        for unit, tests in taken.items():
            rest = {test: done for test, done in tests.items() if test in left[1:]}
            if rest:
                self.workqueue[unit] = rest
        for other in [self.last] if self.last in self.assigned_work else self.nodes:
            self._reschedule(other)
        return left[0] if left else None
