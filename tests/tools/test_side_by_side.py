# SPDX-License-Identifier: MIT
"""How tests are shared out among workers: quiet ones alone at the end, every one exactly once."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import side_by_side
from limits import HANG_SECONDS

from pimem import ROOT

CONFTEST = """
import os, time
import pytest
pytest_plugins = ["side_by_side"]

@pytest.fixture(autouse=True)
def log(request):
    def note(what):
        with open(os.environ["LOG"], "a") as f:
            f.write(f"{what} {request.node.name} {os.getpid()}\\n")
    note("begin")
    yield
    note("end")
"""
TESTS = """
import os, pytest

@pytest.mark.parametrize("board", ["RPI3", "RPI4", "QEMU_VIRT"])
@pytest.mark.parametrize("n", range(5))
def test_usual(board, n):
    pass

@pytest.mark.quiet("a reason")
@pytest.mark.parametrize("n", range(3))
def test_quiet(n):
    pass

def test_fails():
    assert not os.environ.get("FAIL"), "as it should"

@pytest.mark.quiet("a reason")
def test_preload():
    assert "LD_PRELOAD" not in os.environ
    assert ("PRELOADED" in os.environ) == ("/libasan." in open("/proc/self/maps").read())

def test_dies():
    if os.environ.get("DIE"):
        os._exit(9)
"""
#: Hypothesis takes longer to start than most of these runs.
PLUGINS = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")
COUNT = 15 + 3 + 1 + 1 + 1


class Run:
    """pytest with workers in a folder of its own; every test writes its begin and end to a log."""

    def __init__(self, folder: Path, *options: str, **env: str) -> None:
        (folder / "conftest.py").write_text(CONFTEST)
        (folder / "test_some.py").write_text(TESTS)
        (folder / "pytest.ini").write_text("[pytest]\n")
        self.log = folder / "log"
        paths = f"{ROOT / 'tests'}:{ROOT / 'tools'}"
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *PLUGINS, *options],
            cwd=folder,
            env=os.environ | {"LOG": str(self.log), "PYTHONPATH": paths} | env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=HANG_SECONDS,
        )
        self.code = done.returncode
        self.said = done.stdout + done.stderr

    def events(self) -> list[tuple[str, str, str]]:
        lines = self.log.read_text().splitlines()
        return [(line.split()[0], line.split()[1], line.split()[2]) for line in lines]


def check_order(run: Run, count: int) -> None:
    """Each test once; a quiet one begins when all others have ended, on one worker."""
    events = run.events()
    ended = [name for what, name, _ in events if what == "end"]
    assert len(ended) == len(set(ended)) == count
    first = next(i for i, (_, name, _) in enumerate(events) if name.startswith("test_quiet"))
    assert all("quiet" in name or "preload" in name for _, name, _ in events[first + 1 :])
    assert len({process for _, _, process in events[first:]}) == 1


@pytest.mark.parametrize("workers", ["1", "2", "3"])
def test_quiet_tests_run_alone_at_the_end(workers: str, tmp_path: Path) -> None:
    run = Run(tmp_path, "-n", workers)
    assert run.code == 0, run.said
    assert re.search(rf"^=+ {COUNT} passed in ", run.said, re.MULTILINE), run.said
    check_order(run, COUNT)


def test_one_summary_and_one_exit_code(tmp_path: Path) -> None:
    run = Run(tmp_path, "-n", "2", FAIL="1")
    assert run.code == 1
    assert re.search(rf"^=+ 1 failed, {COUNT - 1} passed in ", run.said, re.MULTILINE), run.said
    check_order(run, COUNT)


def test_quiet_tests_alone_can_be_chosen(tmp_path: Path) -> None:
    run = Run(tmp_path, "-n", "3", "-m", "quiet")
    assert run.code == 0, run.said
    check_order(run, 4)


def test_a_worker_that_dies_is_replaced(tmp_path: Path) -> None:
    run = Run(tmp_path, "-n", "2", DIE="1")
    assert run.code == 1 and "crashed" in run.said
    assert re.search(rf"^=+ 1 failed, {COUNT - 1} passed in ", run.said, re.MULTILINE), run.said
    check_order(run, COUNT - 1)


def test_workers_get_the_sanitiser_and_what_they_start_does_not(tmp_path: Path) -> None:
    gcc = ["gcc", "-print-file-name=libasan.so"]
    library = subprocess.run(gcc, capture_output=True, text=True, check=True).stdout.strip()
    env = {"LD_PRELOAD": library, "ASAN_OPTIONS": "detect_leaks=0", "PRELOADED": "1"}
    run = Run(tmp_path, "-n", "2", "-k", "preload", **env)
    assert run.code == 0, run.said


@pytest.mark.parametrize("option", ["-n2", "-n0"])
def test_where_it_is_required_host_tests_fail_without_the_sanitiser(option: str) -> None:
    command = [sys.executable, "-m", "pytest", "tests/host/test_pool.py", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, option],
        cwd=ROOT,
        env=os.environ | {"PIMEM_REQUIRE_ASAN": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
    )
    assert done.returncode == 1
    assert "PIMEM_REQUIRE_ASAN is set, but libasan.so was not preloaded" in done.stdout
    assert "passed" not in done.stdout


def test_a_unit_is_a_file_on_a_board() -> None:
    unit = side_by_side.unit_of
    assert unit("tests/target/test_a.py::test_b[RPI4-x]") == "tests/target/test_a.py RPI4"
    assert (
        unit("tests/target/test_a.py::test_b[x-QEMU_VIRT]") == "tests/target/test_a.py QEMU_VIRT"
    )
    assert unit("tests/host/test_a.py::test_RPI4") == "tests/host/test_a.py "


def test_a_path_that_is_missing_is_named(tmp_path: Path) -> None:
    run = Run(tmp_path, "-n", "2", "test_nothing.py::test_some")
    assert run.code == 4
    assert "file or directory not found: test_nothing.py::test_some" in run.said


def test_no_tests_left_is_no_error_of_the_plugin(tmp_path: Path) -> None:
    run = Run(tmp_path, "-n", "2", "-k", "nothing")
    assert run.code == 5 and "INTERNALERROR" not in run.said
