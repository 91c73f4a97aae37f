# SPDX-License-Identifier: MIT
"""MicroPython's own test suite on a board: its run-tests.py over the serial line.

One emulated machine serves the whole run, under -icount, so that results do not depend on how
busy the host is. Known failures are in tests/micropython/skip.txt, a reason each. What tests open
and import is copied to the board: to its card, or to the RAM disk.
"""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pimem import BUILD, ROOT
from pimem.board.boards import Board
from pimem.board.line import CRASH_MARK
from pimem.board.link import Link
from pimem.board.qemu import Qemu
from pimem.board.session import attach, launch
from pimem.board.text import to_text
from pimem.dev.upstream_tests import WITH_FILES, files_of
from pimem.exits import CRASHED, FAILED, OK, USAGE, CommandError, complain

SKIP_FILE = ROOT / "tests" / "micropython" / "skip.txt"
DIRS = (
    "basics",
    "float",
    "micropython",
    "extmod",
    "extmod_hardware",
    "stress",
    "misc",
    *WITH_FILES,
)
RUN_SECONDS = 1500
SILENCE_SECONDS = 120  # without a verdict; the slowest test takes a tenth of it
POLL_SECONDS = 1
#: In the boot report of a board whose card has a partition for files.
ROOT_ON_CARD = "/: partition 2 of the SD card"
COPY_BYTES = 8192  # of files in a script that writes them
HEAP_LIMIT = 4 << 20  # bytes of Python's heap
#: A board that is gone fails every test that is left: stop before.
MOST_FAILURES_IN_A_ROW = 10
VERDICT = re.compile(r"^(pass|skip|FAIL)\s+(\S+)")


class SuiteError(CommandError):
    """The suite cannot be run as asked; the text says why."""

    code = USAGE


def read_skips(path: Path, tests: Path) -> dict[str, str]:
    """Read the skip list: test -> reason. Each test must exist, and have one line and a reason."""
    skips: dict[str, str] = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        test, _, reason = line.partition(" ")
        if not reason.strip():
            raise SuiteError(f"{path.name}:{number}: {test} has no reason")
        if test in skips or not (tests / test).is_file():
            problem = "twice" if test in skips else "not a test of this MicroPython"
            raise SuiteError(f"{path.name}:{number}: {test}: {problem}")
        skips[test] = reason.strip()
    return skips


@dataclass(frozen=True)
class Selection:
    """The tests to run: those of some directories whose path matches `only`, or only those on the
    skip list."""

    dirs: Sequence[str] = DIRS
    only: str = ""
    check_skips: bool = False


def choose(skips: dict[str, str], selection: Selection, tests: Path) -> list[list[str]]:
    """Return the arguments that choose the tests, for each run of run-tests.py.

    A skipped test may end the whole run, so each is checked in a run of its own.
    """
    for name in selection.dirs:
        if not (tests / name).is_dir():
            raise SuiteError(f"no directory {name} in {tests}")
    listed = [test for test in skips if test.split("/")[0] in selection.dirs]
    if selection.check_skips:
        return [[test] for test in listed]
    chosen = [f"--include={selection.only}"] if selection.only else []
    chosen += [f"--exclude=^{re.escape(test)}$" for test in listed]
    return [[*chosen, "--test-dirs", *selection.dirs]]


class Suite:
    """Runs of run-tests.py against one machine, and their results."""

    def __init__(self, tests: Path, results: Path, log: Path) -> None:
        self.tests = tests
        self.results = results
        self.log = log
        self.verdicts: dict[str, str] = {}
        self.problem = ""
        self._in_a_row = 0

    def run(self, pty: str, chosen: list[str]) -> None:
        self.problem = ""
        command = [sys.executable, "-m", "pimem.dev.upstream_tests"]
        command += ["--test-instance", f"port:{pty}"]
        command += ["--result-dir", str(self.results), *chosen]
        env = dict(os.environ, MICROPY_CPYTHON3=sys.executable, PYTHONUNBUFFERED="1")
        with subprocess.Popen(
            command,
            cwd=self.tests,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as child:
            try:
                self._follow(child)
            finally:
                child.kill()
        explained = child.returncode == 0 or self.of("FAIL")
        if not self.problem and not explained:
            self.problem = f"run-tests.py gave up with status {child.returncode}"

    def _follow(self, child: subprocess.Popen[bytes]) -> None:
        """Follow run-tests.py, which waits for a dead board without limit, until it ends or there
        is a problem."""
        assert child.stdout is not None
        end = time.monotonic() + RUN_SECONDS
        heard = time.monotonic()
        rest = b""
        while not self.problem:
            if select.select([child.stdout], [], [], POLL_SECONDS)[0]:
                data = os.read(child.stdout.fileno(), 65536)
                if not data:
                    child.wait(10)
                    return
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self._note(to_text(line))
                heard = time.monotonic()
            self._look_for_trouble(time.monotonic() - heard, time.monotonic() > end)

    def _note(self, line: str) -> None:
        print(line, flush=True)
        found = VERDICT.match(line)
        if found and not self.problem:
            verdict, test = found.groups()
            self.verdicts[test] = verdict
            self._in_a_row = self._in_a_row + 1 if verdict == "FAIL" else 0
            if self._in_a_row == MOST_FAILURES_IN_A_ROW:
                self.problem = f"{self._in_a_row} failures in a row: the board is gone"

    def _look_for_trouble(self, silence: float, too_late: bool) -> None:
        last = next(reversed(self.verdicts), "the start")
        if self.crash_report():
            self.problem = f"the board crashed after {last}"
        elif silence > SILENCE_SECONDS:
            self.problem = f"no result for {silence:.0f} s after {last}"
        elif too_late:
            self.problem = f"not done after {RUN_SECONDS} s"

    def crash_report(self) -> str:
        """Return what the board printed when it crashed, '' if it did not."""
        printed = self.log.read_bytes()
        at = printed.find(b"\n" + CRASH_MARK)
        return to_text(printed[max(0, at - 4000) :]) if at >= 0 else ""

    def failures(self) -> Iterator[str]:
        """Yield for each failed test its name, and how its output differs from the expected."""
        for test in self.of("FAIL"):
            stem = self.results / test.replace("/", "_")
            diff = ["diff", "-u", f"{stem}.exp", f"{stem}.out"]
            done = subprocess.run(diff, capture_output=True, text=True, errors="replace")
            yield f"--- {test}\n{done.stdout[:2000]}"

    def of(self, verdict: str) -> list[str]:
        return [test for test, got in self.verdicts.items() if got == verdict]


#: Writes a file on the board, and creates the directories above it.
PUT = """
import os
def put(path, data):
    for at in range(1, len(path)):
        if path[at] == "/":
            try:
                os.mkdir(path[:at])
            except OSError as e:
                if e.errno != 17:
                    raise
    with open(path, "wb") as file:
        file.write(data)
"""


def copy_files(link: Link, files: Mapping[str, bytes]) -> None:
    """Write files on a board that is in its raw REPL."""
    script, size = PUT, 0
    for path, data in files.items():
        script += f"put({path!r}, {data!r})\n"
        size += len(data)
        if size > COPY_BYTES:
            link.run(script)
            script, size = "", 0
    link.run(script)


def boot(machine: Qemu, files: Mapping[str, bytes], card: bool) -> None:
    """Let the machine boot, and leave it at its prompt, its line free for run-tests.py.

    Some tests fill the heap to see a MemoryError, and a GiB takes minutes to fill: the heap gets
    the size of a larger microcontroller's.
    """
    session = attach(machine)
    with session.link as link:
        report = session.finish_boot()
        if card and ROOT_ON_CARD not in report:
            raise SuiteError("the card has no partition 2 with a filesystem: `pimem image --data`")
        link.enter_raw_repl()
        copy_files(link, files)
        link.run(f"import memory\nmemory.gc_limit({HEAP_LIMIT})")
        link.leave_raw_repl()


def run_suite(
    board: Board, source: Path, selection: Selection, card: Path | None = None
) -> tuple[Suite, dict[str, str]]:
    """Run tests of MicroPython's `source` on an emulated board, with `card` in its slot; also
    return the skip list."""
    tests = source.resolve() / "tests"
    if not (tests / "run-tests.py").is_file():
        raise SuiteError(f"--source {source} is no source of MicroPython: no tests/run-tests.py")
    try:
        skips = read_skips(SKIP_FILE, tests)
        chosen = choose(skips, selection, tests)
        results = BUILD / "conformance" / (f"{board.name}-{card.stem}" if card else board.name)
        results.mkdir(parents=True, exist_ok=True)
        log = results / "serial.log"
        log.unlink(missing_ok=True)
        suite = Suite(tests, results, log)
        with launch(board, card=card, icount=True, log=log) as machine:
            boot(machine, files_of(tests), card is not None)
            for arguments in chosen:
                suite.run(machine.pty, arguments)
    except OSError as exc:
        raise SuiteError(str(exc)) from exc
    return suite, skips


def summary(suite: Suite, skips: dict[str, str]) -> str:
    count = Counter(suite.verdicts.values())
    parts = [f"{count['pass']} passed", f"{count['FAIL']} failed"]
    parts.append(f"{count['skip']} skipped by the tests themselves")
    return f"{', '.join(parts)}; {len(skips)} on the skip list"


def save_counts(suite: Suite, skips: dict[str, str], board: str) -> None:
    """Keep how many tests passed, for the README's status table (pimem.dev.status)."""
    counts = Counter(suite.verdicts.values())
    result = {
        "passed": counts["pass"],
        "failed": counts["FAIL"],
        "skipped": counts["skip"],
        "listed": len(skips),
    }
    path = BUILD / "test" / f"suite-{board}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result) + "\n", encoding="utf-8")


def judge(suite: Suite, skips: dict[str, str], check_skips: bool) -> int:
    """Print the results; return the exit code."""
    print(summary(suite, skips))
    if check_skips:
        for test in suite.of("pass"):
            print(f"passes now, take it off the skip list: {test}")
        return FAILED if suite.of("pass") else OK
    if suite.crash_report():
        print(suite.crash_report(), file=sys.stderr)
    if suite.problem:
        complain(suite.problem)
        return CRASHED if suite.crash_report() else FAILED
    for text in suite.failures():
        print(text)
    if not suite.of("pass"):
        complain("no test passed")
    return OK if suite.of("pass") and not suite.of("FAIL") else FAILED
