// SPDX-License-Identifier: MIT
// A copy of the root with one entry more becomes the root: with DSB before TTBR0, and without.
// BAD=1: 5h
#include "program.inc"

main:
    address x0, root
    movq x1, DATA + 0x100000
    mov x2, x1
    add x3, x0, #4096
1:
    ldr x4, [x0], #8
    str x4, [x1], #8
    cmp x0, x3
    b.lo 1b
#if !BAD
    dsb ish
#endif
    msr ttbr0_el1, x2
    isb
    tlbi vmalle1
    dsb nsh
    isb
    ldr x0, [x19]
    done
