// SPDX-License-Identifier: MIT
// The return from an exception. A separate file, since the vectors, pager.S and user.S all end here and depend on
// nothing else of each other.

#include "asm.h"
#include "trap_frame.h"

// Resumes from the trap frame at sp, which is SP_EL1.
function exception_restore
    ldp x2, x3, [sp, #TRAP_FRAME_ELR]
    msr ELR_EL1, x2
    msr SPSR_EL1, x3
    ldp x2, x3, [sp, #TRAP_FRAME_FPCR]
    msr FPCR, x2
    msr FPSR, x3
    add x0, sp, #TRAP_FRAME_Q
    ldp q0, q1, [x0, #0]
    ldp q2, q3, [x0, #32]
    ldp q4, q5, [x0, #64]
    ldp q6, q7, [x0, #96]
    ldp q8, q9, [x0, #128]
    ldp q10, q11, [x0, #160]
    ldp q12, q13, [x0, #192]
    ldp q14, q15, [x0, #224]
    ldp q16, q17, [x0, #256]
    ldp q18, q19, [x0, #288]
    ldp q20, q21, [x0, #320]
    ldp q22, q23, [x0, #352]
    ldp q24, q25, [x0, #384]
    ldp q26, q27, [x0, #416]
    ldp q28, q29, [x0, #448]
    ldp q30, q31, [x0, #480]
    ldp x30, x1, [sp, #240]
    msr SP_EL0, x1
    ldp x2, x3, [sp, #16]
    ldp x4, x5, [sp, #32]
    ldp x6, x7, [sp, #48]
    ldp x8, x9, [sp, #64]
    ldp x10, x11, [sp, #80]
    ldp x12, x13, [sp, #96]
    ldp x14, x15, [sp, #112]
    ldp x16, x17, [sp, #128]
    ldp x18, x19, [sp, #144]
    ldp x20, x21, [sp, #160]
    ldp x22, x23, [sp, #176]
    ldp x24, x25, [sp, #192]
    ldp x26, x27, [sp, #208]
    ldp x28, x29, [sp, #224]
    ldp x0, x1, [sp, #0]
    add sp, sp, #TRAP_FRAME_SIZE
    eret
endfunction exception_restore
