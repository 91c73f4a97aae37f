// SPDX-License-Identifier: MIT

#include "backtrace.h"
#include "step.h"
#include "bindings/pager.h"
#include "core/fault/fault.h"

// What a step changes of the thread's PSTATE.
#define CHANGED (PSTATE_F | PSTATE_I | PSTATE_D | PSTATE_SS)
#define MDSCR_SS (UINT64_C(1) << 0)
#define MDSCR_KDE (UINT64_C(1) << 13)   // debug exceptions from the kernel itself

static bool active;
static uint64_t spsr;   // CHANGED of the thread

static void write_mdscr(uint64_t clear, uint64_t set) {
    uint64_t value;
    __asm__ volatile ("mrs %0, MDSCR_EL1" : "=r" (value));
    value = (value & ~clear) | set;
    __asm__ volatile ("msr MDSCR_EL1, %0\n\tisb" : : "r" (value) : "memory");
}

void step_begin(trap_frame_t *trap) {
    // The OS lock and the OS double lock are set or unknown after reset, and hold debug exceptions back.
    __asm__ volatile ("msr OSLAR_EL1, xzr\n\tmsr OSDLR_EL1, xzr\n\tisb" : : : "memory");
    active = true;
    spsr = trap->spsr & CHANGED;
    trap->spsr = (trap->spsr & ~(uint64_t)PSTATE_D) | PSTATE_SS | PSTATE_I | PSTATE_F;
    write_mdscr(0, MDSCR_SS | MDSCR_KDE);
}

bool step_breaks(const trap_frame_t *trap) {
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
    write_mdscr(MDSCR_SS | MDSCR_KDE, 0);
    trap->spsr = (trap->spsr & ~(uint64_t)CHANGED) | spsr;
    fault_info_t info;
    fault_decode(trap->esr, trap->far, &info);
    if (info.kind != FAULT_STEP || info.lower_el) {
        return false;
    }
    bind_pager_stepped();
    return true;
}
