# SPDX-License-Identifier: MIT
"""Runs MicroPython's run-tests.py, with what its tests on a board miss.

    python -m pimem.dev.upstream_tests ARGUMENTS OF run-tests.py    (in the folder of the tests)

Since 1.26 run-tests.py stops at the first test that imports unittest on a board without it. So
board_unittest.py is sent before such a test, which run-tests.py itself sends after a soft reset.

Tests of the directories WITH_FILES open or import files that lie beside them. On the board these
are below FOLDER, where `import io` does not find them, and the current folder is that of the test.

Some tests run with littlefs 1 and then with littlefs 2. The board has 2: what is expected of 1 is
taken as it is.

Most tests have no file with the expected output: run-tests.py asks CPython, which a busy host
delays. So CPython runs asyncio tests on the clock of steady_clock.py.
"""

from __future__ import annotations

import posixpath
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pimem import ROOT

HELPERS = ROOT / "tests" / "micropython"
UNITTEST = HELPERS / "board_unittest.py"
STEADY_CLOCK = HELPERS / "steady_clock.py"
IMPORTS = re.compile(rb"^\s*(import|from) unittest\b", re.MULTILINE)
WITH_FILES = ("import", "io", "unicode")
FOLDER = "/tests"
#: The line that run-tests.py puts before a test.
START, STARTED = b"print('START TEST')", b"START TEST\r\n"
LITTLEFS_1, LITTLEFS_2 = b"test <class 'VfsLfs1'>", b"test <class 'VfsLfs2'>"
#: The options with which run-tests.py calls CPython.
CPYTHON_OPTIONS = "-BS"


def files_of(tests: Path) -> dict[str, bytes]:
    """Return the files that a board needs, by path: all but the expected output."""
    found = {}
    for name in WITH_FILES:
        for path in sorted((tests / name).rglob("*")):
            if path.is_file() and path.suffix != ".exp":
                found[f"{FOLDER}/{path.relative_to(tests).as_posix()}"] = path.read_bytes()
    return found


def both_littlefs(tests: Path) -> dict[bytes, bytes]:
    """Return the tests that run with littlefs 1 and 2, and the output expected with 1."""
    found = {}
    for path in (tests / "extmod").glob("vfs_lfs*.py.exp"):
        of_1, both, _ = path.read_bytes().partition(LITTLEFS_2)
        if both and of_1.startswith(LITTLEFS_1):
            found[path.with_suffix("").read_bytes()] = of_1
    return found


class Missing:
    """What some tests need besides the board."""

    def __init__(self, unittest: bytes, tests: Path) -> None:
        self._unittest = unittest
        self._places = {data: path for path, data in files_of(tests).items()}
        self._both_littlefs = both_littlefs(tests)

    def before(self, script: bytes) -> bytes:
        """Return the code that runs before a script, or b""."""
        path = self._places.get(plain(script), "")
        if path.endswith(".py"):
            return f"__import__('os').chdir({posixpath.dirname(path)!r})".encode()
        return self._unittest if IMPORTS.search(script) else b""

    def run(self, script: bytes, exec_: Callable[[bytes], bytes]) -> bytes:
        """Run a script, and return its output."""
        before = self.before(script)
        if before:
            exec_(before)
        of_1 = self._both_littlefs.get(plain(script))
        if of_1 is None:
            return exec_(script)
        only_2 = [line for line in script.splitlines(True) if b"vfs.VfsLfs1" not in line]
        start, started, of_2 = exec_(b"".join(only_2)).partition(STARTED)
        return start + started + of_1 + of_2


def plain(script: bytes) -> bytes:
    """Return the test of a script."""
    return script.removeprefix(START).removeprefix(b"\n")


def give_missing(pyboard: type[Any], missing: Missing) -> None:
    """Make a pyboard run tests with what they need besides the board."""
    exec_of = pyboard.exec_

    def exec_(self: Any, command: bytes, *args: Any, **kwargs: Any) -> bytes:
        def run(script: bytes) -> bytes:
            output: bytes = exec_of(self, script, *args, **kwargs)
            return output

        return missing.run(command, run)

    pyboard.exec_ = exec_


def steady(command: list[str]) -> list[str]:
    """Return a command of run-tests.py with the steady clock put before the test of CPython."""
    if command[1:2] == [CPYTHON_OPTIONS]:
        return [*command[:2], str(STEADY_CLOCK), *command[2:]]
    return command


def steady_cpython() -> None:
    """Let the run-tests.py of this process run CPython on the steady clock."""
    plain = subprocess.check_output

    def check_output(command: list[str], **kwargs: Any) -> Any:
        return plain(steady(command), **kwargs)

    subprocess.check_output = check_output  # type: ignore[assignment]


def main() -> None:
    tests = Path.cwd()
    sys.path[:0] = [str(tests), str(tests.parent / "tools")]
    import pyboard  # type: ignore[import-not-found]

    give_missing(pyboard.Pyboard, Missing(UNITTEST.read_bytes(), tests))
    steady_cpython()
    sys.argv[0] = "run-tests.py"
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
