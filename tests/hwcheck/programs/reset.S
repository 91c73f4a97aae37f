// SPDX-License-Identifier: MIT
// Memory is read that was written before a reset: cleaned before that, and not.
// BAD=1: 4g
#include "program.inc"

main:
    ldr x0, [x19, #0x800]
    movq x1, 0x5eed
    cmp x0, x1
    b.eq again
    str x1, [x19]
    str x1, [x19, #0x800]
    add x2, x19, #0x800
    dc civac, x2
#if !BAD
    dc civac, x19
#endif
    dsb sy
#if RAM
    movz w0, #0x8400, lsl #16
    movk w0, #9 // PSCI: SYSTEM_RESET
    hvc #0
#else
    movq x0, (UART & 0xff000000) + 0x100000
    movz w1, #0x5a00, lsl #16
    orr w2, w1, #8
    str w2, [x0, #0x24]
    orr w2, w1, #0x20
    str w2, [x0, #0x1c]
#endif
1:
    b 1b

again:
    ldr x0, [x19]
    done
