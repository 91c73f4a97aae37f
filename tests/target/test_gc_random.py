# SPDX-License-Identifier: MIT
"""A program that makes, changes and drops objects of all kinds at random, and knows what each must
contain: what the collector frees or overwrites by mistake does not contain it any more.

GC_STEPS: how many steps; `make test-long` takes 10,000,000.
"""

from __future__ import annotations

import os

import pytest
from on_board import ask, run

from pimem.testing.board_session import Machine

STEPS = int(os.environ.get("GC_STEPS", "10000"))
EVERY = min(STEPS // 2, 100_000)  # steps between two calls of memory.check()
SECONDS = 600  # of that many, with the hardware checker and on a busy machine

# An object is in a record [kind, object, seed, n]: seed and n tell what it contains.
KINDS = """
import array, gc, memory, vfs
SLOTS = 1500
PATTERN = bytes(range(256)) * 300
state = SEED

def rand(n):
    global state
    state = (state * 1103515245 + 12345) & 0x7fffffff
    return (state >> 8) % n

def same(found, wanted, what):
    if found != wanted:
        raise AssertionError("%s: %r, not %r" % (what, found, wanted))

class List:
    def make(seed):
        return []
    def grow(r, k):
        r[1].extend([(r[2], r[3] + i) for i in range(k)])
        r[3] += k
    def shrink(r, k):
        del r[1][-k:]
        r[3] -= k
    def check(r):
        same(len(r[1]), r[3], "list")
        if r[3]:
            i = rand(r[3])
            same(r[1][i], (r[2], i), "list")

class Dict:
    def make(seed):
        return {}
    def grow(r, k):
        for i in range(r[3], r[3] + k):
            r[1][r[2] + i] = str(i)
        r[3] += k
    def shrink(r, k):
        for i in range(r[3] - k, r[3]):
            del r[1][r[2] + i]
        r[3] -= k
    def check(r):
        same(len(r[1]), r[3], "dict")
        if r[3]:
            i = rand(r[3])
            same(r[1][r[2] + i], str(i), "dict")

class Bytes:
    def make(seed):
        return bytearray()
    def grow(r, k):
        k *= 1 if rand(50) else 600
        start = (r[2] + r[3]) & 255
        r[1].extend(PATTERN[start:start + k])
        r[3] += k
    def shrink(r, k):
        k = r[3] - r[3] // 2
        r[1][-k:] = b""
        r[3] -= k
    def check(r):
        same(len(r[1]), r[3], "bytearray")
        if r[3]:
            i = rand(r[3])
            start = (r[2] + i) & 255
            same(r[1][i:i + 100], PATTERN[start:start + min(100, r[3] - i)], "bytearray")

class Text:
    def make(seed):
        return ""
    def grow(r, k):
        r[3] += k
        r[1] = "%x." % r[2] * r[3]
    def shrink(r, k):
        r[3] -= k
        r[1] = r[1][:r[3] * len("%x." % r[2])]
    def check(r):
        same(r[1], "%x." % r[2] * r[3], "str")

class Integer:
    def make(seed):
        return seed
    def grow(r, k):
        r[1] += ((1 << k * 37) - 1) << r[3] * 37 + 32
        r[3] += k
    def shrink(r, k):
        r[3] -= k
        r[1] &= (1 << r[3] * 37 + 32) - 1
    def check(r):
        same(r[1], r[2] + (((1 << r[3] * 37) - 1) << 32), "int")

class Closure:
    def make(seed):
        items = [str(seed)]
        def inner(add):
            items.extend([str(add + i) for i in range(add)])
            return items
        return inner
    def grow(r, k):
        r[1](k)
    def shrink(r, k):
        del r[1](0)[1:]
    def check(r):
        items = r[1](0)
        same(items[0], str(r[2]), "closure")
        if len(items) > 1:
            i = rand(len(items) - 1)
            same(int(items[i + 1]) < 80, True, "closure")

class Generator:
    def make(seed):
        def generator():
            kept = [seed]
            while True:
                yield kept[0]
                kept = [kept[0] + 1]
        return generator()
    def grow(r, k):
        for i in range(k):
            same(next(r[1]), r[2] + r[3] + i, "generator")
        r[3] += k
    def shrink(r, k):
        pass
    def check(r):
        same(next(r[1]), r[2] + r[3], "generator")
        r[3] += 1

# A ring of nodes, each of which has a record of another object.
class Node:
    def __init__(self, number, other):
        self.number = number
        self.other = other
        self.next = self

class Ring:
    def make(seed):
        return Node(seed, None)
    def grow(r, k):
        at = r[1]
        for i in range(min(k, 8)):
            node = Node(at.number + 1, slots[rand(SLOTS)])
            node.next, at.next = at.next, node
    def shrink(r, k):
        r[1].next = r[1].next.next
    def check(r):
        at = r[1]
        for i in range(1 + rand(20)):
            at = at.next
            same(r[2] <= at.number <= r[2] + 1, True, "ring")
        if at.other and at.other[0] is not Ring:
            at.other[0].check(at.other)

class Objects:
    def make(seed):
        return memoryview(array.array("O", [(seed, i) for i in range(40)]))[5:]
    def grow(r, k):
        i = rand(35)
        r[1][i] = (r[2], i + 5)
    shrink = grow
    def check(r):
        i = rand(35)
        same(r[1][i], (r[2], i + 5), "array")

# Frames, which a finaliser frees.
class Pages:
    def make(seed):
        frames = memory.frames.alloc()
        memoryview(frames)[:256] = PATTERN[seed & 255:(seed & 255) + 256]
        return frames
    def grow(r, k):
        pass
    shrink = grow
    def check(r):
        i = rand(255)
        same(memoryview(r[1])[i], (r[2] + i) & 255, "frames")

# A file that is not closed: its finaliser writes to a device, which keeps itself or raises an
# exception. Nothing there makes an object.
kept = [None] * 20
class Device:
    armed = False
    def __init__(self, seed):
        self.seed = seed
        self.data = bytearray(64 * 512)
        self.list = [seed, str(seed)]
    def readblocks(self, block, buffer):
        self.copy(buffer, 0, self.data, block * 512, len(buffer))
    def writeblocks(self, block, buffer):
        self.copy(self.data, block * 512, buffer, 0, len(buffer))
        if self.armed:
            kept[self.seed % 20] = self
            if self.seed & 1:
                raise self.error
    error = OSError(5)
    def copy(self, to, at, source, start, count):
        i = 0
        while i < count:
            to[at + i] = source[start + i]
            i += 1
    def ioctl(self, operation, argument):
        return 64 if operation == 4 else 512 if operation == 5 else 0

def drop_a_file():
    device = Device(rand(1 << 20))
    vfs.VfsFat.mkfs(device)
    file = vfs.VfsFat(device).open("/it", "w")
    file.write("x")
    device.armed = True

def check_kept():
    for i, device in enumerate(kept):
        if device is not None:
            same(device.seed % 20, i, "device")
            same(device.list, [device.seed, str(device.seed)], "device")
            same((len(device.data), device.data[510:512]), (32768, b"\\x55\\xaa"), "device")

kinds = [List, Dict, Bytes, Text, Integer, Closure, Generator, Ring, Objects, Pages]

def made():
    kind = kinds[rand(len(kinds))]
    seed = rand(1 << 20)
    return [kind, kind.make(seed), seed, 0]

def step():
    i = rand(SLOTS)
    r = slots[i]
    what = rand(16)
    if what == 0:
        slots[i] = made()
    elif what < 7:
        r[0].grow(r, 1 + rand(12))
    elif what < 10:
        if r[3] > 12:
            r[0].shrink(r, 1 + rand(12))
    else:
        r[0].check(r)

def steps(count):
    for i in range(count):
        step()
        if i % 1000 == 0:
            gc.collect()
        if i % FILES == 0:
            drop_a_file()
    for r in slots:
        r[0].check(r)
    check_kept()
    return memory.check()

slots = [None] * SLOTS
for i in range(SLOTS):
    slots[i] = made()
gc.threshold((SEED % 2 * 4 + 1) << 18)
"""
END = """
gc.threshold(-1)
slots = kept = None
gc.collect()
print(memory.check())
"""


@pytest.mark.parametrize("seed", [1, 2] if STEPS < 1_000_000 else [STEPS])
def test_objects_of_all_kinds_keep_what_they_contain(board: Machine, seed: int) -> None:
    files = max(EVERY // 40, 500)
    run(board, f"SEED, FILES = {seed}, {files}\n{KINDS}", SECONDS)
    for done in range(0, STEPS, EVERY):
        faults = ask(board, f"memory\nprint(steps({EVERY}))", SECONDS)
        assert faults == [], f"after {done + EVERY} steps"
    collections, objects = ask(
        board,
        """
        r = memory.gc_report()
        print((r["collections"], sum([area["objects"] for area in r["areas"]])))
        """,
    )
    assert collections > STEPS // 1000 and objects > 10_000
    assert ask(board, END + "memory\n") == []
    board.soft_reset()
    board.link.enter_raw_repl()
