# SPDX-License-Identifier: MIT
"""Pictures of frames, spaces, walks and heaps, printed as text."""

import sys

import _memory

MARKS = {"free": ".", "used": "#", "reserved": "r"}


def share(runs, lo, hi):
    """Return the mark of [lo, hi): '+' where free and used meet, else that of the states there.

    runs: (start, end, state, name) of _memory.frames_runs(); addresses are in bytes.
    """
    seen = set()
    for start, end, state, _ in runs:
        if start < hi and end > lo:
            seen.add(state)
    if len(seen) == 1:
        return MARKS[seen.pop()]
    return "+" if "used" in seen and "free" in seen else "#" if "used" in seen else "r"


def frames(width=64):
    """Print each bank of RAM in at most 16 lines of `width` characters, then the owners of frames.

    '.' is free, '#' used, '+' both, 'r' reserved. ValueError: width is not positive.
    """
    if width < 1:
        raise ValueError("width %d is not positive" % width)
    runs = _memory.frames_runs()
    banks = _memory.boot_info()["ram"]
    largest = max([end - start for start, end in banks])
    cell = (largest // (width * 16) + 4095) & ~4095
    for start, end in banks:
        for row in range(start, end, cell * width):
            cells = [
                share(runs, lo, lo + cell) for lo in range(row, min(row + cell * width, end), cell)
            ]
            sys.stdout.write("%012x %s\n" % (row, "".join(cells)))
    sys.stdout.write(". free  # used  + both  r reserved, %d KiB each\n" % (cell >> 10))
    for name, count in sorted(_memory.owners().items(), key=lambda item: -item[1]):
        sys.stdout.write("%8d frames  %s\n" % (count, name))


def space(space):
    """Print a line for each mapping of an address space, then its tables and its ASID."""
    for start, end, pa, prot, memtype, name in space.mappings():
        sys.stdout.write(
            "%016x-%016x -> %012x %-3s %-7s %s\n" % (start, end, pa, prot, memtype, name or "")
        )
    sys.stdout.write("%d frames of tables, ASID %d\n" % (space.tables, space.asid))


def walk(steps):
    """Print a line for each step of space.walk(): a table that the processor reads."""
    for step in steps:
        sys.stdout.write(
            "level %d  %012x[%3d] = %016x %s"
            % (step.level, step.table, step.index, step.descriptor, step.kind)
        )
        if step.pa is not None:
            sys.stdout.write(" -> %012x" % step.pa)
        if step.prot is not None:
            sys.stdout.write(" %s %s\n%31s%s" % (step.prot, step.memtype, "", step.flags))
        sys.stdout.write("\n")


def heap(heap):
    """Print a line for each block of a heap, sizes in bytes, then the totals."""
    for address, size, used in heap.walk():
        sys.stdout.write("%016x %8d %s\n" % (address, size, "used" if used else "free"))
    stats = heap.stats()
    sys.stdout.write(
        "%d used, %d free, largest %d\n" % (stats["used"], stats["free"], stats["largest_free"])
    )
