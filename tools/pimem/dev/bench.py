# SPDX-License-Identifier: MIT
"""`make bench`: the memory mechanism beside references, and what the boards take to boot.

On the host ratios are measured (bench_host). On the boards nothing is timed: under -icount an
instruction is a nanosecond and the counter ticks at CNTFRQ, so that the machine's own counter,
read at the first prompt, tells how many instructions booting took.
"""

from __future__ import annotations

import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from pimem import BUILD
from pimem.board import boards
from pimem.board.boards import Board
from pimem.board.errors import BoardError
from pimem.board.gdb import PC, Gdb, GdbError
from pimem.board.session import launch
from pimem.dev import (
    bench_card,
    bench_gc,
    bench_host,
    bench_mpremote,
    bench_pin,
    bench_python,
    bench_target,
)
from pimem.exits import USAGE, CommandError, Failure
from pimem.setup import sources

#: The REPL asks for its first key just after it has printed its first prompt.
PROMPT_SYMBOL = "mp_hal_stdin_rx_chr"
IMAGE_SYMBOL = "__image_start"
#: Ticks in which the thread slept: nothing was executed then.
ASLEEP_SYMBOL = "asleep_ticks"
READ_COUNTER = 0xD53BE020  # mrs x0, cntpct_el0; the register is in the low five bits
READ_FREQUENCY = 0xD53BE000  # mrs x0, cntfrq_el0
REGISTER_BITS = 0x1F
INSTRUCTIONS_PER_SECOND = 10**9

# With MicroPython 1.26.1 as it was fetched (without ports/rpi-aarch64/guard) the image has 639,104
# bytes, and a fault takes 3,604 instructions until the exception is caught; the guards add 12 KiB,
# of which 4 KiB fill a page, and 36 instructions.
#: Instructions from reset to the prompt, no card in the slot; a board that is not here has the
#: bar of the Pis.
BOOT_LIMITS = {"QEMU_VIRT": 615_000, "RPI3": 610_000}
PI_BOOT_LIMIT = 580_000
IMAGE_LIMIT = 782_336
HEAP_CALL_LIMIT = 600
#: A request for up to 512 frames, found or refused; 8 GiB to 1 GiB, in per cent.
FRAMES_LIMIT = 8_000
FRAMES_SCALE_LIMIT = 150
#: Instructions of what bench_target counts. Nearly all of regions() is the collector's search for
#: free blocks (190 instructions a region are not): its bar is to be 15 million. `memory.heap` in
#: that of heap.alloc() takes 180 more or less by the numbers of names, which MicroPython's cache
#: of lookups goes by: they change with each name of the image.
COST_LIMITS = {
    bench_target.FAULT: 2_800,
    bench_target.PAGER: 4_500,
    bench_target.TIMER: 1_500,
    bench_pin.WHAT: 1_500,
    "frames.alloc and close": 1_500,
    "space.map and unmap, 16 pages": 5_000,
    "heap.alloc and close, 100 bytes": 2_750,
    "map() in a space of 5,000 regions, random order": 6_000,
    "regions() of 5,000 regions": 15_000_000,
    "check() with 5,000 regions": 6_700_000,
    "check() with 10,000 regions and owners, to 5,000, %": 210,
}
#: The allocator's maps are looked at in one go: 240,000 instructions for 2 GiB.
CHECK_GAP_LIMIT = 300_000
REPORT = BUILD / "bench.json"
#: Of perf_bench on the board to the unix port, in thousandths: the geometric mean to the port as
#: MicroPython builds it and to the tuned one, and the worst benchmark to that.
STANDARD_LIMIT, TUNED_LIMIT, WORST_LIMIT = 720, 965, 1_100
SUM_LIMIT = 92
PARTS = ("host", "boot", "target", "python")
SEED = 20251122
REPEAT = 21


class BenchError(CommandError):
    """A figure cannot be taken; the text says why."""

    code = USAGE


def symbols(elf: Path) -> dict[str, int]:
    prefix = os.environ.get("CROSS_COMPILE") or "aarch64-linux-gnu-"
    done = subprocess.run([f"{prefix}nm", str(elf)], capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise BenchError(f"{prefix}nm {elf}: {done.stderr.strip()}")
    rows = (line.split() for line in done.stdout.splitlines())
    return {row[2]: int(row[0], 16) for row in rows if len(row) == 3}


def find_instruction(image: bytes, opcode: int) -> tuple[int, int]:
    """Return where the image has `opcode` with any register: the offset, and which register."""
    for at in range(0, len(image) - 3, 4):
        word = int.from_bytes(image[at : at + 4], "little")
        if word & ~REGISTER_BITS == opcode:
            return at, word & REGISTER_BITS
    raise BenchError(f"the image has no instruction {opcode:#x}")


def read_system_register(gdb: Gdb, board: Board, base: int, opcode: int) -> int:
    """Have the stopped core execute an instruction of the image that reads the register."""
    offset, register = find_instruction(board.kernel.read_bytes(), opcode)
    before = gdb.register(PC), gdb.register(register)
    gdb.set_register(PC, base + offset)
    gdb.step()
    value = gdb.register(register)
    gdb.set_register(PC, before[0])
    gdb.set_register(register, before[1])
    return value


def boot_instructions(board: Board) -> int:
    """Count the instructions of all cores from reset to the first prompt."""
    known = symbols(board.elf)
    missing = [name for name in (PROMPT_SYMBOL, IMAGE_SYMBOL) if name not in known]
    if missing:
        raise BenchError(f"{board.elf} does not define {', '.join(missing)}")
    with stopped_at_prompt(board, known) as gdb:
        ticks = read_system_register(gdb, board, known[IMAGE_SYMBOL], READ_COUNTER)
        rate = read_system_register(gdb, board, known[IMAGE_SYMBOL], READ_FREQUENCY)
        asleep = gdb.read_u64(known[ASLEEP_SYMBOL]) if ASLEEP_SYMBOL in known else 0
    return (ticks - asleep) * INSTRUCTIONS_PER_SECOND // rate


@contextmanager
def stopped_at_prompt(board: Board, known: dict[str, int]) -> Iterator[Gdb]:
    """Boot a board to its first prompt, and stop it there."""
    with tempfile.TemporaryDirectory(prefix="pimem-bench-") as folder:
        stub = Path(folder) / "gdb"
        extra = ["-gdb", f"unix:{stub},server=on,wait=off"]
        with launch(board, icount=True, extra=extra), Gdb(stub) as gdb:
            gdb.run_to(known[PROMPT_SYMBOL])
            yield gdb


def counter_rate(board: Board, known: dict[str, int]) -> int:
    """Return CNTFRQ_EL0, ticks of the counter in a second."""
    with stopped_at_prompt(board, known) as gdb:
        return read_system_register(gdb, board, known[IMAGE_SYMBOL], READ_FREQUENCY)


class Tally:
    """The figures so far: printed at once, and kept for the report."""

    def __init__(self) -> None:
        self.report: dict[str, object] = {}
        self.counts: list[dict[str, object]] = []
        self.missed: list[str] = []

    def row(self, what: str, value: int, limit: int) -> bool:
        """Print one figure beside its bar; return whether it holds."""
        holds = value <= limit
        verdict = "holds" if holds else "MISSES"
        print(f"{what:52} {value:>12,}  (bar {limit:,}) {verdict}", flush=True)
        self.counts.append({"what": what, "value": value, "bar": limit, "holds": holds})
        if not holds:
            self.missed.append(what)
        return holds

    def figure(self, what: str, value: int) -> None:
        """Print a figure that has no bar."""
        print(f"{what:52} {value:>12,}", flush=True)
        self.counts.append({"what": what, "value": value})


def measure_host(tally: Tally, seed: int, repeat: int) -> None:
    program = bench_host.build()
    print(f"host: {repeat} repetitions, random sequences from seed {seed}", flush=True)
    samples = bench_host.run(program, seed, repeat)
    results = bench_host.judge(samples)
    print(*bench_host.table(results), "", *bench_host.figures(samples), sep="\n", flush=True)
    tally.report["seed"] = seed
    tally.report["host"] = [result.data() for result in results]
    tally.report["samples"] = samples
    tally.missed += [result.row.what for result in results if not result.holds]


def measure_boot(tally: Tally) -> None:
    images: dict[str, Path] = {}
    for name in boards.names():
        board = boards.load(name)
        images[board.image] = board.kernel
        limit = BOOT_LIMITS.get(name, PI_BOOT_LIMIT)
        tally.row(f"{name}: instructions to the first prompt", boot_instructions(board), limit)
    for name, kernel in images.items():
        data = kernel.read_bytes()
        tally.row(f"{name}: bytes of kernel8.img", len(data), IMAGE_LIMIT)
        print(f"{name}: sha256 {hashlib.sha256(data).hexdigest()}")


def measure_target(tally: Tally) -> None:
    """Measure what the mechanism costs on the default board, in instructions."""
    board = boards.load(boards.DEFAULT)
    known = symbols(board.elf)

    def clock(gdb: Gdb) -> int:
        ticks = read_system_register(gdb, board, known[IMAGE_SYMBOL], READ_COUNTER)
        return ticks * INSTRUCTIONS_PER_SECOND // rate

    rate = counter_rate(board, known)
    for name, costs in bench_target.c_costs(board, known, clock).items():
        what = f"{board.name}: {name}() in C, worst of {len(costs)} calls"
        if name.startswith("heap_"):
            tally.row(what, max(costs), HEAP_CALL_LIMIT)
        else:
            tally.figure(what, max(costs))
        tally.figure(f"{board.name}: {name}() in C, median", int(statistics.median(costs)))
    found = bench_target.python_costs(board) | bench_target.scale_costs(board)
    found |= bench_pin.costs(board, known.get(bench_pin.SYMBOL, 0))
    for what, count in found.items():
        if what in COST_LIMITS:
            tally.row(f"{board.name}: {what}", count, COST_LIMITS[what])
        else:
            tally.figure(f"{board.name}: {what}", count)
    measure_frames(tally, board)
    for what, count in bench_gc.costs(board).items():
        tally.row(f"{board.name}: {what}", count, bench_gc.LIMITS[what])
    for what, count in bench_card.costs(board).items():
        tally.row(f"{board.name}: {what}", count, bench_card.LIMITS[what])
    measure_mpremote(tally, board, known[ASLEEP_SYMBOL], rate)
    for what, count in bench_target.guarded_costs(board).items():
        unguarded, more = bench_target.UNGUARDED[what]
        tally.row(f"{board.name}: {what}", count, unguarded * (100 + more) // 100)
    gap = max(bench_target.check_gaps(board, known, clock))
    tally.row(f"{board.name}: check(), most between two looks for Ctrl-C", gap, CHECK_GAP_LIMIT)
    for what, costs in bench_target.fault_parts(board, known, clock).items():
        tally.figure(f"{board.name}: of a {what}", int(statistics.median(costs)))


def measure_mpremote(tally: Tally, board: Board, asleep: int, rate: int) -> None:
    """Measure the copy of a file with mpremote. Its seconds have no limit."""
    for what, copy in bench_mpremote.copies(board, asleep, rate).items():
        name = f"{board.name}: mpremote, a KiB {what} the board"
        tally.row(f"{name}, instructions", copy.instructions, bench_mpremote.LIMITS[what])
        tally.row(f"{name}, round trips, 1/100", copy.trips, bench_mpremote.TRIPS_LIMIT)
        before = bench_mpremote.BEFORE[what]
        tally.figure(f"{name}, to e1b8c15, per cent", copy.instructions * 100 // before)
        print(f"{name}: {copy.seconds:.1f} s for {bench_mpremote.SIZE // 1024} KiB", flush=True)


def measure_frames(tally: Tally, board: Board) -> None:
    """Measure the dearest requests for frames, by the size of memory."""
    costs = bench_target.frames_costs(board)
    worst = {}
    for gib in (1, 8):
        of_size = {what: cost for what, cost in costs.items() if what.startswith(f"{gib} GiB")}
        for what, (found, refused) in of_size.items():
            tally.figure(f"{board.name}: frames of {what}, found", found)
            tally.figure(f"{board.name}: frames of {what}, refused", refused)
        worst[gib] = max(max(cost) for cost in of_size.values())
        tally.row(f"{board.name}: dearest request for frames, {gib} GiB", worst[gib], FRAMES_LIMIT)
    ratio = worst[8] * 100 // worst[1]
    tally.row(f"{board.name}: ... of 8 GiB to 1 GiB, per cent", ratio, FRAMES_SCALE_LIMIT)


def measure_python(tally: Tally) -> None:
    """Measure the interpreter on the default board beside MicroPython's unix port."""
    board = boards.load(boards.DEFAULT)
    found = bench_python.measure(board, sources.micropython())
    print(*bench_python.table(found.benchmarks), sep="\n", flush=True)
    tally.report["perf_bench"] = [asdict(each) for each in found.benchmarks]
    name = f"{board.name}: perf_bench"
    for what, ratio, limit in (
        ("to unix standard", found.to_standard(), STANDARD_LIMIT),
        ("to unix tuned", found.to_tuned(), TUNED_LIMIT),
        ("to unix tuned, worst", found.worst_to_tuned(), WORST_LIMIT),
    ):
        tally.row(f"{name} {what}, thousandths", round(ratio * 1000), limit)
    tally.row(f"{board.name}: sum(range(10**6)), an iteration", found.iteration, SUM_LIMIT)


def measure(parts: Sequence[str], seed: int, repeat: int) -> Tally:
    """Measure some of PARTS, print every figure and write all of them to REPORT.

    BenchError where a figure cannot be taken.
    """
    tally = Tally()
    try:
        if "host" in parts:
            measure_host(tally, seed, repeat)
        if "boot" in parts:
            measure_boot(tally)
        if "target" in parts:
            measure_target(tally)
        if "python" in parts:
            measure_python(tally)
    except (BoardError, GdbError, OSError) as exc:
        raise BenchError(str(exc)) from exc
    finally:
        sys.stdout.flush()
    tally.report["boards"] = tally.counts
    REPORT.write_text(json.dumps(tally.report, indent=1) + "\n")
    print(f"all figures: {REPORT.relative_to(BUILD.parent)}")
    return tally


def check(missed: Sequence[str]) -> None:
    """Raise Failure if a row missed its bar."""
    if missed:
        raise Failure("below their bars: " + "; ".join(missed))
