# SPDX-License-Identifier: MIT
"""The machine's memory: frames, address spaces, heaps.

memory.info()                    the boot report
memory.frames.alloc(4)           physical memory
memory.AddressSpace()            page tables of the lower half
memory.kernel, memory.identity   the tables in use
memory.heap.alloc(100)           the 1 MiB kernel heap
memory.user.run(code)            a program at EL0
memory.gc_map()                  Python's own heap
memory.selftest()                checks of all of these
"""

import _memory
from _memory import (
    AddressSpace,
    Block,
    Fault,
    Frames,
    Heap,
    call,
    check,
    crash_action,
    gc_limit,
    last_crash,
    poke,
    probe,
    sync_code,
)

# The handles exist only once boot has made them, and the rest is imported when it is used: less is
# made, and less is in the heap for collections to look at.
_HANDLES = {
    "kernel": _memory.kernel,
    "identity": _memory.identity,
    "heap": _memory.kernel_heap,
}
_FUNCTIONS = {  # in private modules
    "gc_map": "_gc",
    "gc_report": "_gc",
    "info": "_report",
    "ramdisk": "_ramdisk",
    "regs": "_regs",
    "report": "_report",
    "selftest": "_selftest",
}
_MODULES = ("frames", "pagers", "user")


def __getattr__(name):
    if name in _HANDLES:
        return _HANDLES[name]()
    if name in _FUNCTIONS:
        return getattr(__import__("memory." + _FUNCTIONS[name], None, None, (name,)), name)
    if name in _MODULES:
        return __import__("memory." + name, None, None, (name,))
    raise AttributeError("module 'memory' has no attribute '%s'" % name)


def __dir__():
    names = {name for name in globals() if name[0] != "_"}
    names.update(_HANDLES, _FUNCTIONS, _MODULES)
    return sorted(names)
