# SPDX-License-Identifier: MIT
"""Runs MicroPython's run-tests.py, and gives tests on a board the module unittest.

    python -m pimem.dev.upstream_tests ARGUMENTS OF run-tests.py    (in the folder of the tests)

Since 1.26 run-tests.py stops at the first test that imports unittest on a board without it. So
board_unittest.py is sent before such a test, which run-tests.py itself sends after a soft reset.
"""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path
from typing import Any

from pimem import ROOT

UNITTEST = ROOT / "tests" / "micropython" / "board_unittest.py"
IMPORTS = re.compile(rb"^\s*(import|from) unittest\b", re.MULTILINE)


def give_unittest(pyboard: type[Any], source: bytes) -> None:
    """Make a pyboard run `source` before each script that imports unittest."""
    plain = pyboard.exec_

    def exec_(self: Any, command: bytes, *args: Any, **kwargs: Any) -> bytes:
        if IMPORTS.search(command):
            plain(self, source)
        result: bytes = plain(self, command, *args, **kwargs)
        return result

    pyboard.exec_ = exec_


def main() -> None:
    tests = Path.cwd()
    sys.path[:0] = [str(tests), str(tests.parent / "tools")]
    import pyboard  # type: ignore[import-not-found]

    give_unittest(pyboard.Pyboard, UNITTEST.read_bytes())
    sys.argv[0] = "run-tests.py"
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
