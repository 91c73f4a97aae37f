# SPDX-License-Identifier: MIT
"""Pictures for a terminal."""

import sys

import _memory

MARKS = {"free": ".", "used": "#", "reserved": "r"}


def share(runs, lo, hi):
    """The mark for [lo, hi): that of its one state, or + where free and used meet."""
    seen = set()
    for start, end, state, _ in runs:
        if start < hi and end > lo:
            seen.add(state)
    if len(seen) == 1:
        return MARKS[seen.pop()]
    return "+" if "used" in seen and "free" in seen else "#" if "used" in seen else "r"


def frames(width=64):
    """RAM in at most 16 lines a bank: '.' free, '#' used, '+' both, 'r' reserved."""
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
    """One line for each mapping of an address space."""
    for start, end, pa, prot, memtype, name in space.mappings():
        sys.stdout.write(
            "%016x-%016x -> %012x %-3s %-7s %s\n" % (start, end, pa, prot, memtype, name or "")
        )
    sys.stdout.write("%d frames of tables, ASID %d\n" % (space.tables, space.asid))


def walk(steps):
    """One line for each table that the processor reads on its way to an address."""
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
    """One line for each block of a heap."""
    for address, size, used in heap.walk():
        sys.stdout.write("%016x %8d %s\n" % (address, size, "used" if used else "free"))
    stats = heap.stats()
    sys.stdout.write(
        "%d used, %d free, largest %d\n" % (stats["used"], stats["free"], stats["largest_free"])
    )
