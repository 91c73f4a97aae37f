// SPDX-License-Identifier: MIT
// VBAR is written, then an exception is taken: after an ISB, and before.
// BAD=1: 6c
#include "program.inc"

main:
    address x0, own
    msr vbar_el1, x0
#if !BAD
    isb
#endif
    svc #0
    isb
    done

    .balign 2048
own:
    .rept 16
    .balign 128
    eret
    .endr
