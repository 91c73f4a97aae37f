// SPDX-License-Identifier: MIT
// DC ZVA with the MMU on, and with it off.
// BAD=1: 2b
#define EARLY
#include "program.inc"

early:
#if BAD
    dc zva, x19
#endif
    ret

main:
    dc zva, x19
    ldr x0, [x19]
    done
