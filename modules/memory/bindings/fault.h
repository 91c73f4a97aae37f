// SPDX-License-Identifier: MIT
// memory.Fault: what becomes of a fault that may be raised.

#ifndef MODULES_MEMORY_BINDINGS_FAULT_H
#define MODULES_MEMORY_BINDINGS_FAULT_H

#include "py/obj.h"

#include "hooks.h"

extern const mp_obj_type_t memory_fault_type;

MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(memory_probe_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(memory_poke_obj);

// bind_fault_raise() with another errno, and with words about it at the end of its sentence.
void bind_fault_raise_because(const bind_fault_t *fault, int error, const char *why) __attribute__((noreturn));

#endif // MODULES_MEMORY_BINDINGS_FAULT_H
