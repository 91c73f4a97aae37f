// SPDX-License-Identifier: MIT
// memory.Fault: what becomes of a fault that may be raised.

#ifndef MODULES_MEMORY_BIND_FAULT_H
#define MODULES_MEMORY_BIND_FAULT_H

#include "py/obj.h"

#include "fault/thread_fault.h"

extern const mp_obj_type_t mp_type_Fault;

MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(bind_fault_probe_obj);
MP_DECLARE_CONST_FUN_OBJ_VAR_BETWEEN(bind_fault_poke_obj);

// Entered in the thread by an exception return (thread_fault_redirect), with nobody to return to.
void fault_raise(const thread_fault_t *fault) __attribute__((noreturn));
// The same with another errno, and with words about it at the end of its sentence.
void fault_raise_because(const thread_fault_t *fault, int error, const char *why) __attribute__((noreturn));
void fault_raise_recursion(void) __attribute__((noreturn));

#endif // MODULES_MEMORY_BIND_FAULT_H
