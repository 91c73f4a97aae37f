// SPDX-License-Identifier: MIT
// The DMA engine copies a line: its control block and what it reads are cleaned before, what it
// writes is invalidated after it; and without these.
// BOARDS: RPI3 RPI4
// BAD=1: 4a
// BAD=2: 4a
// BAD=3: 4b
#include "program.inc"

#define BUS 0xc0000000
main:
    movq x1, (UART & 0xff000000) + 0x7000
    add x2, x19, #0x100 // from
    add x3, x19, #0x200 // to
    movq x4, BUS
    ldr w5, [x3]
    mov w5, #7
    str w5, [x2]
    mov w5, #1 << 4 | 1 << 8 // both addresses are incremented
    str w5, [x19]
    add w5, w2, w4
    str w5, [x19, #4]
    add w5, w3, w4
    str w5, [x19, #8]
    mov w5, #64
    str w5, [x19, #12]
    stp xzr, xzr, [x19, #16]
#if BAD != 1
    dc cvac, x2
#endif
#if BAD != 2
    dc cvac, x19
#endif
    dsb sy
    add w5, w19, w4
    str w5, [x1, #4]
    mov w5, #1
    str w5, [x1]
    dsb sy
#if BAD != 3
    dc ivac, x3
    dsb sy
#endif
    ldr w5, [x3]
    done
