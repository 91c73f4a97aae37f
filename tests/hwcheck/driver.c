// SPDX-License-Identifier: MIT
// Drives the state machines of the hardware checker event by event: plugin.c without QEMU.
#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "event.h"
#include "lines.h"
#include "quick.h"
#include "tables.h"

enum { WALK = -1 }; // as `memory`: by the tables

typedef struct {
    hw_t *hw;
    uint8_t *ram;
    uint64_t pc; // each instruction is one further
    uint64_t used; // where the next access goes as QEMU has it; HW_NOWHERE: as it is translated
} driver_t;

driver_t *driver_new(const char *const *options, uint64_t ram_size);
void driver_free(driver_t *driver);
void driver_core(driver_t *driver, unsigned core, unsigned el, uint64_t sctlr);
void driver_pc(driver_t *driver, uint64_t pc);
void driver_used(driver_t *driver, uint64_t pa);
void driver_write(driver_t *driver, uint64_t pa, uint64_t value);
void driver_system(driver_t *driver, unsigned core, uint32_t word, uint64_t value, int memory);
void driver_access(driver_t *driver, unsigned core, uint32_t word, uint64_t va, int memory, uint64_t value);
bool driver_quick(driver_t *driver, uint64_t va, bool store);
void driver_fetch(driver_t *driver, unsigned core, uint64_t va, const uint32_t *words, uint32_t count);
void driver_event(driver_t *driver, unsigned core, hw_kind_t kind, uint64_t pa, uint32_t size, bool store);
void driver_exception(driver_t *driver, unsigned core, uint64_t esr, uint64_t far, uint64_t elr);

// What the driver before this one left in quick.c is of other generations.
driver_t *driver_new(const char *const *options, uint64_t ram_size) {
    static uint32_t generation;
    hw_config_t config = {0};
    for (; *options; options++) {
        if (!hw_option(&config, *options)) {
            return NULL;
        }
    }
    driver_t *driver = calloc(1, sizeof *driver);
    driver->ram = aligned_alloc(HW_PAGE, ram_size);
    memset(driver->ram, 0, ram_size);
    driver->hw = hw_new(&config, driver->ram, ram_size);
    driver->hw->generation = generation += 1 << 20;
    driver->pc = 0xc0de0000;
    driver->used = HW_NOWHERE;
    return driver;
}

void driver_free(driver_t *driver) {
    hw_free(driver->hw);
    free(driver->ram);
    free(driver);
}

// The state in which a core begins.
void driver_core(driver_t *driver, unsigned core, unsigned el, uint64_t sctlr) {
    driver->hw->core[core] = (hw_core_t) {.el = el, .known = true};
    driver->hw->core[core].sctlr[el ? el : 1] = sctlr;
}

// Where the next instruction is.
void driver_pc(driver_t *driver, uint64_t pc) {
    driver->pc = pc;
}

// Where QEMU's own TLB takes the next access.
void driver_used(driver_t *driver, uint64_t pa) {
    driver->used = pa;
}

// What was in memory before the first event.
void driver_write(driver_t *driver, uint64_t pa, uint64_t value) {
    memcpy(driver->ram + (pa - driver->hw->config.ram_base), &value, sizeof value);
}

static hw_event_t event_of(driver_t *driver, unsigned core, uint32_t word) {
    hw_block_t *block = block_of(driver->pc, HW_NOWHERE, &word, 1);
    hw_event_t event = {.core = core, .insn = block->insn, .block = block, .pc = driver->pc};
    event.va = event.pa = HW_NOWHERE;
    driver->pc += 4;
    return event;
}

static void translate(driver_t *driver, hw_event_t *event, uint64_t va, int memory) {
    event->va = va;
    if (memory == WALK) {
        event->map = hw_walk(driver->hw, event->core, va);
        if (event->map.mmu) {
            tables_walked(driver->hw, event->core, va, &event->map);
            lines_walked(driver->hw, event, &event->map);
        }
    } else {
        event->map = (hw_map_t) {.valid = true, .mmu = true, .pa = va, .memory = memory};
        event->map.share = memory >= HW_NORMAL_WT ? HW_SH_INNER : HW_SH_OUTER;
    }
    event->pa = event->map.valid ? event->map.pa : HW_NOWHERE;
}

// One system instruction: `value` is its operand.
void driver_system(driver_t *driver, unsigned core, uint32_t word, uint64_t value, int memory) {
    hw_event_t event = event_of(driver, core, word);
    event.value = value;
    switch (event.insn->op) {
        case HW_OP_CACHE:
            event.kind = HW_CACHE;
            break;
        case HW_OP_ZVA:
            event.kind = HW_ZVA;
            event.store = true;
            break;
        case HW_OP_AT:
            event.kind = HW_AT;
            break;
        default:
            event.kind = event.insn->op == HW_OP_TLBI ? HW_TLBI : event.insn->op == HW_OP_DSB ? HW_DSB :
                event.insn->op == HW_OP_DMB ? HW_DMB : event.insn->op == HW_OP_ISB ? HW_ISB :
                event.insn->op == HW_OP_MSR ? HW_SYSREG : event.insn->op == HW_OP_ERET ? HW_ERET : HW_WAKE;
            hw_event(driver->hw, &event);
            return;
    }
    event.size = HW_LINE;
    translate(driver, &event, event.kind == HW_AT ? value : value & ~(HW_LINE - 1ull), memory);
    hw_event(driver->hw, &event);
}

// One load or store, by its instruction; a store of up to 8 bytes writes `value`.
void driver_access(driver_t *driver, unsigned core, uint32_t word, uint64_t va, int memory, uint64_t value) {
    hw_event_t event = event_of(driver, core, word);
    event.kind = HW_ACCESS;
    bool pair = event.insn->op == HW_OP_MEMORY && event.insn->pair;
    event.size = (pair ? 2 : 1) * event.insn->element;
    event.store = !(word >> 22 & 3);
    event.value = event.store ? value : 0;
    translate(driver, &event, va, memory);
    event.pa = driver->used != HW_NOWHERE ? driver->used : event.pa;
    driver->used = HW_NOWHERE;
    if (event.store && hw_is_ram(driver->hw, event.pa)) {
        memcpy(driver->ram + (event.pa - driver->hw->config.ram_base), &value, event.size < 8 ? event.size : 8);
    }
    hw_event(driver->hw, &event);
}

// Core 0 has translated `va`: whether an access of 8 bytes there is no event then.
bool driver_quick(driver_t *driver, uint64_t va, bool store) {
    hw_event_t event = event_of(driver, 0, store ? 0xf9000000 : 0xf9400000);
    quick_translate(driver->hw, event, va);
    quick_renew(driver->hw);
    return quick_wide_access(va, 8, store ? event.insn : NULL);
}

void driver_fetch(driver_t *driver, unsigned core, uint64_t va, const uint32_t *words, uint32_t count) {
    hw_event_t event = {.kind = HW_FETCH, .core = core, .pc = va, .va = va, .size = 4 * count};
    event.pa = va;
    event.block = block_of(va, va, words, count);
    event.insn = event.block->insn;
    hw_event(driver->hw, &event);
}

void driver_event(driver_t *driver, unsigned core, hw_kind_t kind, uint64_t pa, uint32_t size, bool store) {
    hw_event_t event = {.kind = kind, .core = core, .va = HW_NOWHERE, .pa = pa, .size = size, .store = store};
    hw_event(driver->hw, &event);
}

void driver_exception(driver_t *driver, unsigned core, uint64_t esr, uint64_t far, uint64_t elr) {
    hw_event_t event = {.kind = HW_EXCEPTION, .core = core, .va = far, .pa = HW_NOWHERE, .value = esr, .other = elr};
    event.pc = driver->pc;
    hw_event(driver->hw, &event);
}
