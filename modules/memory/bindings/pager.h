// SPDX-License-Identifier: MIT
// Pagers: Python functions that resolve faults. An exception in a range with a pager becomes a call of bind_pager_run()
// in the thread; code that must not fault half way calls bind_pager_pin() first (both in hooks.h).

#ifndef MODULES_MEMORY_BINDINGS_PAGER_H
#define MODULES_MEMORY_BINDINGS_PAGER_H

#include "hooks.h"
#include "space.h"

#define BIND_PAGER_DEPTH (4)   // pagers running at one time, each for a fault of the one before it

MP_DECLARE_CONST_FUN_OBJ_KW(memory_space_reserve_obj); // space.reserve(va, size, prot='rw', pager=None, step=False)
MP_DECLARE_CONST_FUN_OBJ_3(memory_space_evict_obj);    // space.evict(va, size)

// Whether the space in TTBR0 has a pager for va.
bool bind_pager_has(mem_va_t va);

// bind_pager_run() for a fault at EL0. False when the fault is not for a pager.
bool bind_pager_run_user(const trap_frame_t *trap);

// Forgets the pager with this number if no range of the space uses it: after unmap(), or a reserve() that failed.
void bind_pager_forget_unused(bind_space_obj_t *self, uint32_t number);

// Soft reset: forgets the pagers of every space.
void bind_pager_reset(void);

#endif // MODULES_MEMORY_BINDINGS_PAGER_H
