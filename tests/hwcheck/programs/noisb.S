// SPDX-License-Identifier: MIT
// MAIR is written, then memory is read: with ISB, and without.
// BAD=1: 6a
#include "program.inc"

main:
    movq x0, MAIR + 0xff000000
    msr mair_el1, x0
#if !BAD
    isb
#endif
    ldr x1, [x19]
    isb
    done
