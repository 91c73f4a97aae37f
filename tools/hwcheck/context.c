// SPDX-License-Identifier: MIT
// Rules 6, 8, 9 and 10: system registers that take effect at an ISB only, accesses to devices,
// instructions that the Pis do not have, and exceptions that repeat for ever.
#include <stdlib.h>

#include "event.h"

// What a register that was written has an effect on. Arm ARM, "General behavior of accesses
// to the AArch64 System registers": an indirect read sees it after a context synchronization event.
typedef enum { TRANSLATION, LOW_HALF, HIGH_HALF, FLOATING_POINT, VECTORS, BEFORE_MMU, SLOTS } slot_t;

typedef struct context {
    const hw_insn_t *pending[HW_CORES][SLOTS]; // the first MSR since the last ISB
    bool known[HW_CORES]; // one of them is not NULL
    bool high[HW_CORES]; // the last MSR ran in the upper half
    uint64_t elr[HW_CORES], esr[HW_CORES]; // of the last exception that was not one of a loop
} context_t;

context_t *context_new(const hw_t *hw) {
    (void)hw;
    return calloc(1, sizeof(context_t));
}

void context_free(context_t *context) {
    free(context);
}

static void set_watch(hw_t *hw) {
    hw->watch &= ~HW_WATCH_CONTEXT;
    for (int core = 0; core < HW_CORES; core++) {
        hw->watch |= hw->context->known[core] ? HW_WATCH_CONTEXT : 0;
    }
}

static void synchronize(hw_t *hw, unsigned core) {
    for (int slot = 0; slot < SLOTS; slot++) {
        hw->context->pending[core][slot] = NULL;
    }
    hw->context->known[core] = false;
}

// --- MSR ---

// The exception level whose own registers these are; 0: of no level.
static unsigned level_of(uint16_t sys) {
    static const uint8_t level[8] = {[0] = 1, [4] = 2, [6] = 3};
    return level[HW_SYS_OP1(sys)];
}

static bool slot_of(uint16_t sys, slot_t *slot, unsigned regime) {
    switch (sys & ~(7u << 11)) {
        case HW_SYS(3, 0, 1, 0, 0): // SCTLR
        case HW_SYS(3, 0, 2, 0, 2): // TCR
        case HW_SYS(3, 0, 10, 2, 0): // MAIR
            *slot = TRANSLATION;
            return true;
        case HW_SYS(3, 0, 2, 0, 0): // TTBR0
            *slot = regime == 1 ? LOW_HALF : TRANSLATION;
            return true;
        case HW_SYS(3, 0, 2, 0, 1): // TTBR1
            *slot = HIGH_HALF;
            return true;
        case HW_SYS(3, 0, 1, 0, 2): // CPACR_EL1
        case HW_SYS(3, 0, 1, 1, 2): // CPTR_EL2 and CPTR_EL3
            *slot = FLOATING_POINT;
            return true;
        case HW_SYS(3, 0, 12, 0, 0): // VBAR
            *slot = VECTORS;
            return true;
    }
    return false;
}

static uint64_t old_value(const hw_core_t *core, uint16_t sys, unsigned el) {
    switch (sys & ~(7u << 11)) {
        case HW_SYS(3, 0, 1, 0, 0):
            return core->sctlr[el];
        case HW_SYS(3, 0, 2, 0, 2):
            return core->tcr[el];
        case HW_SYS(3, 0, 10, 2, 0):
            return core->mair[el];
        case HW_SYS(3, 0, 2, 0, 0):
            return core->ttbr0[el];
        case HW_SYS(3, 0, 2, 0, 1):
            return core->ttbr1;
        case HW_SYS(3, 0, 1, 0, 2):
            return core->cpacr;
        case HW_SYS(3, 0, 12, 0, 0):
            return core->vbar[el];
    }
    return 0; // not followed
}

// Registers of a higher level than what runs count from the ERET on; so do those of a lower one.
static void write_register(hw_t *hw, const hw_event_t *event) {
    const hw_core_t *core = &hw->core[event->core];
    const hw_insn_t **pending = hw->context->pending[event->core];
    uint16_t sys = event->insn->sys;
    unsigned el = level_of(sys), regime = hw_regime(core);
    slot_t slot;
    if (el != regime || !slot_of(sys, &slot, regime) || old_value(core, sys, el) == event->value) {
        return;
    }
    bool control = (sys & ~(7u << 11)) == HW_SYS(3, 0, 1, 0, 0);
    if (control && event->value & 1 && !hw_mmu_on(core) && pending[BEFORE_MMU]) {
        hw_report(hw, event, "6a", pending[BEFORE_MMU],
            "the MMU is turned on, and no ISB made sure of the registers that it uses");
    }
    if (!control && slot <= HIGH_HALF && !hw_mmu_on(core)) {
        slot = BEFORE_MMU;
    }
    if (!pending[slot]) {
        pending[slot] = event->insn;
    }
    hw->context->known[event->core] = true;
    hw->context->high[event->core] = event->pc >> 55 & 1;
}

// --- what runs before the ISB ---

// 6a for a use of this address. One report for each MSR: until an ISB follows, every use is another.
static void check_use(hw_t *hw, const hw_event_t *event, uint64_t va, const char *use) {
    const hw_insn_t **pending = hw->context->pending[event->core];
    slot_t slot = pending[TRANSLATION] ? TRANSLATION : va >> 55 & 1 ? HIGH_HALF : LOW_HALF;
    if (pending[slot]) {
        hw_report(hw, event, "6a", pending[slot], "%s after a system register was written, and no ISB", use);
        pending[slot] = NULL;
    }
}

static bool synchronizes(const hw_insn_t *insn) {
    return insn->op == HW_OP_ISB || insn->op == HW_OP_ERET || insn->op == HW_OP_TRAP;
}

// 6a for branches, 6b, 9.
static void check_block(hw_t *hw, const hw_event_t *event) {
    const hw_insn_t **pending = hw->context->pending[event->core];
    hw_event_t at = *event;
    bool synchronized = !hw->context->known[event->core];
    const hw_insn_t *root = pending[event->pc >> 55 & 1 ? HIGH_HALF : LOW_HALF];
    if (root && hw->context->high[event->core] != (event->pc >> 55 & 1)) {
        hw_report(hw, event, "6a", root, "a fetch from the half whose root was written, and no ISB");
    }
    for (uint32_t i = event->value; i < event->block->count; i++, at.pc += 4) {
        const hw_insn_t *insn = &event->block->insn[i];
        at.insn = insn;
        at.va = at.pc;
        if (insn->crypto) {
            hw_report(hw, &at, "9-crypto", NULL, "AES, SHA and PMULL are not in the Pi's cores: it is undefined there");
        }
        synchronized |= synchronizes(insn);
        if (synchronized) {
            continue;
        }
        if (insn->op == HW_OP_BRANCH) {
            check_use(hw, &at, at.pc, "a branch");
        }
        if (insn->fp && pending[FLOATING_POINT]) {
            hw_report(hw, &at, "6b", pending[FLOATING_POINT],
                "an FP or SIMD instruction after its access was changed, and no ISB");
            pending[FLOATING_POINT] = NULL;
        }
    }
}

// 8c: QEMU has RAM, or nothing that fails, where a board has no device.
static void check_answer(hw_t *hw, const hw_event_t *event) {
    if (hw->config.device[0].end && !hw_in(hw->config.device, event->pa)) {
        hw_report(hw, event, "8c", NULL, "no device answers at %#llx: a board's bus gives an error, or any value",
            (unsigned long long)event->pa);
    }
}

// Whether a device takes an access of this size: the Pi's peripherals aligned words, a GIC bytes too.
static bool takes_size(const hw_t *hw, const hw_event_t *event) {
    if (event->pa % event->size) {
        return false;
    }
    return event->size == 4 || (event->size == 1 && hw_in(hw->config.gic, event->pa)) ||
           hw_in(hw->config.widths, event->pa);
}

// 8a, 8b
static void check_device(hw_t *hw, const hw_event_t *event) {
    if (event->pa == HW_NOWHERE || !hw_in(hw->config.mmio, event->pa)) {
        return;
    }
    check_answer(hw, event);
    if (!takes_size(hw, event)) {
        hw_report(hw, event, "8a", NULL, "a device register is accessed by %u bytes at %#llx: by 4, aligned, only",
            (unsigned)event->size, (unsigned long long)event->pa);
    }
    if (event->map.mmu && event->map.memory != HW_DEVICE) {
        hw_report(hw, event, "8b", NULL, "a device register is accessed through a mapping that is not Device");
    }
}

static void check_access(hw_t *hw, const hw_event_t *event) {
    if (hw->context->known[event->core]) {
        check_use(hw, event, event->va, "a load or store");
    }
    if (event->kind == HW_ACCESS) {
        check_device(hw, event);
    }
}

// 6a: DC, IC and AT by address are translated as a load is.
static void check_operation(hw_t *hw, const hw_event_t *event) {
    if (hw->context->known[event->core] && hw_by_address(event->insn)) {
        check_use(hw, event, event->va, "an operation by address");
    }
}

static const char *class_of(uint64_t esr) {
    switch (esr >> 26 & 0x3f) {
        case 0x00:
            return "an undefined instruction";
        case 0x15:
        case 0x16:
        case 0x17:
            return "an SVC, HVC or SMC";
        case 0x20:
        case 0x21:
            return "a fetch";
        case 0x22:
            return "a PC that is not aligned";
        case 0x24:
        case 0x25:
            return "a load or store";
    }
    return "an exception";
}

// 10: the first instruction of a vector, where no other one has run, gives the same exception again.
static void check_loop(hw_t *hw, const hw_event_t *event) {
    context_t *context = hw->context;
    hw_event_t at = *event;
    if (!event->value) { // no exception has been: VBAR is 0 at a reset, and code begins there
        return;
    }
    if (event->other != event->pc) {
        context->elr[event->core] = event->other;
        context->esr[event->core] = event->value;
        return;
    }
    at.va = context->elr[event->core];
    hw_report(hw, &at, "10-exception-loop", NULL,
        "the first instruction of the vector gives an exception, for ever; core %u came there by %s, ESR %#llx",
        event->core, class_of(context->esr[event->core]), (unsigned long long)context->esr[event->core]);
}

void context_event(hw_t *hw, const hw_event_t *event) {
    const hw_insn_t **pending = hw->context->pending[event->core];
    switch (event->kind) {
        case HW_ACCESS:
        case HW_ZVA:
            check_access(hw, event);
            return;
        case HW_AT:
        case HW_CACHE:
            check_operation(hw, event);
            return;
        case HW_FETCH:
            if (hw->context->known[event->core] || event->block->fp) {
                check_block(hw, event);
            }
            break;
        case HW_SYSREG:
            write_register(hw, event);
            break;
        case HW_EXCEPTION:
            if (pending[VECTORS]) {
                hw_report(hw, event, "6c", pending[VECTORS],
                    "an exception after VBAR was written, and no ISB: it may go to the vectors before");
            }
            check_loop(hw, event);
            synchronize(hw, event->core);
            break;
        case HW_ISB:
        case HW_ERET:
        case HW_RESET:
            synchronize(hw, event->core);
            break;
        default:
            return;
    }
    set_watch(hw);
}
