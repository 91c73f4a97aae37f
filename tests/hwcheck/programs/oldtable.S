// SPDX-License-Identifier: MIT
// A descriptor that the cache has is written with the MMU off: invalidated once that is off, and not.
// BAD=1: 4e
#include "program.inc"

main:
    ldr x2, [x21, #8]
    add x0, x21, #BAD * 64 // 1: another line
    add x1, x0, #64
    bl mmu_off
    add x0, x21, #BAD * 64
    dc ivac, x0
    dsb sy
    movq x2, SCRATCH + PAGE_RW
    str x2, [x21, #8]
    dsb sy
    bl mmu_on
    movq x1, WINDOW + 0x1000
    ldr x2, [x1]
    done
