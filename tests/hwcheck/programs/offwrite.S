// SPDX-License-Identifier: MIT
// Memory that the cache has is written with the MMU off, then read with it on: invalidated between,
// not at all (1), and only while speculation might still bring it back (2).
// BAD=1: 4b
// BAD=2: 4b
#include "program.inc"

#if BAD == 1
#define OTHER 64
#else
#define OTHER 0
#endif

main:
    ldr x2, [x19]
    add x0, x19, #OTHER // invalidates another line
    add x1, x0, #64
    bl mmu_off
#if !BAD
    dc ivac, x19
    dsb sy
#endif
    mov x2, #7
    str x2, [x19]
    bl mmu_on
    ldr x2, [x19]
    done
