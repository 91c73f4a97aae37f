// SPDX-License-Identifier: MIT
// Programs at EL0 for Python: _memory.Registers and _memory.user_run(). The policy, where code and stack lie and how
// long a program may run, is memory/user.py; entry and return are port_user_enter().

#ifndef MODULES_MEMORY_BINDINGS_USER_H
#define MODULES_MEMORY_BINDINGS_USER_H

#include "py/obj.h"

#include "port.h"

// A program's registers, as attributes. They outlive the program.
typedef struct _bind_registers_obj_t {
    mp_obj_base_t base;
    mp_obj_t space;            // AddressSpace of the program that runs with them; MP_OBJ_NULL when none does
    bool called;               // the program's latest stop was a system call
    user_state_t state;
} bind_registers_obj_t;

extern const mp_obj_type_t memory_registers_type;   // Registers(): all zero
extern const mp_obj_base_t memory_user_exit;        // what a handler returns to end the program

// The registers of a Registers object; TypeError for anything else.
bind_registers_obj_t *bind_registers_get(mp_obj_t obj);

// user_run(space, registers, pc, sp, args, handler, limit_ms) -> registers
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(memory_user_run_obj);
MP_DECLARE_CONST_FUN_OBJ_0(memory_user_last_obj); // user_last() -> registers or None

// Called at each start of MicroPython.
void bind_user_reset(void);

#endif // MODULES_MEMORY_BINDINGS_USER_H
