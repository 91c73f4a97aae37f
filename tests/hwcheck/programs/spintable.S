// SPDX-License-Identifier: MIT
// Another core is released from the spin table: its word is cleaned before SEV, and not.
// BOARDS: RPI3 RPI4
// BAD=1: 4a
#include "program.inc"

main:
    movq x0, PAGE_RW // page 0
    str x0, [x21, #8]
    dsb ishst
    isb
    movq x1, WINDOW + 0x1000
    adr x0, park
    str x0, [x1, #0xe0]
#if !BAD
    add x2, x1, #0xe0
    dc civac, x2
#endif
    dsb sy
    sev
    mov w0, #0x10000
1:
    subs w0, w0, #1
    b.ne 1b
    done
