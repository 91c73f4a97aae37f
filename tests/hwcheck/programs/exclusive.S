// SPDX-License-Identifier: MIT
// LDXR and STXR with the MMU on, and with it off.
// BAD=1: 1-exclusive-not-cacheable
#define EARLY
#include "program.inc"

use:
    ldxr x2, [x19]
    stxr w3, x2, [x19]
    ret

early:
    mov x18, x30
#if BAD
    bl use
#endif
    ret x18

main:
    bl use
    done
