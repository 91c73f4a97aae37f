# SPDX-License-Identifier: MIT
"""Where things lie in the kernel's half, as the port's layout.h has it."""

from __future__ import annotations

import re

from pimem import ROOT

HEADER = ROOT / "ports" / "rpi-aarch64" / "boot" / "layout.h"
DEFINED = {
    name: int(value, 16)
    for name, value in re.findall(r"^#define LAYOUT_(\w+) +(0x\w+)$", HEADER.read_text(), re.M)
}
LINEAR = DEFINED["LINEAR"]
IMAGE = DEFINED["IMAGE"]
STACKS = DEFINED["STACKS"]
STACK_GUARD_SIZE = DEFINED["STACK_GUARD"]
HEAP = DEFINED["HEAP"]
VIEW, VIEW_END = DEFINED["VIEW"], DEFINED["VIEW"] + DEFINED["VIEW_SIZE"]
GC = DEFINED["GC"]
FREE = DEFINED["FREE"]
MMIO = DEFINED["MMIO"]
#: The thread's stack begins after a guard, the first thing of the window. Boot maps its top.
STACK_GUARD = STACKS
THREAD_STACK_FIXED = DEFINED["THREAD_STACK_FIXED"]
THREAD_STACK_SIZE = DEFINED["THREAD_STACK_SIZE"]
THREAD_STACK_BOTTOM = STACKS + STACK_GUARD_SIZE
THREAD_STACK_TOP = THREAD_STACK_BOTTOM + THREAD_STACK_SIZE
