// SPDX-License-Identifier: MIT
// Code is written and called after IC IALLU: with its DSB and ISB, and without the DSB before.
// BAD=1: 3-stale-instruction-fetch
#include "program.inc"

main:
    movq x0, SCRATCH + PAGE_RX
    str x0, [x21, #8]
    dsb ishst
    isb
    movq x20, WINDOW + 0x1000
    movz w1, #0x03c0
    movk w1, #0xd65f, lsl #16 // ret
    str w1, [x19]
    dc cvau, x19
#if !BAD
    dsb ish
#endif
    ic iallu
    dsb nsh
    isb
    blr x20
    done
