// SPDX-License-Identifier: MIT
// Around MicroPython's bytecode loop (the linker's --wrap puts it there): a frame record with the code
// state beside it, which is how the crash report finds the Python line that runs, and a word for the search
// of the stack (fault/thread_fault.c). Six instructions a call of a Python function.

#include "asm.h"

// mp_vm_return_kind_t mp_execute_bytecode(mp_code_state_t *code_state, volatile mp_obj_t inject_exc)
function __wrap_mp_execute_bytecode, .text.vm_entry
    stp x29, x30, [sp, #-32]!
    mov x29, sp
    stp x0, xzr, [sp, #16]          // VM_ENTRY_CODE_STATE in crash_python.c, VM_ENTRY_MARK in thread_fault.c
    bl __real_mp_execute_bytecode
    .global vm_entry_return
vm_entry_return:
    ldp x29, x30, [sp], #32
    ret
endfunction __wrap_mp_execute_bytecode
