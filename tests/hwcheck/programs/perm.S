// SPDX-License-Identifier: MIT
// The window becomes read-only and writable again: TLBI before each use that depends on it, or not.
// BAD=1: 5c
// BAD=2: 5c
#include "program.inc"

    .macro flush
    dsb ishst
    tlbi vae1is, x3
    dsb ish
    isb
    .endm

main:
    movq x1, WINDOW
    lsr x3, x1, #12
    str xzr, [x1]
    movq x2, SCRATCH + PAGE_RO
    str x2, [x21]
    ldr x0, [x1] // is allowed either way
#if BAD == 1
    dsb ish
    isb
    str xzr, [x1] // QEMU still lets it through, or the handler goes on
#endif
    flush
    ldr x0, [x1]
    movq x2, SCRATCH + PAGE_RW
    str x2, [x21]
#if BAD == 2
    tlbi vae1is, x3 // before the DSB
    dsb ish
    isb
#else
    flush
#endif
    str xzr, [x1]
    done
