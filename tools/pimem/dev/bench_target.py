# SPDX-License-Identifier: MIT
"""The target part of `make bench`: guest instructions, counted under -icount.

What Python costs is counted by a script on the board; what a C function costs, from its entry to
its return, through QEMU's gdbstub while such a script runs. The counter steps by 16 instructions.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from pimem.board.boards import Board
from pimem.board.gdb import Gdb
from pimem.board.link import Link
from pimem.board.session import open_session

LINK_REGISTER = 30
SCRIPT_SECONDS = 300.0
SAMPLES = 1000  # calls of heap functions: the worst are rare; others do not vary as much
FEW_SAMPLES = 40
FAULT = "fault to exception caught in Python"
PAGER = "demand-zero page through a Python pager"
TIMER = "timer interrupt and its scheduled callback"

#: Reads the counter of the stopped machine, in nanoseconds, which are instructions.
Clock = Callable[[Gdb], int]

#: Sets `rate`, the ticks of the counter in a microsecond, which is 1,000 instructions.
RATE = """
import time
_ticks, _us = time.ticks_cpu(), time.ticks_us()
time.sleep_ms(20)
rate = time.ticks_diff(time.ticks_cpu(), _ticks) / time.ticks_diff(time.ticks_us(), _us)
"""

PYTHON_COSTS = (
    """
import gc, json, machine, memory, time

def cost(call, times=200):
    def empty():
        pass
    spent = []
    for f in (empty, call):
        f()
        t = time.ticks_cpu()
        for _ in range(times):
            f()
        spent.append(time.ticks_diff(time.ticks_cpu(), t))
    return round((spent[1] - spent[0]) / times / rate * 1000)

found = {}
found["frames.alloc and close"] = cost(lambda: memory.frames.alloc(zero=False).close())
space = memory.AddressSpace()
frames = memory.frames.alloc(16)
VA = 0x40000000

def map_unmap():
    space.map(VA, frames)
    space.unmap(VA, frames.size)

found["space.map and unmap, 16 pages"] = cost(map_unmap)
space.map(VA, frames)
found["space.translate"] = cost(lambda: space.translate(VA + 0x1234))
found["heap.alloc and close, 100 bytes"] = cost(lambda: memory.heap.alloc(100).close())
space.unmap(VA, frames.size)

def run(calls):
    # The same program, with so many more system calls in a row.
    memoryview(frames)[:4 * calls + 4] = b"\\x21\\x00\\x00\\xd4" * calls + b"\\x01\\x00\\x00\\xd4"
    space.map(VA, frames, prot="rxu")
    spent = cost(lambda: memory.user.run(VA, space, handler=answer), times=20)
    space.unmap(VA, frames.size)
    return spent

def answer(number, registers):
    return memory.user.EXIT if number == 0 else number

found["user.run, to its first system call"] = run(0)
found["user.run, one more system call"] = round((run(100) - run(0)) / 100)
space.close()
frames.close()

def loop():
    for _ in range(200000):
        pass

def ticks(call):
    t = time.ticks_cpu()
    call()
    return time.ticks_diff(time.ticks_cpu(), t)

loop()
alone = ticks(loop)
timer = machine.Timer(freq=5000, callback=id)
loaded = ticks(loop)
timer.deinit()
found["TIMER"] = round((loaded - alone) * 200000 / loaded)
mem8 = machine.mem8

def fault():
    try:
        mem8[0]
    except memory.Fault:
        pass

found["FAULT"] = cost(fault, 2000)

lazy = memory.AddressSpace()
memory.pagers.zeros(lazy, VA, 1 << 30)

def touch():
    global at
    at += 4096
    mem8[at]

def touch_all():
    global at
    at = VA
    return cost(touch)

with lazy:
    first = touch_all()
    found["PAGER"] = first - touch_all()
lazy.close()

def collect(size):
    keep = [[i] for i in range(size // 100)]
    gc.collect()
    t = time.ticks_cpu()
    gc.collect()
    return round(time.ticks_diff(time.ticks_cpu(), t) / rate * 1000)

found["gc.collect, 1 MiB of lists"] = collect(1 << 20)
print(json.dumps(found))
""".replace("FAULT", FAULT)
    .replace("PAGER", PAGER)
    .replace("TIMER", TIMER)
)

#: Costs that must not grow with what exists already, or only in proportion to it.
SCALE_COSTS = """
import gc, json, memory, time

REGIONS = 5000
VA = 0x40000000

def spent(call, *args):
    gc.collect()
    t = time.ticks_cpu()
    call(*args)
    return round(time.ticks_diff(time.ticks_cpu(), t) / rate * 1000)

def map_all(space, order):
    for i in order:
        space.map(VA + i * 8192, frames)

found = {}
frames = memory.frames.alloc()
order = list(range(REGIONS))
seed = 1
for i in range(REGIONS - 1, 0, -1):
    seed = seed * 1103515245 + 12345 & 0x7fffffff
    j = seed % (i + 1)
    order[i], order[j] = order[j], order[i]
space = memory.AddressSpace()
map_all(space, order[:-500])
some = spent(map_all, space, order[-500:])
found["map() in a space of 5,000 regions, random order"] = some // 500
found["regions() of 5,000 regions"] = spent(space.regions)
found["check() with 5,000 regions"] = spent(memory.check)
space.close()
frames.close()

# Each region has an owner of frames of its own.
gc.collect()
space, owners, checks = memory.AddressSpace(), [], []
for _ in range(2):
    for i in range(REGIONS):
        owners.append(memory.frames.alloc(zero=False))
        space.map(VA + len(owners) * 8192, owners[-1])
    checks.append(spent(memory.check))
found["check() with 10,000 regions and owners, to 5,000, %"] = checks[1] * 100 // checks[0]
space.close()
print(json.dumps(found))
"""

#: What the guards against damage by Python code (ports/rpi-aarch64/guard) make longer: the
#: instructions of MicroPython 1.26.1 as it was fetched, and how many per cent more there may be.
#: They were counted by GUARDED_COSTS on an image without guard/ (GUARDED_O and GATED_O of the
#: port's Makefile empty) whose collector, MicroPython's own, looked for starts of objects only.
UNGUARDED = {
    "gc.collect, a call more on the stack": (590, 5),
    "array of floats, an item more": (153, 10),
    "array of integers, an item more": (146, 10),
    "lists compared, a string more": (168, 10),
    "dict store by an equal string": (849, 10),
    "dict search for an int that is not there": (2124, 10),
    "struct.unpack of four integers": (1534, 10),
    "struct.pack_into of four integers": (1514, 10),
}

GUARDED_COSTS = """
import array, gc, json, struct, time

def cost(call, times=20):
    def empty():
        pass
    spent = []
    for f in (empty, call):
        f()
        gc.collect()
        gc.disable()
        t = time.ticks_cpu()
        for _ in range(times):
            f()
        spent.append(time.ticks_diff(time.ticks_cpu(), t))
        gc.enable()
    return (spent[1] - spent[0]) / times / rate * 1000

def more(one, other, count):
    return round((cost(other) - cost(one)) / count)

def deep(calls):
    return deep(calls - 1) if calls else cost(gc.collect)

found = {}
found["gc.collect, a call more on the stack"] = round((deep(100) - deep(20)) / 80)
few, many = [[0.5 + i for i in range(n)] for n in (64, 192)]
found["array of floats, an item more"] = more(
    lambda: array.array("d", few), lambda: array.array("d", many), 128)
few, many = list(range(64)), list(range(192))
found["array of integers, an item more"] = more(
    lambda: array.array("q", few), lambda: array.array("q", many), 128)
words = ["word %d" % i for i in range(64)]
same = ["word %d" % i for i in range(64)]
found["lists compared, a string more"] = round(
    more(lambda: words[:1] == same[:1], lambda: words[:] == same[:], 63))
table = {words[7]: 1}
def stores():
    for _ in range(64):
        table[same[7]] = 1
found["dict store by an equal string"] = round(cost(stores) / 64)
numbers = {i: i for i in range(0, 128, 2)}
def searches():
    for i in range(1, 128, 2):
        i in numbers
found["dict search for an int that is not there"] = round(cost(searches) / 64)
data = bytearray(12)
found["struct.unpack of four integers"] = round(cost(lambda: struct.unpack("<IIHH", data)))
found["struct.pack_into of four integers"] = round(
    cost(lambda: struct.pack_into("<IIHH", data, 0, 1, 2, 3, 4)))
print(json.dumps(found))
"""

#: Requests for frames of a made-up allocator of 1 and of 8 GiB (tests/firmware/memtest_frames.c):
#: the dearest that is found, and the dearest that is refused, in each state and in a search for
#: such a state.
FRAMES_COSTS = """
import _memtest, json

names = _memtest.frames_states()
searches = [("search %d" % seed, seed % len(names), seed) for seed in (5, 13, 21)]
found = {}
for name, *state in [(name, i) for i, name in enumerate(names)] + searches:
    for gib in (1, 8):
        taken, refused, faults = _memtest.frames_costs(gib, *state)
        assert faults == 0, (name, gib, faults)
        found["%d GiB, %s" % (gib, name)] = [round(n / rate * 1000) for n in (taken, refused)]
print(json.dumps(found))
"""

HEAP_TRAFFIC = """
import memory, random
random.seed(7)
live = []
while True:
    if len(live) < 900 and (len(live) < 700 or random.getrandbits(1)):
        size = 16 + random.getrandbits(9) if random.getrandbits(3) else random.getrandbits(13) + 1
        live.append(memory.heap.alloc(size, align=256 if random.getrandbits(4) == 0 else 16))
    else:
        live.pop(random.randrange(len(live))).close()
"""

OTHER_TRAFFIC = """
import memory
space = memory.AddressSpace()
while True:
    frames = memory.frames.alloc(zero=False)
    space.map(0x40000000, frames)
    space.translate(0x40000010)
    space.unmap(0x40000000, 4096)
    frames.close()
"""

#: Where a check looks for Ctrl-C, and what it has to look at.
CHECK_LOOKS = "bind_is_interrupted"
LOOKS = 6000
CHECKS = """
import memory
space = memory.AddressSpace()
frames = memory.frames.alloc()
start, end = memory.report()["ram"][0]
space.map(0x40001000, start, 1 << 28, "r")  # by pages
for i in range(1000):
    space.map(0x80000000 + i * 8192, frames)
memory.pagers.zeros(space, 0xc0000000, 1 << 30)
blocks = [memory.heap.alloc(100) for _ in range(500)]
while True:
    memory.check()
"""

FAULTS = """
import machine, memory
mem8 = machine.mem8
while True:
    try:
        mem8[0]
    except memory.Fault:
        pass
"""

PAGES = """
import machine, memory
mem8 = machine.mem8
lazy = memory.AddressSpace()
memory.pagers.zeros(lazy, 0x40000000, 1 << 24)
lazy.activate()
while True:
    for at in range(0x40000000, 0x41000000, 4096):
        mem8[at]
    lazy.evict(0x40000000, 1 << 24)
"""

#: Where the instructions of a page made by a Python pager go.
PAGER_PARTS = (
    ("exception_sync", "page: may it be resolved, registers to the thread's stack"),
    ("bind_pager_run", "page: which range, call of the Python function"),
    ("frames_alloc", "page: a frame"),
    ("frame_owner_open", "page: zeroed, returned by the Python function"),
    ("space_paged_in", "page: checked, mapped, record given back"),
    ("exception_restore", "page: registers restored, access done, next one, registers saved"),
)

#: Where a fault's instructions go, by the function that begins each part.
FAULT_PARTS = (
    ("exception_sync", "fault: may it be raised, registers restored"),
    ("bind_fault_raise", "fault: the exception object"),
    ("nlr_jump", "fault: unwinding, except clause, next access, registers saved"),
)


@contextlib.contextmanager
def booted(board: Board, extra: list[str], kernel: Path | None = None) -> Iterator[Link]:
    """Boot a board, and give the link to its raw REPL."""
    with open_session(
        board, kernel=kernel, icount=True, silence=SCRIPT_SECONDS, extra=extra
    ) as session:
        session.finish_boot()
        session.link.enter_raw_repl()
        yield session.link


def python_costs(board: Board) -> dict[str, int]:
    """Count the instructions of one call from Python, the loop around it not counted."""
    with booted(board, []) as link:
        return dict(json.loads(link.run(RATE + PYTHON_COSTS)))


def guarded_costs(board: Board) -> dict[str, int]:
    """Count the instructions of what the guards make longer."""
    with booted(board, []) as link:
        return dict(json.loads(link.run(RATE + GUARDED_COSTS)))


def frames_costs(board: Board) -> dict[str, list[int]]:
    """Count the instructions of the dearest request for frames, found and refused, by state."""
    kernel = board.kernel.parent.with_name(f"{board.image}-memtest") / "kernel8.img"
    with booted(board, [], kernel) as link:
        return dict(json.loads(link.run(RATE + FRAMES_COSTS)))


def scale_costs(board: Board) -> dict[str, int]:
    """Count the instructions of work in a space of many regions."""
    with booted(board, []) as link:
        return dict(json.loads(link.run(RATE + SCALE_COSTS)))


def call_costs(gdb: Gdb, entry: int, samples: int, clock: Clock) -> list[int]:
    """Count the instructions of so many calls of a function, from its entry to its return."""
    costs = []
    for _ in range(samples):
        gdb.run_to(entry)
        start = clock(gdb)
        gdb.run_to(gdb.register(LINK_REGISTER))
        costs.append(clock(gdb) - start)
    return costs


def traffic(link: Link, script: str) -> threading.Thread:
    """Has the board run an endless script; it ends with the machine."""

    def run() -> None:
        # The machine and its port disappear meanwhile: errors that follow mean nothing.
        with contextlib.suppress(Exception):
            link.exec(script)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def parts(
    board: Board,
    known: dict[str, int],
    clock: Clock,
    script: str,
    begins: tuple[tuple[str, str], ...],
) -> dict[str, list[int]]:
    """Count the instructions of each part of what a script repeats."""
    names = [name for name, _ in begins]
    costs: dict[str, list[int]] = {what: [] for _, what in begins}
    with tempfile.TemporaryDirectory(prefix="pimem-bench-") as folder:
        stub = Path(folder) / "gdb"
        with booted(board, ["-gdb", f"unix:{stub},server=on,wait=off"]) as link:
            traffic(link, script)
            with Gdb(stub) as gdb:
                gdb.run_to(known[names[0]])
                at = clock(gdb)
                for _ in range(FEW_SAMPLES):
                    for (_, what), then in zip(begins, [*names[1:], names[0]], strict=True):
                        gdb.run_to(known[then])
                        now = clock(gdb)
                        costs[what].append(now - at)
                        at = now
    return costs


def check_gaps(board: Board, known: dict[str, int], clock: Clock) -> list[int]:
    """Count the instructions between two looks for Ctrl-C during checks, one after the other."""
    with tempfile.TemporaryDirectory(prefix="pimem-bench-") as folder:
        stub = Path(folder) / "gdb"
        with booted(board, ["-gdb", f"unix:{stub},server=on,wait=off"]) as link:
            traffic(link, CHECKS)
            with Gdb(stub) as gdb:
                times = []
                for _ in range(LOOKS):
                    gdb.run_to(known[CHECK_LOOKS])
                    times.append(clock(gdb))
                    gdb.run_to(gdb.register(LINK_REGISTER))
    return [after - before for before, after in itertools.pairwise(times)]


def fault_parts(board: Board, known: dict[str, int], clock: Clock) -> dict[str, list[int]]:
    """Count the instructions of each part of a fault that Python catches or resolves."""
    return parts(board, known, clock, FAULTS, FAULT_PARTS) | parts(
        board, known, clock, PAGES, PAGER_PARTS
    )


def c_costs(board: Board, known: dict[str, int], clock: Clock) -> dict[str, list[int]]:
    """Measure calls of the mechanism's functions, by name."""
    wanted = {
        HEAP_TRAFFIC: (("heap_alloc", SAMPLES), ("heap_free", SAMPLES)),
        OTHER_TRAFFIC: tuple(
            (name, FEW_SAMPLES)
            for name in (
                "frames_alloc",
                "frames_free",
                "paging_map",
                "paging_translate",
                "paging_unmap",
            )
        ),
    }
    costs: dict[str, list[int]] = {}
    for script, functions in wanted.items():
        with tempfile.TemporaryDirectory(prefix="pimem-bench-") as folder:
            stub = Path(folder) / "gdb"
            with booted(board, ["-gdb", f"unix:{stub},server=on,wait=off"]) as link:
                traffic(link, script)
                with Gdb(stub) as gdb:
                    for name, samples in functions:
                        costs[name] = call_costs(gdb, known[name], samples, clock)
    return costs
