# SPDX-License-Identifier: MIT
"""The runner of MicroPython's suite, on made-up suites."""

from __future__ import annotations

from pathlib import Path

import pytest

from pimem import BUILD
from pimem.board import boards
from pimem.dev import conformance
from pimem.dev.conformance import (
    FAILED,
    OK,
    Selection,
    Suite,
    SuiteError,
    choose,
    judge,
    read_skips,
)
from pimem.dev.upstream_tests import files_of

#: Says what it would run.
PYBOARD = """\
class Pyboard:
    def exec_(self, command, timeout=10):
        print("pass", command.split()[0].decode(), len(command) > 99)
        return b"result"
"""


@pytest.fixture
def tests(tmp_path: Path) -> Path:
    """A tests folder of MicroPython with two directories."""
    for name in ("basics/one.py", "basics/two.py", "float/pi.py"):
        path = tmp_path / "tests" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "pyboard.py").write_text(PYBOARD)
    return tmp_path / "tests"


def suite_of(tests: Path, script: str) -> Suite:
    """Runs a made-up run-tests.py to its end."""
    (tests / "run-tests.py").write_text(script)
    results = tests.parent / "results"
    results.mkdir()
    (results / "serial.log").write_text("MicroPython v0\r\n")
    suite = Suite(tests, results, results / "serial.log")
    suite.run("/dev/null", [])
    return suite


def skip_file(tests: Path, text: str) -> Path:
    path = tests.parent / "skip.txt"
    path.write_text(text)
    return path


def test_a_skip_list_gives_a_reason_for_each_test(tests: Path) -> None:
    path = skip_file(tests, "# a comment\n\nfloat/pi.py  is not 4\n")
    assert read_skips(path, tests) == {"float/pi.py": "is not 4"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("float/pi.py\n", "skip.txt:1: float/pi.py has no reason"),
        ("# x\nfloat/e.py gone\n", "skip.txt:2: float/e.py: not a test"),
        ("float/pi.py a\nfloat/pi.py b\n", "skip.txt:2: float/pi.py: twice"),
    ],
)
def test_a_bad_line_of_the_skip_list_is_named(tests: Path, text: str, message: str) -> None:
    with pytest.raises(SuiteError, match=message):
        read_skips(skip_file(tests, text), tests)


def test_the_projects_own_skip_list_is_sound() -> None:
    source = BUILD / "deps" / "micropython" / "tests"
    if not source.is_dir():
        pytest.skip("MicroPython's source is not in build/deps: MICROPYTHON_DIR is in use")
    assert read_skips(conformance.SKIP_FILE, source)


def test_skipped_tests_are_excluded_exactly_and_checked_one_by_one(tests: Path) -> None:
    skips = {"basics/one.py": "why", "float/pi.py": "why"}
    (chosen,) = choose(skips, Selection(["basics"]), tests)
    assert chosen == [r"--exclude=^basics/one\.py$", "--test-dirs", "basics"]
    (chosen,) = choose(skips, Selection(["basics"], "two"), tests)
    assert chosen[:2] == ["--include=two", r"--exclude=^basics/one\.py$"]
    chosen_to_check = choose(skips, Selection(["basics", "float"], check_skips=True), tests)
    assert chosen_to_check == [["basics/one.py"], ["float/pi.py"]]


def test_an_unknown_directory_is_named(tests: Path) -> None:
    with pytest.raises(SuiteError, match="no directory bascis"):
        choose({}, Selection(["bascis"]), tests)


def test_a_test_that_imports_unittest_gets_it(tests: Path) -> None:
    script = """\
import pyboard
board = pyboard.Pyboard()
assert board.exec_(b"plain = 1", timeout=3) == b"result"
assert board.exec_(b"first\\nimport unittest\\n", timeout=3) == b"result"
"""
    suite = suite_of(tests, script)
    assert suite.problem == ""
    assert list(suite.verdicts) == ["plain", "#", "first"]  # the module begins with a comment


def test_a_test_with_files_runs_in_their_folder(
    tests: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tests / "io" / "data").mkdir(parents=True)
    (tests / "io" / "data" / "plain").write_text("opened")
    (tests / "io" / "opens.py").write_text("opens = 1\n")
    assert files_of(tests) == {
        "/tests/io/data/plain": b"opened",
        "/tests/io/opens.py": b"opens = 1\n",
    }
    script = """\
import pyboard
board = pyboard.Pyboard()
for name in (b"opens", b"other"):
    board.exec_(b"print('START TEST')\\n" + name + b" = 1\\n")
board.exec_(b"print('START TEST')# opens = 1\\n")
"""
    assert suite_of(tests, script).problem == ""
    said = [line.split()[1] for line in capfd.readouterr().out.splitlines()]
    assert said == ["__import__('os').chdir('/tests/io')", *["print('START"] * 3]


def test_of_littlefs_1_the_expected_output_is_taken(
    tests: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tests / "extmod" / "vfs_lfs.py"
    path.parent.mkdir()
    path.write_text("vfs.VfsLfs1\nvfs.VfsLfs2\ntest(vfs.VfsLfs1)\ntest(vfs.VfsLfs2)\n")
    path.with_suffix(".py.exp").write_text("test <class 'VfsLfs1'>\none\ntest <class 'VfsLfs2'>\n")
    (tests.parent / "tools" / "pyboard.py").write_text(
        """
class Pyboard:
    def exec_(self, command, timeout=10):
        assert command.count(b"vfs.VfsLfs2") == 2 and b"VfsLfs1" not in command
        return b"START TEST\\r\\nof 2\\n"
"""
    )
    script = """\
import pyboard
test = open("extmod/vfs_lfs.py", "rb").read()
said = pyboard.Pyboard().exec_(b"print('START TEST')\\n" + test)
assert said == b"START TEST\\r\\ntest <class 'VfsLfs1'>\\none\\nof 2\\n", said
"""
    assert suite_of(tests, script).problem == ""


#: Prints in another order when the host stalls, which the select() stands for.
TASKS = """\
import asyncio, select

async def work():
    while True:
        print("work")
        await asyncio.sleep(0.01)

async def busy():
    while True:
        await asyncio.sleep(-1)

async def main():
    tasks = [asyncio.create_task(work()), asyncio.create_task(busy())]
    await asyncio.sleep(0.005)
    select.select([], [], [], 0.1)
    await asyncio.sleep(0.04)
    for task in tasks:
        task.cancel()
    print("finish")

asyncio.run(main())
"""


def test_a_host_that_stalls_does_not_change_what_is_expected(
    tests: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tests / "tasks.py").write_text(TASKS)
    (tests / "plain.py").write_text("import sys\nprint(__name__, sys.argv, sys.path[0])\n")
    script = """\
import subprocess, sys
for name in ("tasks.py", "plain.py"):
    print(subprocess.check_output([sys.executable, "-BS", name], text=True))
print(subprocess.check_output(["echo", "other", "-BS"], text=True))
"""
    assert suite_of(tests, script).problem == ""
    tasks, plain, other, *_ = capfd.readouterr().out.split("\n\n")
    assert tasks.split() == [*["work"] * 5, "finish"]
    assert plain == f"__main__ ['plain.py'] {tests}"
    assert other == "other -BS"


def test_a_suite_that_passes_is_good(tests: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suite = suite_of(tests, "print('pass  basics/one.py ')\nprint('skip  basics/two.py')")
    assert judge(suite, {}, False) == OK
    assert "1 passed, 0 failed, 1 skipped by the tests themselves" in capsys.readouterr().out


@pytest.mark.parametrize(
    "script",
    [
        "print('pass  basics/one.py ')\nprint('FAIL  basics/two.py ')\nraise SystemExit(1)",
        "print('skip  basics/one.py')",
        "print('pass  basics/one.py ')\nraise SystemExit(1)",
        "raise SystemExit('no board')",
    ],
    ids=["a failure", "nothing passed", "gave up half-way", "gave up at once"],
)
def test_a_suite_that_does_not_wholly_pass_fails(tests: Path, script: str) -> None:
    assert judge(suite_of(tests, script), {}, False) == FAILED


def test_a_board_that_is_gone_ends_the_run(tests: Path) -> None:
    script = "import time\nfor n in range(10**6):\n  print(f'FAIL  basics/{n}.py ')"
    suite = suite_of(tests, script)
    assert len(suite.of("FAIL")) == conformance.MOST_FAILURES_IN_A_ROW
    assert "in a row" in suite.problem


def test_a_crash_ends_the_run_and_shows_the_report(
    tests: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = """if True:
        import time
        with open("../results/serial.log", "a") as log:
            log.write('*** crash: x\\r\\nCRASH {"far": "0x1"}\\r\\n')
        print("FAIL  basics/one.py ", flush=True)
        time.sleep(60)  # as run-tests.py waits for a board that is gone
    """
    suite = suite_of(tests, script)
    assert suite.problem.startswith("the board crashed after")
    assert judge(suite, {}, False) == conformance.CRASHED
    assert 'CRASH {"far": "0x1"}' in capsys.readouterr().err


def test_a_run_that_does_not_end_is_ended(tests: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conformance, "RUN_SECONDS", 1)
    suite = suite_of(tests, "import time\ntime.sleep(60)")
    assert suite.problem == "not done after 1 s"


def test_a_board_that_falls_silent_is_noticed(
    tests: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = Suite._note

    def note_and_lose_patience(self: Suite, line: str) -> None:
        note(self, line)
        monkeypatch.setattr(conformance, "SILENCE_SECONDS", 1)

    monkeypatch.setattr(Suite, "_note", note_and_lose_patience)
    script = "import time\nprint('pass  basics/one.py ', flush=True)\ntime.sleep(60)"
    suite = suite_of(tests, script)
    assert "after basics/one.py" in suite.problem
    assert judge(suite, {}, False) == FAILED


def test_a_skipped_test_that_passes_now_fails_the_check(tests: Path) -> None:
    passing = suite_of(tests, "print('pass  basics/one.py ')")
    assert judge(passing, {"basics/one.py": "why"}, True) == FAILED


def test_skipped_tests_that_still_fail_are_as_they_should_be(tests: Path) -> None:
    failing = suite_of(tests, "print('FAIL  basics/one.py ')\nraise SystemExit(1)")
    assert judge(failing, {"basics/one.py": "why"}, True) == OK


def test_a_folder_without_micropython_is_named(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=f"--source {tmp_path} is no source of MicroPython"):
        conformance.run_suite(boards.load("RPI4"), tmp_path, Selection())
