// SPDX-License-Identifier: MIT
// The flag register of the UART is read by words, and otherwise; and through a Normal mapping.
// BAD=1: 8a
// BAD=2: 8a
// BAD=3: 7a 8b
#include "program.inc"

main:
    ldr w0, [x20, #0x18]
#if BAD == 1
    ldrb w0, [x20, #0x18]
#elif BAD == 2
    ldrh w0, [x20, #0x18]
#elif BAD == 3
    movq x2, UART + PAGE_NC
    str x2, [x21, #8]
    dsb ishst
    isb
    movq x1, WINDOW + 0x1000
    ldr w0, [x1, #0x18]
#endif
    done
