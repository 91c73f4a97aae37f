# SPDX-License-Identifier: MIT
"""The machine's memory: frames, address spaces, heaps.

memory.info()                    the boot report
memory.frames.alloc(4)           physical memory
memory.AddressSpace()            page tables of the lower half
memory.kernel, memory.identity   the tables in use
memory.heap.alloc(100)           the 1 MiB kernel heap
memory.user.run(code)            a program at EL0
memory.selftest()                is it all right?
"""

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

from memory import frames
from memory._report import info, report


def __getattr__(name):
    # The handles exist only once boot has made them, and the rest is imported when it is used:
    # boot stays quick.
    import _memory

    if name == "kernel":
        return _memory.kernel()
    if name == "identity":
        return _memory.identity()
    if name == "heap":
        return _memory.kernel_heap()
    if name == "selftest":
        from memory._selftest import selftest

        return selftest
    if name == "pagers":
        import memory.pagers

        return memory.pagers
    if name == "ramdisk":
        from memory._ramdisk import ramdisk

        return ramdisk
    if name == "regs":
        from memory._regs import regs

        return regs
    if name == "user":
        import memory.user

        return memory.user
    raise AttributeError("module 'memory' has no attribute '%s'" % name)
