// SPDX-License-Identifier: MIT
// Code is written and called: with all five steps, and each time without one of them.
// BAD=1: 3-stale-instruction-fetch
// BAD=2: 3-stale-instruction-fetch
// BAD=3: 3-stale-instruction-fetch
// BAD=4: 3-stale-instruction-fetch
// BAD=5: 3-stale-instruction-fetch
#include "program.inc"

main:
    movq x0, SCRATCH + PAGE_RX
    str x0, [x21, #8]
    dsb ishst
    isb
    movq x20, WINDOW + 0x1000
    movz w22, #0x0001
    movk w22, #0x5280, lsl #16 // mov w1, #0
    bl write
    add w22, w22, #0x20 // mov w1, #1
    bl write
    done

write:
    mov x28, x30
    movz w1, #0x03c0
    movk w1, #0xd65f, lsl #16 // ret
    stp w22, w1, [x19]
#if BAD != 1
    dc cvau, x19
#endif
#if BAD != 2
    dsb ish
#endif
#if BAD != 3
    ic ivau, x20
#endif
#if BAD != 4
    dsb ish
#endif
#if BAD != 5
    isb
#endif
    blr x20
    isb
    ret x28
