// SPDX-License-Identifier: MIT
// A table is filled and linked: with a barrier between, and without.
// BAD=1: 5f
#include "program.inc"

main:
    movq x1, WINDOW + 0x200000
    address x4, window_blocks
    movq x5, DATA + 0x100000
    movq x2, SCRATCH + 0x1000 + PAGE_RW
    str x2, [x5]
#if !BAD
    dsb ishst
#endif
    add x5, x5, #TABLE
    str x5, [x4, #8]
    dsb ishst
    isb
    ldr x0, [x1]
    done
