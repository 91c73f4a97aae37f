// SPDX-License-Identifier: MIT
// A block goes to the SD card by SDMA, then by ADMA2 with one descriptor, and one comes from it: what
// the controller reads is cleaned, what it writes is invalidated; and without these.
// BOARDS: RPI3 RPI4
// BAD=1: 4a
// BAD=2: 4a
// BAD=3: 4b
#include "program.inc"

#ifdef RPI4
#define SDHCI 0xfe340000
#else
#define SDHCI 0x3f300000
#endif
#define WRITE 24 << 24 | 0x2a << 16 | 1 // CMD24 with data and a short answer, by DMA
#define READ 17 << 24 | 0x2a << 16 | 1 << 4 | 1

main:
    movq x1, SDHCI
    add x2, x19, #0x200
    mov w5, #7
    str w5, [x2]
#if BAD != 1
    dc cvac, x2
#endif
    dsb sy
    movq x5, 1 << 16 | 512
    str w5, [x1, #4]
    str w2, [x1]
    movq x5, WRITE
    str w5, [x1, #12]
    dsb sy

    movq x5, 512 << 16 | 2 << 4 | 3 // a transfer, the last one
    stp w5, w2, [x19]
    dc cvac, x2
#if BAD != 2
    dc cvac, x19
#endif
    dsb sy
    mov w5, #2 << 3
    str w5, [x1, #0x28]
    str w19, [x1, #0x58]
    movq x5, WRITE
    str w5, [x1, #12]
    dsb sy

    str wzr, [x1, #0x28]
    str w2, [x1]
    movq x5, READ
    str w5, [x1, #12]
    dsb sy
#if BAD != 3
    dc civac, x2
    dsb sy
#endif
    ldr w5, [x2]
    done
