// SPDX-License-Identifier: MIT
// Single steps of the thread: PSTATE.SS and MDSCR_EL1.SS from the exception return to the next exception.

#include "aarch64/debug.h"
#include "backtrace.h"
#include "core/fault/fault.h"
#include "step.h"

// What a step changes of the thread's PSTATE.
#define CHANGED ((uint64_t)(PSTATE_F | PSTATE_I | PSTATE_D | PSTATE_SS))

static bool active;
static uint64_t spsr;   // CHANGED of the thread

void step_begin(trap_frame_t *trap) {
    debug_unlock();
    active = true;
    spsr = trap->spsr & CHANGED;
    trap->spsr = (trap->spsr & ~(uint64_t)PSTATE_D) | PSTATE_SS | PSTATE_I | PSTATE_F;
    debug_change_control(0, DEBUG_SS | DEBUG_KDE);
}

bool port_is_exclusive(const trap_frame_t *trap) {
    uint64_t words;
    if (!backtrace_peek(trap->elr & ~UINT64_C(7), &words)) {
        return false;
    }
    return fault_is_exclusive((uint32_t)(words >> (8 * (trap->elr & 4))));
}

bool step_done(trap_frame_t *trap) {
    if (!active) {
        return false;
    }
    active = false;
    debug_change_control(DEBUG_SS | DEBUG_KDE, 0);
    trap->spsr = (trap->spsr & ~CHANGED) | spsr;
    fault_info_t info;
    fault_decode(trap->esr, trap->far, &info);
    return info.kind == FAULT_STEP && !info.lower_el;
}
