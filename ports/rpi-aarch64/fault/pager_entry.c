// SPDX-License-Identifier: MIT
// Moves a fault that a pager can resolve from the exception to the thread.

#include <stddef.h>

#include "py/mpconfig.h"

#include "aarch64/pager.h"
#include "hooks.h"
#include "pager_entry.h"
#include "thread_fault.h"

// For the trap frame, and for the first calls towards Python, which looks after the stack itself then.
#define ROOM (sizeof(pager_stack_t) + MICROPY_STACK_CHECK_MARGIN)

_Static_assert(offsetof(pager_stack_t, trap) == PAGER_STACK_TRAP, "pager.S relies on it");
_Static_assert(sizeof(trap_frame_t) % 32 == 0 && sizeof(pager_stack_t) % 16 == 0, "pager.S copies 32 bytes each");

bool pager_redirect(trap_frame_t *trap) {
    if (!bind_pager_wants(trap)) {
        return false;
    }
    if (trap->sp % 16 != 0 || thread_fault_is_off_stack(trap)) {
        return false; // where the registers would go
    }
    if (!thread_fault_has_room(trap, ROOM)) {
        thread_fault_redirect_overflow(trap);
        return true;
    }
    pager_stack_t *stack = (pager_stack_t *)trap->sp - 1;
    (void)bind_stack_reach((uintptr_t)stack); // there is room: the frames for it are kept
    stack->trap = *trap;
    // The chain of frame records leads through here into the interrupted code: PC, LR, then its callers.
    stack->pc = (frame_record_t) {(uintptr_t)&stack->lr, trap->elr};
    stack->lr = (frame_record_t) {trap->x[29], trap->x[30]};
    thread_fault_enter(trap, (uintptr_t)pager_entry, (uintptr_t)&stack->trap, (uintptr_t)stack);
    trap->x[29] = (uintptr_t)&stack->pc;
    trap->x[30] = stack->trap.elr;
    return true;
}
