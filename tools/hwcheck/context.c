// SPDX-License-Identifier: MIT
// Rules 6, 8 and 9: system registers that take effect at an ISB only, device accesses, and
// instructions that the Pis do not have.
#include <stdlib.h>

#include "event.h"

typedef struct context {
    const hw_insn_t *pending[HW_CORES]; // the first MSR that no ISB followed yet
} context_t;

context_t *context_new(const hw_t *hw) {
    (void)hw;
    return calloc(1, sizeof(context_t));
}

void context_free(context_t *context) {
    free(context);
}

// Registers of which a load, a store or a branch may depend.
static bool changes_context(uint16_t sys) {
    switch (sys & ~(7u << 11)) {
        case HW_SYS(3, 0, 1, 0, 0): // SCTLR
        case HW_SYS(3, 0, 2, 0, 0): // TTBR0
        case HW_SYS(3, 0, 2, 0, 1): // TTBR1
        case HW_SYS(3, 0, 2, 0, 2): // TCR
        case HW_SYS(3, 0, 10, 2, 0): // MAIR
            return true;
    }
    return false;
}

// 6a: what runs between the MSR and its ISB.
static void check_block(hw_t *hw, const hw_event_t *event) {
    const hw_insn_t **pending = &hw->context->pending[event->core];
    for (uint32_t i = event->value; *pending && i < event->block->count; i++) {
        const hw_insn_t *insn = &event->block->insn[i];
        if (insn->op == HW_OP_ISB || insn->op == HW_OP_ERET || insn->op == HW_OP_TRAP) {
            return;
        }
        if (insn->op == HW_OP_MEMORY || insn->op == HW_OP_EXCLUSIVE || insn->op == HW_OP_BRANCH) {
            hw_event_t at = *event;
            at.pc = event->pc + 4 * (i - event->value);
            hw_report(hw, &at, "6a", *pending,
                "a load, store or branch after a system register was written, and no ISB");
            *pending = NULL;
        }
    }
}

static void set_watch(hw_t *hw) {
    hw->watch &= ~HW_WATCH_CONTEXT;
    for (int core = 0; core < HW_CORES; core++) {
        hw->watch |= hw->context->pending[core] ? HW_WATCH_CONTEXT : 0;
    }
}

void context_event(hw_t *hw, const hw_event_t *event) {
    const hw_insn_t **pending = &hw->context->pending[event->core];
    switch (event->kind) {
        case HW_SYSREG:
            if (!*pending && changes_context(event->insn->sys)) {
                *pending = event->insn;
            }
            break;
        case HW_ISB:
        case HW_EXCEPTION:
        case HW_ERET:
        case HW_RESET:
            *pending = NULL;
            break;
        case HW_FETCH:
            if (*pending) {
                check_block(hw, event);
            }
            break;
        default:
            return;
    }
    set_watch(hw);
}
