// SPDX-License-Identifier: MIT

#include "backtrace.h"
#include "step.h"
#include "bindings/pager.h"

#define SPSR_F (UINT64_C(1) << 6)
#define SPSR_I (UINT64_C(1) << 7)
#define SPSR_D (UINT64_C(1) << 9)
#define SPSR_SS (UINT64_C(1) << 21)
#define SPSR_CHANGED (SPSR_F | SPSR_I | SPSR_D | SPSR_SS)
#define MDSCR_SS (UINT64_C(1) << 0)
#define MDSCR_KDE (UINT64_C(1) << 13)   // debug exceptions from the kernel itself
#define EC_STEP_SAME_EL (0x33)

// LDXR, STXR, and the forms with A, L and P (Arm ARM C4.1.88). CASP (FEAT_LSE) looks like one; these cores have it not.
#define EXCLUSIVE_MASK (0x3f800000)
#define EXCLUSIVE (0x08000000)

static bool active;
static uint64_t spsr;   // SPSR_CHANGED of the thread

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
    spsr = trap->spsr & SPSR_CHANGED;
    trap->spsr = (trap->spsr & ~SPSR_D) | SPSR_SS | SPSR_I | SPSR_F;
    write_mdscr(0, MDSCR_SS | MDSCR_KDE);
}

bool step_breaks(const trap_frame_t *trap) {
    uint64_t words;
    if (!backtrace_peek(trap->elr & ~UINT64_C(7), &words)) {
        return false;
    }
    uint32_t instruction = (uint32_t)(words >> (8 * (trap->elr & 4)));
    return (instruction & EXCLUSIVE_MASK) == EXCLUSIVE;
}

bool step_done(trap_frame_t *trap) {
    if (!active) {
        return false;
    }
    active = false;
    write_mdscr(MDSCR_SS | MDSCR_KDE, 0);
    trap->spsr = (trap->spsr & ~SPSR_CHANGED) | spsr;
    if (trap->esr >> 26 != EC_STEP_SAME_EL) {
        return false;
    }
    bind_pager_stepped();
    return true;
}
