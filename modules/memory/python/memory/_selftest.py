# SPDX-License-Identifier: MIT
"""Checks of the memory system. Each uses it as a program does and gives everything back."""

import gc
import sys

import _memory
from machine import mem64

MIB = 1 << 20
VA = 0x4000000000  # 256 GiB: in no identity view
PATTERN = 0x0123456789ABCDEF


class Mismatch(Exception):
    """A check that failed; the text says what was expected."""


def expect(what, expected, got):
    """Raise Mismatch unless got == expected."""
    if got != expected:
        raise Mismatch("%s: expected %s, got %s" % (what, expected, got))


def check_heap():
    """Allocate a block, grow a vector by doubling, free both: every byte is free again."""
    heap = _memory.kernel_heap()
    before = heap.stats()["free"]
    box = heap.alloc(8)
    memoryview(box)[0] = 42
    vector = heap.alloc(16)
    size = 16
    memoryview(vector)[:16] = bytes(range(16))
    while size < 256 * 1024:
        size *= 2
        vector = heap.realloc(vector, size)
        expect(
            "first 16 bytes of the vector at %d bytes" % size,
            bytes(range(16)),
            bytes(memoryview(vector)[:16]),
        )
        memoryview(vector)[size - 1] = 1
    expect("the small block", 42, memoryview(box)[0])
    vector.close()
    box.close()
    expect("damage in the heap", [], heap.check())
    expect("free bytes after freeing everything", before, heap.stats()["free"])
    return "a block and a vector grown to %d KiB, freed, all %d bytes back" % (size >> 10, before)


def check_frames():
    """Take every free frame in the largest runs possible, write it, and give it back."""
    gc.collect()
    before = _memory.frames_stats()["free"]
    runs, frames, largest = _memory.take_all()
    expect("frames taken", before, frames)
    expect("free frames afterwards", before, _memory.frames_stats()["free"])
    return "%d free frames taken in %d runs, the largest of %d MiB, and given back" % (
        frames,
        runs,
        largest >> 8,
    )


def check_space():
    """Map a frame twice in a new space; write by one mapping and read by the other."""
    with _memory.frames_alloc() as frame:
        pa = frame.pa
        space = _memory.AddressSpace()
        space.map(VA, frame)
        space.map(VA + 2 * MIB, frame, prot="r")
        with space:
            expect(
                "TTBR0's table", space.walk(VA)[0].table, _memory.regs()["ttbr0"] & 0xFFFFFFFFF000
            )
            mem64[VA] = PATTERN
            got = mem64[VA + 2 * MIB]
        expect("what the second mapping reads", hex(PATTERN), hex(got))
        expect("physical address of the second mapping", pa, space.translate(VA + 2 * MIB))
        space.close()
    return "frame 0x%x mapped at 0x%x and 0x%x, written there and read here" % (
        pa,
        VA,
        VA + 2 * MIB,
    )


def check_block():
    """Split a 2 MiB block by a change of one page, and join it again."""
    with _memory.frames_alloc(512, align=512, zero=False) as frames:
        space = _memory.AddressSpace()
        space.map(VA, frames)
        tables = space.tables
        expect("level of the mapping", 2, space.walk(VA)[-1].level)
        space.protect(VA + 4096, 4096, "r")
        expect("level after one page changed", 3, space.walk(VA)[-1].level)
        expect("tables after the split", tables + 1, space.tables)
        space.protect(VA + 4096, 4096, "rw")
        expect("tables given back by compact()", 1, space.compact())
        expect("level after compact()", 2, space.walk(VA)[-1].level)
        space.close()
    return "2 MiB block at 0x%x split to 512 pages and rejoined" % VA


def check_invariants():
    """Verify the invariants of allocators, tables, regions and owners."""
    expect("problems found by memory.check()", [], _memory.check())
    owners = _memory.owners()
    return "%d owners, %d frames in use, books balance" % (len(owners), sum(owners.values()))


CHECKS = (
    ("heap", check_heap),
    ("frames", check_frames),
    ("space", check_space),
    ("block", check_block),
    ("check", check_invariants),
)


def selftest():
    """Run every check and print a line for each; raise RuntimeError at the end if one failed."""
    failed = 0
    for name, check in CHECKS:
        try:
            sys.stdout.write("ok   %-7s %s\n" % (name, check()))
        except Mismatch as e:
            failed += 1
            sys.stdout.write("FAIL %-7s %s\n" % (name, e))
    if failed:
        raise RuntimeError("selftest: %d of %d checks failed" % (failed, len(CHECKS)))
    sys.stdout.write("selftest: all %d checks passed\n" % len(CHECKS))
