// SPDX-License-Identifier: MIT
// FP is switched on and used: after an ISB, and before.
// BAD=1: 6b
#include "program.inc"

main:
    msr cpacr_el1, xzr
    isb
    mov x0, #3 << 20
    msr cpacr_el1, x0
#if !BAD
    isb
#endif
    fmov d0, x0
    isb
    done
