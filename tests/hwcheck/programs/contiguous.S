// SPDX-License-Identifier: MIT
// Pages with the contiguous hint: all 16 of a set, and one alone. (QEMU ignores the hint.)
// BAD=1: 5j
#include "program.inc"
#define HINT 0x10000000000000

main:
    movq x2, SCRATCH + 0x10000 + PAGE_RW + HINT
    add x3, x21, #128
    mov x4, #16
1:
    str x2, [x3], #8
    add x2, x2, #4096
#if !BAD
    subs x4, x4, #1
    b.ne 1b
#endif
    dsb ishst
    isb
    movq x1, WINDOW + 0x10000
    ldr x0, [x1]
    done
