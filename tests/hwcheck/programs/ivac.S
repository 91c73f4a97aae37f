// SPDX-License-Identifier: MIT
// A line is written and invalidated: with a clean, and without.
// BAD=1: 4d
#include "program.inc"

main:
    mov x2, #7
    str x2, [x19]
#if BAD
    dc ivac, x19
#else
    dc civac, x19
#endif
    dsb sy
    ldr x2, [x19]
    done
