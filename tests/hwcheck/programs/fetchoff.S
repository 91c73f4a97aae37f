// SPDX-License-Identifier: MIT
// Code is written through the cache and called with MMU and caches off: cleaned, and not.
// BAD=1: 3-fetch-of-dirty-line
#include "program.inc"

main:
    movz w1, #0x03c0
    movk w1, #0xd65f, lsl #16 // ret
    str w1, [x19]
    add x0, x19, #BAD * 64 // cleans another line
    add x1, x0, #64
    bl mmu_off
    blr x19
    done
