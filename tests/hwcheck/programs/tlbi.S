// SPDX-License-Identifier: MIT
// A page is unmapped and used: with break, TLBI and DSB, and without the TLBI.
// BAD=1: 5c
#include "program.inc"

main:
    movq x1, WINDOW
    ldr x0, [x1]
    str xzr, [x21]
    dsb ishst
#if !BAD
    lsr x2, x1, #12
    tlbi vae1is, x2
#endif
    dsb ish
    isb
    movq x2, SCRATCH + PAGE_RW
#if BAD
    ldr x0, [x1] // QEMU reads through its own stale entry
#endif
    str x2, [x21]
    dsb ishst
    isb
#if !BAD
    ldr x0, [x1]
#endif
    done
