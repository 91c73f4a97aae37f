// SPDX-License-Identifier: MIT
// What a page must not map: each by one descriptor.
// BAD=1: 7a
// BAD=2: 7b
// BAD=3: 7c
// BAD=4: 7d
// BAD=5: 7e
// BAD=6: 5g
#include "program.inc"
#define PXN (1 << 53)

main:
#if BAD == 0
    movq x2, SCRATCH + 0x1000 + PAGE_RW
#elif BAD == 1
    movq x2, UART + 0x10000 + PAGE_RW
#elif BAD == 2
    movq x2, UART + PAGE_RW + 4 - PXN
#elif BAD == 3
    movq x2, SCRATCH + PAGE_RW - PXN
#elif BAD == 4
    movq x2, SCRATCH + PAGE_RW - 0x300
#elif BAD == 5
    movq x2, SCRATCH + PAGE_NC
#endif
#if BAD == 6
    movq x2, UART + 0xf000 + TABLE
    address x21, window_blocks
#endif
    str x2, [x21, #8]
    dsb ishst
    isb
    done
