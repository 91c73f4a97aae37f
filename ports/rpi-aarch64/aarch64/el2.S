// SPDX-License-Identifier: MIT
// What stays at EL2 after the drop to EL1. It runs with EL2's MMU off, at physical addresses.
//   HVC #0, x0 = 1: go back to EL2 and branch to x1 with x0 = x2 (how a new kernel is entered).
//   HVC #0, other x0: x0 = -1.
// Anything else that traps to EL2 is handed to EL1's own vector, so that it ends as a crash report.

#include "asm.h"
#include "core/fault/syndrome.h"

#define EL2_ENTER   1

.macro el2_ignore
    .balign 0x80
    b .
.endm

    .section .text.el2, "ax"
    .balign 0x800
    .global el2_vectors
el2_vectors:
    .rept 8
    el2_ignore
    .endr
    .balign 0x80                    // synchronous, from EL1
    b el2_sync
    .rept 7
    el2_ignore
    .endr

el2_sync:
    msr TPIDR_EL2, x9
    mrs x9, ESR_EL2
    lsr x9, x9, #ESR_EC_SHIFT
    cmp x9, #ESR_EC_HVC
    b.ne el2_reflect
    cmp x0, #EL2_ENTER
    b.ne 1f
    msr ELR_EL2, x1
    mov x9, #(PSTATE_EL2H | PSTATE_DAIF)
    msr SPSR_EL2, x9
    mov x0, x2
    mov x1, #0
    mov x2, #0
    mov x3, #0
    eret
1:  mov x0, #-1
    mrs x9, TPIDR_EL2
    eret

// Make EL1 see the trap as its own synchronous exception.
el2_reflect:
    mrs x9, ESR_EL2
    msr ESR_EL1, x9
    mrs x9, FAR_EL2
    msr FAR_EL1, x9
    mrs x9, ELR_EL2
    msr ELR_EL1, x9
    mrs x9, SPSR_EL2
    msr SPSR_EL1, x9
    tst x9, #0xc                    // what was interrupted picks the row of vectors: EL0,
    b.eq 2f
    tst x9, #1                      // EL1 on SP_EL0, or on SP_EL1
    mrs x9, VBAR_EL1
    b.eq 1f
    add x9, x9, #0x200
    b 1f
2:  mrs x9, VBAR_EL1
    add x9, x9, #0x400
1:  msr ELR_EL2, x9
    mov x9, #(PSTATE_EL1H | PSTATE_DAIF)
    msr SPSR_EL2, x9
    mrs x9, TPIDR_EL2
    eret
