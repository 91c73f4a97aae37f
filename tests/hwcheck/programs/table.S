// SPDX-License-Identifier: MIT
// The table of the window is unlinked: its pages and the link itself leave the TLB, or do not.
// BAD=1: 5c
// BAD=2: 5c
#include "program.inc"

main:
    movq x1, WINDOW
    lsr x3, x1, #12
    address x4, window_blocks
    ldr x5, [x4]
    ldr x0, [x1]
    str xzr, [x4]
    dsb ishst
#if BAD == 1
    tlbi vale1is, x3 // the page only
#elif BAD == 0
    tlbi vae1is, x3
#endif
    dsb ish
    isb
#if BAD
    at s1e1r, x1
#endif
    tlbi vmalle1is
    dsb ish
    isb
    at s1e1r, x1
    done
