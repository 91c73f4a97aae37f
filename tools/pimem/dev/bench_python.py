# SPDX-License-Identifier: MIT
"""The interpreter's part of `make bench`: MicroPython's perf_bench, in instructions of its run().

On the board each benchmark runs in a fresh interpreter under -icount; beside it the unix port of
the same source (bench_unix).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from pimem.board.boards import Board
from pimem.board.session import open_session
from pimem.dev import bench_target, bench_unix
from pimem.exits import Refusal

SIZE = (100, 100)  # N, the processor's MHz, and M, its heap in KB, as perf_bench has them
SCRIPT_SECONDS = 600.0

#: Chooses the parameters as perf_bench/benchrun.py does.
SET_UP = """
_best = (0, 0)
for _size in bm_params:
    if 10 * _size[0] <= 12 * {n} and _size[1] <= {m} and _size > _best:
        _best = _size
_run, _ = bm_setup(bm_params[_best])
"""
RUN = "_run()\n"
RUN_TIMED = """
import time as _time
_start = _time.ticks_cpu()
_run()
print("ticks", _time.ticks_diff(_time.ticks_cpu(), _start))
"""

ITERATIONS = 10**6
SUM = f"""
import time
t = time.ticks_cpu()
sum(range({ITERATIONS}))
print(time.ticks_diff(time.ticks_cpu(), t))
"""


@dataclass(frozen=True)
class Benchmark:
    """Instructions of a benchmark's run() on the board and in both unix ports."""

    name: str
    board: int
    standard: int
    tuned: int


def benchmarks(micropython: Path) -> list[Path]:
    """Return the benchmarks of a MicroPython source tree; viper_* need a native emitter."""
    folder = micropython / "tests" / "perf_bench"
    found = [path for kind in ("bm", "core", "misc") for path in folder.glob(f"{kind}_*.py")]
    if not found:
        raise Refusal(f"{folder} has no benchmarks")
    return sorted(found)


def script(benchmark: Path, ending: str) -> str:
    n, m = SIZE
    return f"{benchmark.read_text()}{SET_UP.format(n=n, m=m)}{ending}"


@dataclass(frozen=True)
class BoardCounts:
    """Instructions of each benchmark's run(), and of an iteration of sum(range(10**6))."""

    benchmarks: dict[str, int]
    iteration: int


def board_counts(board: Board, micropython: Path) -> BoardCounts:
    with open_session(board, icount=True, silence=SCRIPT_SECONDS) as session:
        session.finish_boot()
        link = session.link
        link.enter_raw_repl()
        rate = float(link.run(f"{bench_target.RATE}print(rate)"))

        def fresh(source: str) -> int:
            """What a script that prints ticks at its end took, in instructions."""
            link.soft_reset()
            link.enter_raw_repl()
            return round(int(link.run(source).split()[-1]) / rate * 1000)

        paths = benchmarks(micropython)
        counts = {path.stem: fresh(script(path, RUN_TIMED)) for path in paths}
        return BoardCounts(counts, fresh(SUM) // ITERATIONS)


@dataclass(frozen=True)
class Results:
    benchmarks: list[Benchmark]
    iteration: int  # instructions of one of sum(range(10**6))

    def to_standard(self) -> float:
        return geometric_mean([each.board / each.standard for each in self.benchmarks])

    def to_tuned(self) -> float:
        return geometric_mean([each.board / each.tuned for each in self.benchmarks])

    def worst_to_tuned(self) -> float:
        return max(each.board / each.tuned for each in self.benchmarks)


def measure(board: Board, micropython: Path) -> Results:
    """Count everything. bench_unix.UnixError where the unix ports cannot be made or run."""
    bench_unix.install()
    pairs = {path.stem: (script(path, ""), script(path, RUN)) for path in benchmarks(micropython)}
    standard = bench_unix.counts(bench_unix.STANDARD, micropython, pairs)
    tuned = bench_unix.counts(bench_unix.TUNED, micropython, pairs)
    ours = board_counts(board, micropython)
    found = [Benchmark(name, ours.benchmarks[name], standard[name], tuned[name]) for name in pairs]
    return Results(found, ours.iteration)


def geometric_mean(ratios: list[float]) -> float:
    return math.exp(sum(map(math.log, ratios)) / len(ratios))


def table(found: list[Benchmark]) -> list[str]:
    """Return the lines of a table: instructions, and the ratios to both unix ports."""
    head = f"{'':24}{'instructions':>14}{'to standard':>13}{'to tuned':>10}"
    return [head] + [
        f"{each.name:24}{each.board:>14,}{each.board / each.standard:>13.3f}"
        f"{each.board / each.tuned:>10.3f}"
        for each in found
    ]
