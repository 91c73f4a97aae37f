// SPDX-License-Identifier: MIT
// What memtest.c cannot say in C.

#include "aarch64/asm.h"
#include "aarch64/el2.h"

// void memtest_call_with_fp(void (*fn)(void *), void *arg, const double *before, double *after)
function memtest_call_with_fp, .text.memtest
    stp x29, x30, [sp, #-96]!
    mov x29, sp
    stp d8, d9, [sp, #32]
    stp d10, d11, [sp, #48]
    stp d12, d13, [sp, #64]
    stp d14, d15, [sp, #80]
    str x3, [sp, #16]
    ldp d8, d9, [x2, #0]
    ldp d10, d11, [x2, #16]
    ldp d12, d13, [x2, #32]
    ldp d14, d15, [x2, #48]
    mov x4, x0
    mov x0, x1
    blr x4
    ldr x3, [sp, #16]
    stp d8, d9, [x3, #0]
    stp d10, d11, [x3, #16]
    stp d12, d13, [x3, #32]
    stp d14, d15, [x3, #48]
    ldp d8, d9, [sp, #32]
    ldp d10, d11, [sp, #48]
    ldp d12, d13, [sp, #64]
    ldp d14, d15, [sp, #80]
    ldp x29, x30, [sp], #96
    ret
endfunction memtest_call_with_fp

// void memtest_fault_with_record(uint64_t record): faults with x29 = record.
function memtest_fault_with_record, .text.memtest
    mov x29, x0
    mov x0, #0x10
    ldr x0, [x0]
    b .
endfunction memtest_fault_with_record

// void memtest_hvc(uint64_t unused, uint64_t pa): has EL2 branch to pa (el2.S).
function memtest_hvc, .text.memtest
    adr x2, 1f
    hvc #EL2_ENTER
1:  ret
endfunction memtest_hvc

// Runs at EL2, MMU off, x0 = where to go back to at EL1: makes a virtual SError pending.
function memtest_el2_abort, .text.memtest
    mrs x1, HCR_EL2
    mov x2, #0x120                  // AMO, VSE
    orr x1, x1, x2
    msr HCR_EL2, x1
    mov x1, #0x84                   // EL1t, IRQ masked, so that nothing can be raised
    msr SPSR_EL2, x1
    msr ELR_EL2, x0
    eret
endfunction memtest_el2_abort
