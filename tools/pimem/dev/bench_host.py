# SPDX-License-Identifier: MIT
"""The host part of `make bench`: the mechanism of modules/memory beside references.

tools/bench/ is compiled with the mechanism files as they are. Its contestants run in turn, so
that ratios are taken between figures of the same moment; of all repetitions the median counts.
The repetitions are spread over several processes: where the memory of one happens to lie moves a
ratio more than the repetitions within it show.
"""

from __future__ import annotations

import json
import math
import os
import shlex
import statistics
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pimem import BUILD, ROOT
from pimem.compiler import compile_to
from pimem.exits import USAGE, CommandError

SOURCE = ROOT / "tools" / "bench"
MEMORY = ROOT / "modules" / "memory"
#: The plugin of bench_unix, which is no part of the host's program.
PLUGIN = "count.c"
MECHANISM_FILES = ("frames*.c", "heap*.c", "paging*.c")
PROGRAM = BUILD / "bench" / "host_bench"
#: The mechanism is compiled as it is, and linked so that a contestant costs the harness one call,
#: whether it is one file or several with an arch seam between them.
FLAGS = ["-std=gnu11", "-O2", "-flto", "-DNDEBUG", "-Wall", "-Wextra", "-Werror"]
FLAGS += ["-Wno-missing-field-initializers"]
RUN_SECONDS = 1200
PROCESSES = 7
#: By how much the ratio of two times was seen to differ between runs minutes apart, on machines
#: with other work to do: caches are shared, and the spread inside a run does not show it.
DRIFT = 0.2

#: What was measured: workload, contestant, one figure for each repetition.
Samples = dict[str, dict[str, list[float]]]


class HostBenchError(CommandError):
    """The benchmark program cannot be built or run; the text says why."""

    code = USAGE


@dataclass(frozen=True)
class Row:
    """One line of the table: how it is computed, and what it is to reach."""

    what: str
    figures: Callable[[Samples], list[float]]
    bar: float
    stretch: float | None = None
    unit: str = "x"
    more_is_better: bool = False

    def reaches(self, value: float, limit: float) -> bool:
        return value >= limit if self.more_is_better else value <= limit


@dataclass(frozen=True)
class Result:
    """A row with its figure. `low` and `high`: between them the median of another run lies too."""

    row: Row
    value: float
    low: float
    high: float
    holds: bool = field(init=False)
    wobbles: bool = field(init=False)

    def __post_init__(self) -> None:
        """Judge the figure; a row wobbles when another run may well come to another verdict."""
        bar = self.row.bar
        object.__setattr__(self, "holds", self.row.reaches(self.value, bar))
        near = self.row.unit == "x" and abs(self.value - bar) < DRIFT / 2 * self.value
        object.__setattr__(self, "wobbles", near or self.low < bar < self.high)

    def text(self) -> str:
        row = self.row
        verdict = "holds" if self.holds else "MISSES"
        if self.wobbles:
            drift = DRIFT if row.unit == "x" else 0.0
            verdict += f" (wobbles by {max((self.high - self.low) / self.value, drift):.0%})"
        elif row.stretch is not None and row.reaches(self.value, row.stretch):
            verdict += ", stretch too"
        stretch = "" if row.stretch is None else f"{row.stretch:g}"
        spread = f"{self.low:.2f}..{self.high:.2f}"
        return (
            f"{row.what:52} {self.value:8.2f} {row.unit:3} {spread:>14} "
            f"{row.bar:7g} {stretch:>7}  {verdict}"
        )

    def data(self) -> dict[str, object]:
        return {
            "what": self.row.what,
            "unit": self.row.unit,
            "value": self.value,
            "spread": [self.low, self.high],
            "bar": self.row.bar,
            "stretch": self.row.stretch,
            "holds": self.holds,
            "wobbles": self.wobbles,
        }


def ratio(work: str, who: str, to: str, of: str = "") -> Callable[[Samples], list[float]]:
    """Figures of one contestant in those of another, repetition by repetition."""

    def figures(samples: Samples) -> list[float]:
        pairs = zip(samples[work][who], samples[of or work][to], strict=True)
        return [value / reference for value, reference in pairs]

    return figures


def plain(work: str, who: str = "ours") -> Callable[[Samples], list[float]]:
    return lambda samples: samples[work][who]


ROWS = (
    Row(
        "credibility: classic buddy to LIFO, random 50 % of 1 GiB",
        ratio("frames.random-50.1g", "buddy", "lifo"),
        2.2,
    ),
    Row(
        "credibility: glibc to size classes, heap random",
        ratio("heap.random", "glibc", "classes"),
        2.2,
    ),
    Row(
        "allocate all 1 GiB, to classic buddy",
        ratio("frames.alloc-all.1g", "ours", "buddy"),
        1.25,
        1.0,
    ),
    Row(
        "random 50 % of 1 GiB, to LIFO",
        ratio("frames.random-50.1g", "ours", "lifo"),
        2.8,
        2.3,
    ),
    Row(
        "random 50 % of 8 GiB, to classic buddy",
        ratio("frames.random-50.8g", "ours", "buddy"),
        0.5,
        0.34,
    ),
    Row("mixed orders 0-4, to classic buddy", ratio("ranges.mixed", "ours", "buddy"), 2.4, 1.8),
    Row("2 MiB ranges back after churn, of 256", plain("ranges.recovered"), 255, 256, "", True),
    Row(
        "2 MiB range, 511 of 512 blocks pinned, to a frame",
        ratio("ranges.pinned", "ours", "ours", "ranges.single"),
        4,
        1,
    ),
    Row(
        "2 MiB range refused, all pinned, to a frame",
        ratio("ranges.refused", "ours", "ours", "ranges.single"),
        4,
        1,
    ),
    Row("metadata of a frame at 1 GiB", plain("ranges.metadata.1g"), 1.35, 1.2, "bit"),
    Row("metadata of a frame at 8 GiB", plain("ranges.metadata.8g"), 1.35, 1.2, "bit"),
    Row("heap random 16..512 B, to glibc", ratio("heap.random", "ours", "glibc"), 1.45, 1.25),
    Row("heap bytes live at first failure", plain("heap.full.mixed"), 92.0, 93.5, "%", True),
    Row(
        "refused free in a block, heap of 64 MiB to 1 MiB",
        ratio("heap.refused.64m", "ours", "ours", "heap.refused.1m"),
        1.5,
        1.1,
    ),
    Row("heap faults caught, of 6", plain("heap.faults"), 6, None, "", True),
    Row("flipped bits found by check()", plain("heap.flips"), 100, None, "%", True),
    Row("map 1 GiB by pages, to the floor", ratio("paging.map", "ours", "floor"), 4, 2.5),
    Row(
        "translate a random VA, to two dependent loads",
        ratio("paging.translate", "ours", "floor"),
        2.0,
        1.5,
    ),
    Row("protect 1 GiB of pages, to the floor", ratio("paging.protect", "ours", "floor"), 6, 3),
    Row("unmap 1 GiB of pages, to the floor", ratio("paging.unmap", "ours", "floor"), 6, 3),
)


def build() -> Path:
    """Compiles the program, always: it takes seconds and is never stale."""
    PROGRAM.parent.mkdir(parents=True, exist_ok=True)
    sources = sorted(set(SOURCE.glob("*.c")) - {SOURCE / PLUGIN})
    for pattern in MECHANISM_FILES:
        sources += sorted((MEMORY / "core").rglob(pattern))
    compiler = shlex.split(os.environ.get("HOSTCC", "gcc"))
    command = [*compiler, *FLAGS, f"-I{MEMORY}", f"-I{SOURCE}", *map(str, sources)]
    said = compile_to(PROGRAM, command)
    if said:
        raise HostBenchError(f"cannot build tools/bench:\n{said}")
    return PROGRAM


def run(program: Path, seed: int, repeat: int, prefix: str = "") -> Samples:
    """Run the program in up to PROCESSES parts and collect the figures of all of them."""
    parts = min(PROCESSES, repeat)
    lines: list[str] = []
    for part in range(parts):
        lines += run_part(program, seed, repeat // parts + (part < repeat % parts), prefix)
    return collect(lines)


def run_part(program: Path, seed: int, repeat: int, prefix: str) -> list[str]:
    command = [str(program), str(seed), str(repeat), prefix]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=RUN_SECONDS
    )
    if done.returncode:
        raise HostBenchError(f"{PROGRAM.name}: status {done.returncode}: {done.stderr.strip()}")
    return done.stdout.splitlines()


def collect(lines: Iterable[str]) -> Samples:
    samples: Samples = {}
    for line in lines:
        figure = json.loads(line)
        contestants = samples.setdefault(figure["work"], {})
        contestants.setdefault(figure["who"], []).append(figure["value"])
    return samples


def judge(samples: Samples, rows: Sequence[Row] = ROWS) -> list[Result]:
    results = []
    for row in rows:
        figures = sorted(row.figures(samples))
        # The median of as many other figures lies between these nineteen times of twenty.
        edge = max(0, int((len(figures) - 2 * math.sqrt(len(figures))) / 2))
        low, high = figures[edge], figures[-1 - edge]
        results.append(Result(row, statistics.median(figures), low, high))
    return results


def table(results: Sequence[Result]) -> list[str]:
    head = f"{'':52} {'median':>8} {'':3} {'spread':>14} {'bar':>7} {'stretch':>7}"
    return [head, *(result.text() for result in results)]


def figures(samples: Samples) -> list[str]:
    """Every workload with the medians of its contestants, for orientation."""
    lines = []
    for work, contestants in samples.items():
        cells = (f"{who} {statistics.median(found):.1f}" for who, found in contestants.items())
        lines.append(f"  {work:24} {'  '.join(cells)}")
    return lines
