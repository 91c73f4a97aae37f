// SPDX-License-Identifier: MIT
// uintptr_t gc_helper_registers(uintptr_t regs[20]): stores every register that survives a call
// and so may hold the only pointer to an object (x19 to x29; the compiler may also spill a pointer
// to d8 to d15), and returns the stack pointer.

#include "asm.h"

function gc_helper_registers
    stp x19, x20, [x0, #0]
    stp x21, x22, [x0, #16]
    stp x23, x24, [x0, #32]
    stp x25, x26, [x0, #48]
    stp x27, x28, [x0, #64]
    stp x29, x30, [x0, #80]
    stp d8, d9, [x0, #96]
    stp d10, d11, [x0, #112]
    stp d12, d13, [x0, #128]
    stp d14, d15, [x0, #144]
    mov x0, sp
    ret
endfunction gc_helper_registers
