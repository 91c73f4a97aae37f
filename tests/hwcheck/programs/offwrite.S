// SPDX-License-Identifier: MIT
// Memory that the cache has is written with the MMU off, then read with it on: invalidated before,
// and not.
// BAD=1: 4b
#include "program.inc"

main:
    ldr x2, [x19]
    add x0, x19, #BAD * 64 // invalidates another line
    add x1, x0, #64
    bl mmu_off
    mov x2, #7
    str x2, [x19]
    bl mmu_on
    ldr x2, [x19]
    done
