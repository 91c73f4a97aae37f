// SPDX-License-Identifier: MIT
// Memory is written through the cache and read with the MMU off: cleaned before, and not.
// BAD=1: 4a
#include "program.inc"

main:
    mov x2, #7
    str x2, [x19, #64]
    add x0, x19, #BAD * 128 // cleans another line
    add x0, x0, #64
    add x1, x0, #64
    bl mmu_off
    ldr x2, [x19, #64]
    done
