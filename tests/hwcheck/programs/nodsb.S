// SPDX-License-Identifier: MIT
// A line is cleaned, then read with the MMU off: after a DSB, and without one.
// BAD=1: 4a
#include "program.inc"

main:
    str x20, [x19]
    dc cvac, x19
#if !BAD
    dsb sy
#endif
    movq x2, SCTLR_OFF
    msr sctlr_el1, x2
    isb
    ldr x0, [x19]
    done
