# SPDX-License-Identifier: MIT
"""The interpreter's part of `make bench`: MicroPython's perf_bench on a board, in instructions.

Each benchmark runs in a fresh interpreter under -icount, and only its run() is counted.
"""

from __future__ import annotations

from pathlib import Path

from pimem.board.boards import Board
from pimem.board.session import open_session
from pimem.exits import Refusal

SIZE = (100, 100)  # N, the processor's MHz, and M, its heap in KB, as perf_bench has them
SCRIPT_SECONDS = 600.0

#: Chooses the parameters as perf_bench/benchrun.py does, and prints the ticks that run() took.
RUN = """
import time as _time
_best = (0, 0)
for _size in bm_params:
    if 10 * _size[0] <= 12 * {n} and _size[1] <= {m} and _size > _best:
        _best = _size
_run, _result = bm_setup(bm_params[_best])
_start = _time.ticks_cpu()
_run()
_spent = _time.ticks_diff(_time.ticks_cpu(), _start)
_result()
print("ticks", _spent)
"""


def benchmarks(micropython: Path) -> list[Path]:
    """Return the benchmarks of a MicroPython source tree; viper_* need a native emitter."""
    folder = micropython / "tests" / "perf_bench"
    found = [*folder.glob("bm_*.py"), *folder.glob("core_*.py"), *folder.glob("misc_*.py")]
    if not found:
        raise Refusal(f"{folder} has no benchmarks")
    return sorted(found)


def script(benchmark: Path) -> str:
    n, m = SIZE
    return benchmark.read_text() + RUN.format(n=n, m=m)


def board_counts(board: Board, micropython: Path, ticks_to_instructions: float) -> dict[str, int]:
    """Count the instructions of run() of each benchmark on a board."""
    counts = {}
    with open_session(board, icount=True, silence=SCRIPT_SECONDS) as session:
        session.finish_boot()
        for benchmark in benchmarks(micropython):
            session.link.enter_raw_repl()
            printed = session.link.run(script(benchmark))
            counts[benchmark.stem] = round(int(printed.split()[-1]) * ticks_to_instructions)
            session.link.soft_reset()
    return counts
