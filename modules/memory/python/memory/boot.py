# SPDX-License-Identifier: MIT
"""The policy of the kernel's address space: what is mapped where, how, and the heap's size.

`run()` builds the kernel half and the identity view, switches TTBR1 and TTBR0 to them while it
runs, and prints the boot report. After a soft reset it attaches to the map that exists.
"""

import _memory

from memory._report import show

PAGE = 4096
HEAP_SIZE = 1 << 20
OPEN = 1  # window flag: memory.kernel.map() may use it
QUARANTINE = 2  # window flag: an address is given out again when nothing points to it any more


def usable_ram():
    """Return [start, end) of RAM that is not reserved, in the longest runs."""
    found = []
    start = end = 0
    for run_start, run_end, state, _ in _memory.frames_runs():
        if state == "reserved" or run_start != end:
            if end > start:
                found.append((start, end))
            start = run_end if state == "reserved" else run_start
        end = run_end
    if end > start:
        found.append((start, end))
    return found


def image_part(sections):
    """Return [start, end) of kernel text and rodata."""
    text = rodata_end = 0
    for section, _, pa, size, _ in sections:
        if section == "text":
            text = pa
        elif section == "rodata":
            rodata_end = pa + size
    return text, rodata_end


def map_ram(space, base, name, ram, image):
    """Map usable RAM at base + PA: kernel text and rodata read-only, all else read and write."""
    text, rodata_end = image
    for start, end in ram:
        for lo, hi, prot in (
            (start, min(end, text), "rw"),
            (max(start, text), min(end, rodata_end), "r"),
            (max(start, rodata_end), end, "rw"),
        ):
            if lo < hi:
                space._boot_map(base + lo, lo, hi - lo, prot, "normal", name, False)


def map_devices(space, base, windows):
    """Map the device windows at base + PA."""
    for start, end, name in windows:
        space._boot_map(base + start, start, end - start, "rw", "device", name, False)


def build_kernel(kernel, layout, sections, ram, windows):
    """Map the upper half: image, stacks, linear map, devices; add the windows that fill later."""
    map_ram(kernel, layout["linear"][0], "linear map", ram, image_part(sections))
    map_devices(kernel, layout["mmio"][0], windows)
    for name, flags in (("heap", 0), ("gc", 0), ("view", QUARANTINE), ("free", OPEN)):
        base, size = layout[name]
        _memory.window_add(base, base + size, flags, name)
    # After the windows, which are added while they are empty: one section is in the window "gc".
    for name, va, pa, size, prot in sections:
        kernel._boot_map(va, pa, size, prot, "normal", name, True)


def build_identity(identity, sections, ram, windows):
    """Map memory and devices of the default lower half at their physical addresses."""
    map_ram(identity, 0, "RAM", ram, image_part(sections))
    map_devices(identity, 0, windows)


def build_heap(kernel, layout):
    """Make the 1 MiB kernel heap between two guard pages."""
    base = layout["heap"][0] + PAGE
    kernel._reserve(base - PAGE, PAGE, "heap guard")
    kernel._reserve(base + HEAP_SIZE, PAGE, "heap guard")
    _memory.heap_make_kernel(base, HEAP_SIZE)


def run():
    """Build the kernel map and print the report, or attach to the map that exists."""
    boot_info = _memory.boot_info()
    error = boot_info["error"]
    if error is not None:
        raise RuntimeError(error)
    sections = _memory.sections()
    ram = usable_ram()
    windows = _memory.mmio()
    if _memory.kernel() is None:
        layout = _memory.layout
        kernel = _memory.open_kernel()
        identity = _memory.open_identity()
        build_kernel(kernel, layout, sections, ram, windows)
        build_identity(identity, sections, ram, windows)
        _memory.switch()
        build_heap(kernel, layout)
        show(boot_info, sections)
    else:
        build_identity(_memory.open_identity(), sections, ram, windows)
