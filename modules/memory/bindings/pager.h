// SPDX-License-Identifier: MIT
// Pagers: Python functions that resolve faults. An exception in a range with a pager becomes a call of bind_pager_run()
// in the thread; code that must not fault half way asks with bind_pager_pin() first (both in hooks.h).

#ifndef MODULES_MEMORY_BINDINGS_PAGER_H
#define MODULES_MEMORY_BINDINGS_PAGER_H

#include "hooks.h"
#include "space.h"

#define BIND_PAGER_DEPTH (4)   // pagers whose pagers' ... faults are being resolved at one time

MP_DECLARE_CONST_FUN_OBJ_KW(memory_space_reserve_obj); // space.reserve(va, size, prot='rw', pager=None, step=False)
MP_DECLARE_CONST_FUN_OBJ_3(memory_space_evict_obj);    // space.evict(va, size)

// Whether the space in TTBR0 has a pager for va.
bool bind_pager_has(mem_va_t va);

// bind_pager_run() for a fault at EL0. False when no pager is concerned.
bool bind_pager_run_user(const trap_frame_t *trap);

// Forgets the pager with this number if no range of the space uses it any more: a range went, or was never made.
void bind_pager_forget_unused(bind_space_obj_t *self, uint32_t number);

// Soft reset: forgets the pagers of every space.
void bind_pager_reset(void);

#endif // MODULES_MEMORY_BINDINGS_PAGER_H
