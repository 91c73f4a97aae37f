// SPDX-License-Identifier: MIT
// A store with the MMU off beside bytes that are dirty in the cache: cleaned before, and not.
// BAD=1: 4c
#include "program.inc"

main:
    mov x2, #7
    str x2, [x19]
    add x0, x19, #BAD * 64 // cleans another line
    add x1, x0, #64
    bl mmu_off
    str x2, [x19, #8]
    done
