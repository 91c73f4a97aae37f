// SPDX-License-Identifier: MIT
// A pixel is drawn into the frame buffer, through a write-back mapping; then the core waits: after a
// clean, and without it. The mapping breaks no rule: the VideoCore's answer made it RAM.
// BOARDS: RPI3 RPI4
// BAD=1: 4a
// BAD=2: 4a
#include "program.inc"

main:
    address x0, request
    ldp x2, x3, [x0]
    stp x2, x3, [x19]
    ldp x2, x3, [x0, #16]
    stp x2, x3, [x19, #16]
    ldp x2, x3, [x0, #32]
    stp x2, x3, [x19, #32]
    ldp x2, x3, [x0, #48]
    stp x2, x3, [x19, #48]
    ldp x2, x3, [x0, #64]
    stp x2, x3, [x19, #64]
    ldp x2, x3, [x0, #80]
    stp x2, x3, [x19, #80]
    dc civac, x19
    add x2, x19, #64
    dc civac, x2
    dsb sy
    ask_videocore
    dc ivac, x19
    add x2, x19, #64
    dc ivac, x2
    dsb sy
    ldr w2, [x19, #76] // the frame buffer, as the VideoCore has it
    and x2, x2, #0x3ffff000
    movq x3, PAGE_RW
    orr x2, x2, x3
    str x2, [x21, #8]
    dsb ishst
    isb
    movq x4, WINDOW + 0x1000
    mov w5, #-1
    str w5, [x4]
#if BAD != 1
    dc cvac, x4
#endif
#if BAD != 2
    dsb sy
#endif
    sevl
    wfe
    done

    .balign 16
request:
    .word 96, 0
    .word 0x48003, 8, 0, 320, 200 // physical size
    .word 0x48004, 8, 0, 320, 200 // virtual size
    .word 0x48005, 4, 0, 32 // depth: the tag that follows begins at 64
    .word 0x40001, 8, 0, 16, 0 // allocate: its value is at 76
    .word 0
