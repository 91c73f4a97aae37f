// SPDX-License-Identifier: MIT
// The machine of the checker: its cores' registers, and who gets an event.
#include <stdlib.h>

#include "event.h"

hw_t *hw_new(const hw_config_t *config, uint8_t *ram, uint64_t ram_size) {
    hw_t *hw = calloc(1, sizeof *hw);
    if (!hw) {
        return NULL;
    }
    hw->config = *config;
    hw->ram = ram;
    hw->ram_size = ram_size;
    hw->generation = 1;
    hw->epoch = 1;
    hw->written_code = 1;
    pthread_mutex_init(&hw->lock, NULL);
    hw->report = report_new(hw);
    hw->lines = lines_new(hw);
    hw->tables = tables_new(hw);
    hw->context = context_new(hw);
    hw->readers = readers_new(hw);
    if (!hw->report || !hw->lines || !hw->tables || !hw->context || !hw->readers) {
        hw_free(hw);
        return NULL;
    }
    return hw;
}

void hw_free(hw_t *hw) {
    lines_free(hw->lines);
    tables_free(hw->tables);
    context_free(hw->context);
    readers_free(hw->readers);
    report_free(hw->report);
    free(hw);
}

static uint64_t *register_of(hw_core_t *core, uint16_t sys) {
    unsigned op1 = HW_SYS_OP1(sys), el = op1 == 0 ? 1 : op1 == 4 ? 2 : op1 == 6 ? 3 : 0;
    if (!el) {
        return NULL;
    }
    switch (sys & ~(7u << 11)) {
        case HW_SYS(3, 0, 1, 0, 0):
            return &core->sctlr[el];
        case HW_SYS(3, 0, 1, 0, 2):
            return el == 1 ? &core->cpacr : NULL;
        case HW_SYS(3, 0, 1, 1, 0):
            return el == 2 ? &core->hcr : NULL;
        case HW_SYS(3, 0, 2, 0, 0):
            return &core->ttbr0[el];
        case HW_SYS(3, 0, 2, 0, 1):
            return el == 1 ? &core->ttbr1 : NULL;
        case HW_SYS(3, 0, 2, 0, 2):
            return &core->tcr[el];
        case HW_SYS(3, 0, 10, 2, 0):
            return &core->mair[el];
        case HW_SYS(3, 0, 12, 0, 0):
            return &core->vbar[el];
    }
    return NULL;
}

hw_core_t hw_after(const hw_t *hw, const hw_event_t *event) {
    hw_core_t core = hw->core[event->core];
    uint64_t *place = register_of(&core, event->insn->sys);
    if (place) {
        *place = event->value;
    }
    return core;
}

static void count_barrier(hw_t *hw, const hw_event_t *event) {
    if ((event->insn->sys & 3) == 1) { // of loads only
        return;
    }
    hw->epoch++;
    if (event->kind == HW_DSB) {
        hw->completed = hw->epoch;
    }
}

static void write_register(hw_t *hw, const hw_event_t *event) {
    uint64_t *place = register_of(&hw->core[event->core], event->insn->sys);
    if (place) {
        *place = event->value;
        hw->generation++;
    }
    if (event->core != 0 && hw_mmu_on(&hw->core[event->core])) {
        hw->watch |= HW_WATCH_SHARED;
    }
}

void hw_event(hw_t *hw, const hw_event_t *event) {
    tables_event(hw, event);
    context_event(hw, event);
    lines_event(hw, event);
    readers_event(hw, event);
    if (event->insn && event->kind != HW_ACCESS && event->kind != HW_FETCH && event->kind != HW_ZVA &&
        event->kind != HW_DMB && event->kind != HW_IDLE) {
        hw_remember(hw, event);
    }
    if (event->kind == HW_SYSREG) {
        write_register(hw, event);
    } else if (event->kind == HW_DSB || event->kind == HW_DMB) {
        count_barrier(hw, event);
    } else if (event->kind == HW_TLBI || event->kind == HW_RESET) {
        hw->generation++;
    }
}
