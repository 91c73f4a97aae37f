// SPDX-License-Identifier: MIT
// The exception vectors of EL1 (Arm ARM, "Exception vectors"): each entry saves everything into a
// trap_frame_t and calls C. The thread runs on SP_EL0 and exceptions on SP_EL1, so an
// overflow of the thread's stack can still be handled; an exception taken on SP_EL1 is fatal and
// is reported from a stack of its own.

#include "asm.h"
#include "boot/layout.h"
#include "trap_frame.h"

#define CPACR_FPEN_SHIFT (20)       // both bits set: FP is not trapped

// Entry from SP_EL0 or from EL0: the stack pointer in use is SP_EL1, which is ours.
.macro entry_from_thread vector, handler
    .balign 0x80
    sub sp, sp, #TRAP_FRAME_SIZE
    stp x0, x1, [sp, #0]
    mov x0, #\vector
    mrs x1, SP_EL0
    stp x30, x1, [sp, #240]
    bl exception_save
    bl \handler
    b exception_restore
.endm

// Entry on SP_EL1: it may be the broken thing, so change to the emergency stack first.
.macro entry_from_exception vector
    .balign 0x80
    msr TPIDR_EL1, x0
    mov x0, sp
    b exception_emergency_\vector
.endm

.macro emergency vector
exception_emergency_\vector:
    msr TPIDRRO_EL0, x1             // a second scratch register: nothing else uses it
    ldr x1, =(LAYOUT_EMERGENCY_STACK_TOP - TRAP_FRAME_SIZE)
    mov sp, x1
    stp x30, x0, [sp, #240]
    mrs x0, TPIDR_EL1
    mrs x1, TPIDRRO_EL0
    stp x0, x1, [sp, #0]
    mov x0, #\vector
    bl exception_save
    bl exception_fatal
    b .
.endm

    .section .text.vectors, "ax"
    .balign 0x800
    .global vectors
vectors:
    entry_from_thread 0, exception_sync
    entry_from_thread 1, exception_irq
    entry_from_thread 2, exception_fatal
    entry_from_thread 3, exception_serror
    entry_from_exception 4
    entry_from_exception 5
    entry_from_exception 6
    entry_from_exception 7
    entry_from_thread 8, exception_user_sync
    entry_from_thread 9, exception_user_irq
    entry_from_thread 10, exception_fatal
    entry_from_thread 11, exception_user_serror
    entry_from_thread 12, exception_fatal
    entry_from_thread 13, exception_fatal
    entry_from_thread 14, exception_fatal
    entry_from_thread 15, exception_fatal
    .balign 0x80

    emergency 4
    emergency 5
    emergency 6
    emergency 7
    .ltorg

// Stores x2 to x29, the system registers, the vector number in x0 and the FP state; x0, x1, x30 and
// sp are in the trap frame already. Returns with x0 = the trap frame and x29 as interrupted, so that the
// chain of frame records leads into the interrupted code.
exception_save:
    stp x2, x3, [sp, #16]
    stp x4, x5, [sp, #32]
    stp x6, x7, [sp, #48]
    stp x8, x9, [sp, #64]
    stp x10, x11, [sp, #80]
    stp x12, x13, [sp, #96]
    stp x14, x15, [sp, #112]
    stp x16, x17, [sp, #128]
    stp x18, x19, [sp, #144]
    stp x20, x21, [sp, #160]
    stp x22, x23, [sp, #176]
    stp x24, x25, [sp, #192]
    stp x26, x27, [sp, #208]
    stp x28, x29, [sp, #224]
    mrs x2, ELR_EL1
    mrs x3, SPSR_EL1
    stp x2, x3, [sp, #TRAP_FRAME_ELR]
    mrs x2, ESR_EL1
    mrs x3, FAR_EL1
    stp x2, x3, [sp, #TRAP_FRAME_ESR]
    str x0, [sp, #TRAP_FRAME_VECTOR]
    mrs x2, CPACR_EL1
    tbz x2, #CPACR_FPEN_SHIFT, 2f   // machine code has turned FP off: each register below would be an exception here
1:  mrs x2, FPCR
    mrs x3, FPSR
    stp x2, x3, [sp, #TRAP_FRAME_FPCR]
    add x0, sp, #TRAP_FRAME_Q
    stp q0, q1, [x0, #0]
    stp q2, q3, [x0, #32]
    stp q4, q5, [x0, #64]
    stp q6, q7, [x0, #96]
    stp q8, q9, [x0, #128]
    stp q10, q11, [x0, #160]
    stp q12, q13, [x0, #192]
    stp q14, q15, [x0, #224]
    stp q16, q17, [x0, #256]
    stp q18, q19, [x0, #288]
    stp q20, q21, [x0, #320]
    stp q22, q23, [x0, #352]
    stp q24, q25, [x0, #384]
    stp q26, q27, [x0, #416]
    stp q28, q29, [x0, #448]
    stp q30, q31, [x0, #480]
    mov x0, sp
    ret
2:  orr x2, x2, #(3 << CPACR_FPEN_SHIFT)
    msr CPACR_EL1, x2
    isb
    b 1b

// Vectors of the time before the MMU: C with its absolute pointers cannot run yet, so the report is
// three numbers on the UART (boot_exception), which is enough to find the place.
    .section .text.boot_vectors, "ax"
    .balign 0x800
    .global boot_vectors
boot_vectors:
    .rept 16
    .balign 0x80
    mrs x0, ESR_EL1
    mrs x1, ELR_EL1
    mrs x2, FAR_EL1
    bl boot_exception
    b .
    .endr
