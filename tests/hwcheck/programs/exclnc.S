// SPDX-License-Identifier: MIT
// LDXR and STXR of a page that is write-back, and of one that is not cacheable.
// BAD=1: 1-exclusive-not-cacheable
#include "program.inc"

main:
    movq x0, RAM + 0x600000 + PAGE_RW
#if BAD
    movq x0, RAM + 0x600000 + PAGE_NC
#endif
    str x0, [x21, #8]
    dsb ishst
    isb
    movq x1, WINDOW + 0x1000
    ldxr x2, [x1]
    stxr w3, x2, [x1]
    done
