// SPDX-License-Identifier: MIT
// Pagers: Python functions that resolve faults. An exception in a range with a pager becomes a call of bind_pager_run()
// in the thread (ports/rpi-aarch64/fault/pager_entry.c); code that must not fault half way asks with bind_pager_touch() first.

#ifndef MODULES_MEMORY_BIND_PAGER_H
#define MODULES_MEMORY_BIND_PAGER_H

#include "py/mpstate.h"

#include "fault/exception.h"
#include "space.h"

#define BIND_PAGER_DEPTH (4)   // pagers whose pagers' ... faults are being resolved at one time

MP_DECLARE_CONST_FUN_OBJ_KW(bind_pager_reserve_obj); // space.reserve(va, size, prot='rw', pager=None, step=False)
MP_DECLARE_CONST_FUN_OBJ_3(bind_pager_evict_obj);    // space.evict(va, size)

// Whether the space in TTBR0 has a pager for va. Looks only: for exception context, when no code of the mechanism was
// interrupted.
bool bind_pager_wants(mem_va_t va);

// In the thread: calls the pager of the fault. Returns when the instruction may be tried again: false, or true when it is
// to be stepped, after which pager_stepped() of the port takes its pages away. Raises what the pager raises; Fault with
// EDEADLK for a fault that may not be resolved now, with EFAULT when the pager did not help.
bool bind_pager_run(const trap_frame_t *trap);

// The same for a fault at EL0. False when no pager is concerned.
bool bind_pager_run_user(const trap_frame_t *trap);

// After the step.
void bind_pager_stepped(void);

// A page that is kept present for code that must not fault, from bind_pager_touch() to bind_pager_touched().
typedef struct _bind_pager_touch_t {
    nlr_jump_callback_node_t node;
    space_t *space;     // NULL: it stays afterwards; else it is of a range with step
    mem_va_t page;
} bind_pager_touch_t;

// Makes the page of va accessible, for the pager's sake. Returns for how many of `size` bytes from va on that is so now:
// to the end of the page in the lower half. memory.Fault when it cannot be.
size_t bind_pager_touch(bind_pager_touch_t *t, const void *va, size_t size, bool write);

// Once after each bind_pager_touch() that returned; also done when something is raised in between.
void bind_pager_touched(bind_pager_touch_t *t);

// Forgets every pager of the space, which is being closed.
void bind_pager_close(bind_space_obj_t *self);

// Soft reset: forgets them all.
void bind_pager_reset(void);

#endif // MODULES_MEMORY_BIND_PAGER_H
