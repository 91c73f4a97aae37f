// SPDX-License-Identifier: MIT
// The way into a program at EL0 and back (user_mode.c).

#include "asm.h"
#include "trap_frame.h"

// What user_switch keeps on the thread's stack, in bytes from its stack pointer.
#define KEPT_FPCR   160
#define KEPT_STATE  168
#define KEPT_SIZE   176

// void user_switch(user_state_t *state, uint64_t *kernel_sp): goes on at EL0 with the registers of
// *state, and returns when user_mode.c resumes at user_leave with SP_EL0 = *kernel_sp. Call it with IRQ
// masked: SP_EL1 is in use between here and the ERET. What the procedure call standard has the
// callee preserve (AAPCS64 6.1) is kept on the thread's stack meanwhile, and FPCR, which
// every function preserves.
function user_switch
    stp x29, x30, [sp, #-KEPT_SIZE]!
    mov x29, sp
    stp x19, x20, [sp, #16]
    stp x21, x22, [sp, #32]
    stp x23, x24, [sp, #48]
    stp x25, x26, [sp, #64]
    stp x27, x28, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mrs x2, FPCR
    stp x2, x0, [sp, #KEPT_FPCR]
    mov x2, sp
    str x2, [x1]
    msr SPSel, #1
    sub sp, sp, #TRAP_FRAME_SIZE
    mov x1, sp
    add x2, sp, #TRAP_FRAME_SIZE
1:  ldp x3, x4, [x0], #16           // the way out of an exception loads every register
    stp x3, x4, [x1], #16
    cmp x1, x2
    b.lo 1b
    ldr x3, [x0]                    // user_state_t.tpidr, behind the trap frame
    msr TPIDR_EL0, x3               // the kernel uses neither of the two
    msr TPIDRRO_EL0, xzr
    b exception_restore
endfunction user_switch

// Entered by ERET at EL1t with the program's registers but for SP, IRQ and SErrors masked. Between user_leave and
// user_left the thread takes the SErrors of the program's accesses, which user_mode_recover() resumes at user_left.
function user_leave
    dsb sy
    msr DAIFClr, #4
    isb
    msr DAIFSet, #4
    .global user_left
user_left:
    ldp x2, x0, [sp, #KEPT_FPCR]
    msr FPCR, x2
    mrs x3, TPIDR_EL0
    str x3, [x0, #TRAP_FRAME_SIZE]
    ldp x19, x20, [sp, #16]
    ldp x21, x22, [sp, #32]
    ldp x23, x24, [sp, #48]
    ldp x25, x26, [sp, #64]
    ldp x27, x28, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    ldp x29, x30, [sp], #KEPT_SIZE
    ret
endfunction user_leave

// SCTLR_EL1 (Arm ARM, "SCTLR_EL1, System Control Register (EL1)"): what it grants to EL0 and what it keeps from it.
#define SCTLR_SA0   (1 << 4)        // a misaligned SP faults when it is used, as at EL1
#define SCTLR_UMA   (1 << 9)        // DAIF: the program must not mask the timer that stops it
#define SCTLR_DZE   (1 << 14)       // DC ZVA: memset() of compiled code; only a store
#define SCTLR_UCT   (1 << 15)       // CTR_EL0: only of use with cache maintenance
#define SCTLR_NTWI  (1 << 16)       // WFI and WFE wait for an interrupt: the timer ends that;
#define SCTLR_NTWE  (1 << 18)       //   there is no other thread
#define SCTLR_UCI   (1 << 26)       // cache maintenance: the kernel does it before a program runs
#define SCTLR_GRANTED (SCTLR_SA0 | SCTLR_DZE | SCTLR_NTWI | SCTLR_NTWE)
#define SCTLR_DENIED  (SCTLR_UMA | SCTLR_UCT | SCTLR_UCI)

// CNTKCTL_EL1: EL0 may read the virtual counter, which is the time; not the physical one,
// and neither timer. No event stream.
#define CNTKCTL_EL0VCTEN (1 << 1)

// MDSCR_EL1: no debug exceptions, and none of the debugger's channel for EL0.
#define MDSCR_TDCC  (1 << 12)

// void user_switch_init(void): what EL0 may do. The reset values of these registers are unknown.
function user_switch_init
    mrs x0, SCTLR_EL1
    ldr w1, =SCTLR_GRANTED
    ldr w2, =SCTLR_DENIED
    orr x0, x0, x1
    bic x0, x0, x2
    msr SCTLR_EL1, x0
    mov x0, #CNTKCTL_EL0VCTEN
    msr CNTKCTL_EL1, x0
    mov x0, #MDSCR_TDCC
    msr MDSCR_EL1, x0
    msr PMUSERENR_EL0, xzr          // no performance counters
    msr TPIDR_EL0, xzr
    msr TPIDRRO_EL0, xzr
    isb
    ret
    .ltorg
endfunction user_switch_init
