# SPDX-License-Identifier: MIT
"""The boot report: what the machine is and how its memory is used, as a dict and as text."""

import sys

import _memory

KERNEL_SECTIONS = ("text", "rodata", "data")


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
            if name in KERNEL_SECTIONS
        },
        "uart": info["uart"],
        "dropped_calls": info["dropped_calls"],
        "cores": info["cores"],
        "missing": info["missing"],
        "random": info["random"],
        "safe_mode": info["safe_mode"],
    }


def active_name():
    """Return the name of the space in TTBR0."""
    space = _memory.active_space()
    if space is None:
        return "boot map"
    return "identity view" if space.name == "identity" else "ASID %d" % space.asid


def info():
    """Print the boot report: the most of report() in at most 24 lines."""
    show(_memory.boot_info(), _memory.sections())


def show(boot_info, sections):
    """Print the boot report from what boot_info() and sections() gave: it has not all of report(),
    of which some parts take long."""
    regs = _memory.regs()
    frames = _memory.frames_stats()
    heap = heap_stats()
    out = sys.stdout.write
    out(
        "%s (%s), entered at EL%d, %d cores\n"
        % (boot_info["model"], boot_info["board"], boot_info["entry_el"], boot_info["cores"])
    )
    if boot_info["entry_serror"]:
        out("an SError was pending at entry, ESR 0x%08x\n" % boot_info["entry_serror"])
    for start, end in boot_info["ram"]:
        out(
            "RAM      %012x-%012x %6d MiB from %s\n"
            % (start, end, (end - start) >> 20, boot_info["source"])
        )
    for start, end, name in boot_info["reserved"]:
        out("reserved %012x-%012x %s\n" % (start, end, name))
    for name in boot_info["missing"]:
        out("missing  %s: no answer\n" % name)
    out(
        "frames   %d total, %d free, %d used, %d reserved\n"
        % (frames["total"], frames["free"], frames["used"], frames["reserved"])
    )
    for name, start, _, size, prot in sections:
        if name in KERNEL_SECTIONS:
            out("kernel   %016x-%016x %s %s\n" % (start, start + size, prot, name))
    out("TTBR1    %016x  kernel half\n" % regs["ttbr1"])
    out("TTBR0    %016x  %s\n" % (regs["ttbr0"], active_name()))
    out(
        "heap     %016x-%016x %d of %d bytes free\n"
        % (heap["base"], heap["base"] + heap["size"], heap["free"], heap["size"])
    )
    out(
        "MMU %s, Python at EL%d; memory.info() prints this again\n"
        % ("on" if regs["sctlr"] & 1 else "OFF", regs["el"])
    )
