// SPDX-License-Identifier: MIT
// What stays at EL2 after the drop to EL1. It runs with EL2's MMU off, at physical addresses.
//   HVC #EL2_ENTER: go back to EL2 and branch to x1 with x0 = x2 (how a new kernel is entered).
//   Any other HVC, and SMC: an undefined instruction for EL1, as where EL2 and EL3 do not exist.
// Anything else that traps to EL2 is handed to EL1's own vector. So all of it is raised as memory.Fault, or ends as a
// crash report.

#include "asm.h"
#include "el2.h"
#include "core/fault/syndrome.h"

// An exception that cannot be taken: from EL2 itself, where nothing runs but this file, and interrupts and SErrors,
// which HCR_EL2 routes to EL1. A core that comes here all the same stays, with everything masked.
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
    cmp x9, #ESR_EC_SMC             // trapped, so ELR is its address
    b.eq el2_undefined
    cmp x9, #ESR_EC_HVC
    b.ne el2_reflect
    mrs x9, ESR_EL2
    and x9, x9, #ESR_IMMEDIATE_MASK
    cmp x9, #EL2_ENTER
    b.ne 1f
    msr ELR_EL2, x1
    mov x9, #(PSTATE_EL2H | PSTATE_DAIF)
    msr SPSR_EL2, x9
    mov x0, x2
    mov x1, #0
    mov x2, #0
    mov x3, #0
    eret
1:  mrs x9, ELR_EL2                 // behind the HVC
    sub x9, x9, #4
    msr ELR_EL2, x9
el2_undefined:
    mov x9, #ESR_IL                 // class 0: undefined instruction
    msr ESR_EL2, x9

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
