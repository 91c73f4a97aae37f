// SPDX-License-Identifier: MIT
// A page of the window is replaced by another: with break-before-make, and with a step left out.
// BAD=1: 5b
// BAD=2: 5a
// BAD=3: 5a
// BAD=4: 5a
#include "program.inc"

main:
    movq x1, WINDOW
    ldr x0, [x1]
    lsr x3, x1, #12
    movq x2, SCRATCH + 0x1000 + PAGE_RW
#if BAD != 1
    str xzr, [x21]
#endif
#if BAD != 2
    dsb ishst
#endif
#if BAD == 3
    tlbi vae1is, xzr // another page
#elif BAD != 1
    tlbi vae1is, x3
#endif
#if BAD != 4 && BAD != 1
    dsb ish
#endif
    str x2, [x21]
    dsb ishst
    tlbi vae1is, x3
    dsb ish
    isb
    ldr x0, [x1]
    done
