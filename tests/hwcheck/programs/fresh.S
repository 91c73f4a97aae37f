// SPDX-License-Identifier: MIT
// A page that was not mapped is mapped and used: after DSB and ISB, and without one of them.
// BAD=1: 5d
// BAD=2: 5d
#include "program.inc"

main:
    movq x1, WINDOW + 0x1000
    movq x2, SCRATCH + 0x1000 + PAGE_RW
    str x2, [x21, #8]
#if BAD != 1
    dsb ishst
#endif
#if BAD != 2
    isb
#endif
    ldr x0, [x1]
    done
