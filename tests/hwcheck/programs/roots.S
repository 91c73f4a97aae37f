// SPDX-License-Identifier: MIT
// Another root, where the window is another page: with an empty TLB or another ASID, and without.
// BAD=1: 5k
// BAD=2: 5l
#include "program.inc"
#define NG (1 << 11)
#define AS (1 << 36)

main:
    address x0, root
    movq x1, DATA + 0x100000 // the root's copy, then tables of level 2 and 3
    mov x6, x1
    add x3, x0, #4096
1:
    ldr x4, [x0], #8
    str x4, [x1], #8
    cmp x0, x3
    b.lo 1b
    add x4, x1, #TABLE
    str x4, [x6, #32]
    add x5, x1, #4096
    add x4, x5, #TABLE
    str x4, [x1]
#if BAD == 1
    movq x4, SCRATCH + 0x1000 + PAGE_RW
#else
    movq x4, SCRATCH + 0x1000 + PAGE_RW + NG
    movq x7, SCRATCH + PAGE_RW + NG // and the one before becomes ASID 0's
    str xzr, [x21]
    dsb ishst
    tlbi vmalle1
    dsb nsh
    str x7, [x21]
#endif
    str x4, [x5]
    dsb ish
    isb
    movq x8, WINDOW
    ldr x0, [x8]
#if !BAD
    movk x6, #1, lsl #48 // an ASID of its own
#endif
    msr ttbr0_el1, x6
    isb
#if BAD
    tlbi vmalle1
    dsb nsh
    isb
#endif
    ldr x0, [x8]
    done
