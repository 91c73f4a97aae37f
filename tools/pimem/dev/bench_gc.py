# SPDX-License-Identifier: MIT
"""What collections cost, by what is in the heap: rows of the target part of `make bench`.

Each is a collection that frees nothing: those before it free what made the heap, and what a word
that is left on the stack keeps in the first of them.
"""

from __future__ import annotations

import json

from pimem.board.boards import Board
from pimem.dev.bench_target import RATE, booted

EMPTY = "gc.collect, empty heap"

#: Instructions at most of a collection, on the default board with a GiB. The empty heap has what a
#: boot leaves in it and the few objects of the script. Allocations are of a tuple, with what the
#: interpreter takes for it: 226 with MicroPython's py/gc.c, of which gc_alloc() is 100, here 43.
LIMITS = {
    EMPTY: 6_000,
    "gc.collect, one bytearray of 512 MiB": 3_000_000,
    "gc.collect, 480 MiB of 1 MiB bytearrays, half live": 10_000_000,
    "gc.collect, 4 MiB live above 480 MiB freed": 3_000_000,
    "gc.collect, 57 MiB of 65,000-byte bytearrays, 1 % live": 1_600_000,
    "gc.collect, list of 300,000 tuples": 35_000_000,
    "gc.collect, chain of 300,000 tuples": 35_000_000,
    "gc.collect, 400 MiB of small objects, a live block": 110,
    "allocation of 32 bytes in a half-full heap of 512 MiB, mean": 170,
    "allocation of 32 bytes where 400 MiB are full, worst of 200": 20_000,
}

EMPTY_TICKS = """
import gc, time
gc.collect()
gc.collect()
before = time.ticks_cpu()
gc.collect()
print(time.ticks_diff(time.ticks_cpu(), before))
"""

COSTS = """
import gc, json, time

def spent(call, *args):
    t = time.ticks_cpu()
    call(*args)
    return round(time.ticks_diff(time.ticks_cpu(), t) / rate * 1000)

def collections(what, divisor=lambda: 1):
    global keep
    gc.collect()
    gc.collect()
    cost = spent(gc.collect)
    found["gc.collect, " + what] = cost // divisor()
    if isinstance(keep, list):
        keep.clear()  # a word that stays on the stack may keep it, but then no more than that
    keep = None
    gc.collect()

MIB = 1 << 20
found = {}
keep = bytearray(512 * MIB)
collections("one bytearray of 512 MiB")
keep = [bytearray(MIB) for _ in range(480)]
keep = keep[::2]
collections("480 MiB of 1 MiB bytearrays, half live")
keep = [bytearray(MIB) for _ in range(480)]
keep.append(bytearray(4 * MIB))
keep = keep[-1:]
collections("4 MiB live above 480 MiB freed")
keep = [bytearray(65000) for _ in range(920)]
keep = keep[::100]
collections("57 MiB of 65,000-byte bytearrays, 1 % live")
keep = [(i, i) for i in range(300000)]
collections("list of 300,000 tuples")
for i in range(300000):
    keep = (i, keep)
collections("chain of 300,000 tuples")
keep = []
small = 400 * MIB // 64 // 100
for _ in range(100):
    keep.append([0.5 + i for i in range(small)])
collections("400 MiB of small objects, a live block", lambda: gc.mem_alloc() // 64)
keep = [[0.5 + i for i in range(small)] for _ in range(120)]
keep = keep[::2]
gc.collect()
def allocate(count):
    for i in range(count):
        (i, i)
def nothing(count):
    for i in range(count):
        pass
gc.disable()
found["allocation of 32 bytes in a half-full heap of 512 MiB, mean"] = (
    spent(allocate, 20000) - spent(nothing, 20000)) // 20000
gc.enable()
keep = [[0.5 + i for i in range(small)] for _ in range(100)]
each = [0] * 200
def allocate_each():
    ticks = time.ticks_cpu
    for i in range(200):
        before = ticks()
        (i, i)
        each[i] = ticks() - before
keep[0][7] = keep[0][9] = None # holes: the search after they are filled is the longest
gc.collect()
gc.collect()
gc.disable()
allocate_each()
worst = round(max(each) / rate * 1000)
found["allocation of 32 bytes where 400 MiB are full, worst of 200"] = worst
gc.enable()
print(json.dumps(found))
"""


def costs(board: Board) -> dict[str, int]:
    """Count the instructions of collections."""
    with booted(board, []) as link:
        ticks = int(link.run(EMPTY_TICKS))
        rate = float(link.run(RATE + "print(rate)"))
        return {EMPTY: round(ticks / rate * 1000), **json.loads(link.run(COSTS))}
