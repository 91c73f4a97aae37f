# SPDX-License-Identifier: MIT
"""Runs MicroPython's run-tests.py, with what its tests on a board miss.

    python -m pimem.dev.upstream_tests ARGUMENTS OF run-tests.py    (in the folder of the tests)

Since 1.26 run-tests.py stops at the first test that imports unittest on a board without it. So
board_unittest.py is sent before such a test, which run-tests.py itself sends after a soft reset.

Most tests have no file with the expected output: run-tests.py asks CPython, which a busy host
delays. So CPython runs asyncio tests on the clock of steady_clock.py.
"""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

from pimem import ROOT

HELPERS = ROOT / "tests" / "micropython"
UNITTEST = HELPERS / "board_unittest.py"
STEADY_CLOCK = HELPERS / "steady_clock.py"
IMPORTS = re.compile(rb"^\s*(import|from) unittest\b", re.MULTILINE)
#: The options with which run-tests.py calls CPython.
CPYTHON_OPTIONS = "-BS"


def give_unittest(pyboard: type[Any], source: bytes) -> None:
    """Make a pyboard run `source` before each script that imports unittest."""
    plain = pyboard.exec_

    def exec_(self: Any, command: bytes, *args: Any, **kwargs: Any) -> bytes:
        if IMPORTS.search(command):
            plain(self, source)
        result: bytes = plain(self, command, *args, **kwargs)
        return result

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

    give_unittest(pyboard.Pyboard, UNITTEST.read_bytes())
    steady_cpython()
    sys.argv[0] = "run-tests.py"
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
