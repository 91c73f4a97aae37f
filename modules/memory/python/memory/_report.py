# SPDX-License-Identifier: MIT
"""The boot report: what the machine is and how its memory is used, as a dict and as text."""

import sys

import _memory


def heap_stats():
    """Return base, size, free and used bytes of the kernel heap; zeros before it exists."""
    heap = _memory.kernel_heap()
    if heap is None:
        return {"base": 0, "size": 0, "free": 0, "used": 0}
    stats = heap.stats()
    return {"base": heap.base, "size": heap.size, "free": stats["free"], "used": stats["used"]}


def report():
    """Return the state of the machine; everything in it can be written as JSON.

    Addresses and sizes are in bytes, ranges half-open; `frames` and `owners` count 4 KiB frames.
    """
    info = _memory.boot_info()
    regs = _memory.regs()
    frames = _memory.frames_stats()
    gc_total, gc_free = _memory.gc_info()
    return {
        "version": info["version"],
        "board": info["board"],
        "model": info["model"],
        "firmware": info["firmware"],
        "arm_clock": info["arm_clock"],
        "el": regs["el"],
        "entry_el": info["entry_el"],
        "entry_serror": info["entry_serror"],
        "mmu": bool(regs["sctlr"] & 1),
        "ttbr0": regs["ttbr0"],
        "ttbr1": regs["ttbr1"],
        "ram": [list(r) for r in info["ram"]],
        "ram_from": info["source"],
        "reserved": [list(r) for r in info["reserved"]],
        "frames": {k: frames[k] for k in ("total", "free", "used", "reserved")},
        "owners": _memory.owners(),
        "heap": heap_stats(),
        "gc": {"total": gc_total, "free": gc_free},
        "kernel": {
            name: [va, va + size, prot]
            for name, va, _, size, prot in _memory.sections()
            if name in ("text", "rodata", "data")
        },
        "uart": info["uart"],
        "cores": info["cores"],
        "missing": info["missing"],
        "safe_mode": info["safe_mode"],
    }


def active_name():
    """Return the name of the space in TTBR0."""
    space = _memory.active_space()
    if space is None:
        return "boot map"
    return "identity view" if space.name == "identity" else "ASID %d" % space.asid


def info():
    """Print the boot report: report() in at most 24 lines."""
    r = report()
    out = sys.stdout.write
    out(
        "%s (%s), entered at EL%d, %d cores\n"
        % (r["model"], r["board"], r["entry_el"], r["cores"])
    )
    if r["entry_serror"]:
        out("an SError was pending at entry, ESR 0x%08x\n" % r["entry_serror"])
    for start, end in r["ram"]:
        out(
            "RAM      %012x-%012x %6d MiB from %s\n"
            % (start, end, (end - start) >> 20, r["ram_from"])
        )
    for start, end, name in r["reserved"]:
        out("reserved %012x-%012x %s\n" % (start, end, name))
    for name in r["missing"]:
        out("missing  %s: it does not answer\n" % name)
    f = r["frames"]
    out(
        "frames   %d total, %d free, %d used, %d reserved\n"
        % (f["total"], f["free"], f["used"], f["reserved"])
    )
    for name in ("text", "rodata", "data"):
        start, end, prot = r["kernel"][name]
        out("kernel   %016x-%016x %s %s\n" % (start, end, prot, name))
    out("TTBR1    %016x  kernel half\n" % r["ttbr1"])
    out("TTBR0    %016x  %s\n" % (r["ttbr0"], active_name()))
    h = r["heap"]
    out(
        "heap     %016x-%016x %d of %d bytes free\n"
        % (h["base"], h["base"] + h["size"], h["free"], h["size"])
    )
    out(
        "MMU %s, Python at EL%d; memory.info() prints this again\n"
        % ("on" if r["mmu"] else "OFF", r["el"])
    )
