// SPDX-License-Identifier: MIT
// Between a fault and its retry: the thread runs the pager, with the registers of the fault on its
// stack, then leaves as from any exception. Every exception is masked from the moment the trap frame
// is last read by the thread to the ERET.

#include "asm.h"
#include "pager.h"
#include "trap_frame.h"

function pager_entry
    bl bind_pager_run
    msr DAIFSet, #15
    cbz w0, 1f
    add x0, sp, #PAGER_STACK_TRAP
    bl step_begin
1:  add x1, sp, #PAGER_STACK_TRAP
    msr SPSel, #1
    sub sp, sp, #TRAP_FRAME_SIZE
    mov x2, sp
    mov x3, #TRAP_FRAME_SIZE
2:  ldp q0, q1, [x1], #32
    stp q0, q1, [x2], #32
    subs x3, x3, #32
    b.ne 2b
    b exception_restore
endfunction pager_entry
