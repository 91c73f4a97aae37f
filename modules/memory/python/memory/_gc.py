# SPDX-License-Identifier: MIT
"""Python's own heap: what is in it, and what its last collection cost."""

import sys

import _memory

AREA = ("start", "size", "used", "free", "largest_free", "objects")
PARTS = ("roots", "mark", "finalisers", "sweep", "areas")
ROWS = 16  # of the largest area


def gc_report():
    """Return areas, types and times of Python's own heap; everything in it can be written as JSON.

    Sizes are in bytes, times in nanoseconds.
    """
    areas, types, ticks, count = _memory.gc_report()
    hz = _memory.regs()["cntfrq"] or 1
    last = {part: ticks[i] * 1000000000 // hz for i, part in enumerate(PARTS)}
    last["pause"] = sum(ticks) * 1000000000 // hz
    found = {}
    for name, objects, size in types:  # classes may have the same name
        if objects:
            before = found.get(name, (0, 0))
            found[name] = (before[0] + objects, before[1] + size)
    return {
        "areas": [{key: area[i] for i, key in enumerate(AREA)} for area in areas],
        "types": found,
        "collections": count,
        "last": last,
    }


def mark(start, size):
    used = _memory.gc_used(start, size)
    return "." if used == 0 else "#" if used == size else "+"


def rows(areas, width):
    """Return the bytes of a character, and a generator of (address, characters) of each line."""
    sizes = [(area["start"], area["used"] + area["free"]) for area in areas]
    step = (max([size for _, size in sizes]) // (width * ROWS) + 64) & ~63

    def lines():
        for start, size in sizes:
            for row in range(0, size, step * width):
                end = min(row + step * width, size)
                marks = [mark(start + at, min(step, end - at)) for at in range(row, end, step)]
                yield start + row, "".join(marks)

    return step, lines()


def gc_map(width=64):
    """Print each area in at most 16 lines of `width` characters, types, and the last collection.

    '.' is free, '#' used, '+' both. ValueError: width is not positive.
    """
    if width < 1:
        raise ValueError("width %d is not positive" % width)
    report = gc_report()
    areas = report["areas"]
    step, lines = rows(areas, width)
    for line in lines:
        sys.stdout.write("%016x %s\n" % line)
    sys.stdout.write(". free  # used  + both, %d bytes each\n" % step)
    sys.stdout.write(
        "%d bytes used, %d free in %d areas, largest free run %d\n"
        % (
            sum([area["used"] for area in areas]),
            sum([area["free"] for area in areas]),
            len(areas),
            max([area["largest_free"] for area in areas]),
        )
    )
    for name, (objects, size) in sorted(report["types"].items(), key=lambda item: -item[1][1]):
        sys.stdout.write("%8d objects %11d bytes  %s\n" % (objects, size, name))
    last = report["last"]
    sys.stdout.write("last collection %d us:" % (last["pause"] // 1000))
    for part in PARTS:
        sys.stdout.write(" %s %d" % (part, last[part] // 1000))
    sys.stdout.write("\n")
