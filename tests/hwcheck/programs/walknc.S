// SPDX-License-Identifier: MIT
// TCR lets the walker read memory only: descriptors are cleaned to it, and not.
// BAD=1: 5e
#include "program.inc"

main:
    movq x0, 0x1b5193019 // IRGN0 = ORGN0 = 0
    msr tcr_el1, x0
    isb
    tlbi vmalle1
    dsb nsh
    isb
    movq x1, WINDOW + 0x1000
    movq x2, SCRATCH + 0x1000 + PAGE_RW
    str x2, [x21, #8]
#if !BAD
    dc cvac, x21
#endif
    dsb sy
    isb
    ldr x0, [x1]
    done
