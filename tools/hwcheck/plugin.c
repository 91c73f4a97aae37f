// SPDX-License-Identifier: MIT
// The only file that calls QEMU: makes events from what it runs.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "event.h"
#include "quick.h"

#define BLOCK_MOST 512
#define BRANCH_TO_ITSELF 0x14000000

API_EXPORT int qemu_plugin_version = API_VERSION;

typedef struct {
    struct qemu_plugin_register *x[31], *pc, *cpsr;
    // By exception level.
    struct qemu_plugin_register *sctlr[4], *vbar[4], *ttbr0[4], *tcr[4], *mair[4], *esr[4], *far[4], *elr[4];
    struct qemu_plugin_register *ttbr1[4], *cpacr[4], *hcr[4];
    GByteArray *bytes;
    bool resync; // its registers are to be read again: it starts, or comes back from a pause
    bool new_el; // an ERET ran
    bool reset; // the machine was reset: told once, by core 0
    uint64_t alias; // added to a block's VA gives where it runs
    uint32_t generation; // of vector[]
    uint64_t vector[4]; // physical address of VBAR by exception level
} core_t;

static hw_t *hw;
static hw_config_t config;
static core_t cores[HW_CORES];

// --- registers ---

static uint64_t read_register(core_t *core, struct qemu_plugin_register *handle) {
    uint64_t value = 0;
    if (handle) {
        g_byte_array_set_size(core->bytes, 0);
        int size = qemu_plugin_read_register(handle, core->bytes);
        if (size > 0) {
            memcpy(&value, core->bytes->data, size < 8 ? size : 8);
        }
    }
    return value;
}

static uint64_t read_x(core_t *core, unsigned rt) {
    return rt < 31 ? read_register(core, core->x[rt]) : 0;
}

// A register that exists for each exception level, called "NAME_EL1" or, where AArch32 has it too,
// "NAME" for EL1.
static void find_banked(struct qemu_plugin_register **list, const char *name, const qemu_plugin_reg_descriptor *found) {
    size_t length = strlen(name);
    if (strncmp(found->name, name, length)) {
        return;
    }
    const char *rest = found->name + length;
    if (!*rest) {
        list[1] = list[1] ? list[1] : found->handle;
    } else if (!strncmp(rest, "_EL", 3) && rest[3] >= '1' && rest[3] <= '3' && !rest[4]) {
        list[rest[3] - '0'] = found->handle;
    }
}

static void find_register(core_t *core, const qemu_plugin_reg_descriptor *found) {
    unsigned number;
    char end;
    if (sscanf(found->name, "x%u%c", &number, &end) == 1 && number < 31) {
        core->x[number] = found->handle;
    } else if (!strcmp(found->name, "pc")) {
        core->pc = found->handle;
    } else if (!strcmp(found->name, "cpsr")) {
        core->cpsr = found->handle;
    }
    find_banked(core->sctlr, "SCTLR", found);
    find_banked(core->vbar, "VBAR", found);
    find_banked(core->ttbr0, "TTBR0", found);
    find_banked(core->tcr, "TCR", found);
    find_banked(core->mair, "MAIR", found);
    find_banked(core->esr, "ESR", found);
    find_banked(core->far, "FAR", found);
    find_banked(core->elr, "ELR", found);
    find_banked(core->ttbr1, "TTBR1", found);
    find_banked(core->cpacr, "CPACR", found);
    find_banked(core->hcr, "HCR", found);
}

static void load_registers(core_t *core, hw_core_t *to) {
    to->el = read_register(core, core->cpsr) >> 2 & 3;
    for (int el = 1; el < 4; el++) {
        to->sctlr[el] = read_register(core, core->sctlr[el]);
        to->vbar[el] = read_register(core, core->vbar[el]);
        to->ttbr0[el] = read_register(core, core->ttbr0[el]);
        to->tcr[el] = read_register(core, core->tcr[el]);
        to->mair[el] = read_register(core, core->mair[el]);
    }
    to->ttbr1 = read_register(core, core->ttbr1[1]);
    to->cpacr = read_register(core, core->cpacr[1]);
    to->hcr = read_register(core, core->hcr[2]);
    to->known = true;
}

// --- translations ---

static hw_event_t new_event(hw_kind_t kind, unsigned vcpu, const hw_insn_t *insn) {
    hw_event_t event = {.kind = kind, .core = vcpu, .insn = insn, .pa = HW_NOWHERE, .va = HW_NOWHERE};
    if (insn) {
        event.block = insn->block;
        event.pc = hw_insn_va(insn) + cores[vcpu].alias;
    }
    return event;
}

static const quick_walk_t *translate(unsigned vcpu, uint64_t va, const hw_insn_t *insn) {
    return quick_translate(hw, new_event(HW_ACCESS, vcpu, insn), va);
}

static void unlock(void) {
    quick_renew(hw);
    pthread_mutex_unlock(&hw->lock);
}

// --- loads and stores ---

static __attribute__((noinline)) void slow_access(unsigned vcpu, qemu_plugin_meminfo_t info, uint64_t va,
    const hw_insn_t *insn, bool store) {
    uint32_t left = 1u << qemu_plugin_mem_size_shift(info);
    struct qemu_plugin_hwaddr *address = qemu_plugin_get_hwaddr(info, va);
    uint64_t pa = address ? qemu_plugin_hwaddr_phys_addr(address) : HW_NOWHERE;
    pthread_mutex_lock(&hw->lock);
    while (left) {
        uint32_t here = HW_PAGE - va % HW_PAGE;
        const quick_walk_t *entry = translate(vcpu, va, insn);
        hw_event_t event = new_event(HW_ACCESS, vcpu, insn);
        event.va = va;
        event.size = left < here ? left : here;
        event.store = store;
        event.map = entry->map;
        event.pa = pa != HW_NOWHERE ? pa : va + entry->offset;
        if (event.store && event.size <= 8) {
            event.value = qemu_plugin_mem_get_value(info).data.low & (UINT64_MAX >> (64 - 8 * event.size));
        }
        hw_event(hw, &event);
        va += event.size;
        left -= event.size;
        pa = HW_NOWHERE; // of the next page QEMU says nothing
    }
    unlock();
}

static __attribute__((noinline)) void other_access(unsigned vcpu, qemu_plugin_meminfo_t info, uint64_t va,
    const hw_insn_t *insn, bool store) {
    bool event = vcpu || insn->op != HW_OP_MEMORY;
    if (event || !quick_wide_access(va, 1u << qemu_plugin_mem_size_shift(info), store ? insn : NULL)) {
        slow_access(vcpu, info, va, insn, store);
    }
}

// A function that calls no other but at its end, since it is the most frequent one.
static inline void on_access(unsigned vcpu, qemu_plugin_meminfo_t info, uint64_t va, const hw_insn_t *insn,
    uint32_t size, bool store) {
    if (vcpu || !quick_access(va, size, store ? insn : NULL)) {
        other_access(vcpu, info, va, insn, store);
    }
}

// Of one register: most of a program's loads and stores.
static void on_load(unsigned vcpu, qemu_plugin_meminfo_t info, uint64_t va, void *insn) {
    on_access(vcpu, info, va, insn, ((const hw_insn_t *)insn)->element, false);
}

static void on_store(unsigned vcpu, qemu_plugin_meminfo_t info, uint64_t va, void *insn) {
    on_access(vcpu, info, va, insn, ((const hw_insn_t *)insn)->element, true);
}

// LDP is one load or two, as QEMU likes it. An exclusive access is always an event.
static inline uint32_t size_of(qemu_plugin_meminfo_t info, const hw_insn_t *insn) {
    return insn->op == HW_OP_MEMORY ? 1u << qemu_plugin_mem_size_shift(info) : HW_LINE + 1;
}

// A load may count as all of the pair: its size only says whether it stays in the line.
static void on_pair_load(unsigned vcpu, qemu_plugin_meminfo_t info, uint64_t va, void *insn) {
    on_access(vcpu, info, va, insn, 2u * ((const hw_insn_t *)insn)->element, false);
}

static void on_other_load(unsigned vcpu, qemu_plugin_meminfo_t info, uint64_t va, void *insn) {
    on_access(vcpu, info, va, insn, size_of(info, insn), false);
}

static void on_other_store(unsigned vcpu, qemu_plugin_meminfo_t info, uint64_t va, void *insn) {
    on_access(vcpu, info, va, insn, size_of(info, insn), true);
}

// --- system instructions ---

// DC and IC by address that EL0 may use.
static bool allowed(const hw_core_t *core, const hw_insn_t *insn) {
    if (core->el || insn->op == HW_OP_DSB || insn->op == HW_OP_DMB || insn->op == HW_OP_ISB) {
        return true;
    }
    if (insn->op == HW_OP_ZVA) {
        return core->sctlr[1] >> 14 & 1;
    }
    return (insn->op == HW_OP_CACHE && core->sctlr[1] >> 26 & 1 && HW_SYS_OP1(insn->sys) == 3) || insn->fp;
}

static void add_operand(hw_event_t *event, unsigned vcpu) {
    const hw_insn_t *insn = event->insn;
    event->value = read_x(&cores[vcpu], insn->rt);
    if (hw_by_address(insn)) {
        event->va = insn->op == HW_OP_AT ? event->value : event->value & ~(HW_LINE - 1ull);
        const quick_walk_t *entry = translate(vcpu, event->va, insn);
        event->map = entry->map;
        event->pa = entry->map.valid ? event->va + entry->offset : HW_NOWHERE;
        event->size = HW_LINE;
        event->store = insn->op == HW_OP_ZVA;
    }
}

static void on_system(unsigned vcpu, void *data) {
    static const uint8_t kind[] = {
        [HW_OP_CACHE] = HW_CACHE, [HW_OP_ZVA] = HW_ZVA, [HW_OP_TLBI] = HW_TLBI, [HW_OP_AT] = HW_AT,
        [HW_OP_DSB] = HW_DSB, [HW_OP_DMB] = HW_DMB, [HW_OP_ISB] = HW_ISB, [HW_OP_MSR] = HW_SYSREG,
        [HW_OP_ERET] = HW_ERET, [HW_OP_SEV] = HW_WAKE, [HW_OP_WFE] = HW_IDLE, [HW_OP_BRANCH] = HW_IDLE,
    };
    const hw_insn_t *insn = data;
    if (kind[insn->op] == HW_IDLE && !readers_wait(hw)) {
        return;
    }
    pthread_mutex_lock(&hw->lock);
    if (allowed(&hw->core[vcpu], insn)) {
        hw_event_t event = new_event(kind[insn->op], vcpu, insn);
        if (insn->op == HW_OP_MSR || insn->op == HW_OP_TLBI || insn->op == HW_OP_CACHE || insn->op == HW_OP_ZVA ||
            insn->op == HW_OP_AT) {
            add_operand(&event, vcpu);
        }
        hw_event(hw, &event);
        if (insn->op == HW_OP_ERET) {
            cores[vcpu].new_el = true;
            hw->watch |= vcpu ? 0 : HW_WATCH_CORE;
        }
    }
    unlock();
}

// --- blocks ---

static void set_el(unsigned vcpu) {
    unsigned before = hw_regime(&hw->core[vcpu]);
    hw->core[vcpu].el = read_register(&cores[vcpu], cores[vcpu].cpsr) >> 2 & 3;
    if (hw_regime(&hw->core[vcpu]) != before) {
        hw->generation++;
    }
}

// The core starts, or was paused or waited: a reset shows by registers that changed without an instruction.
static void resync(unsigned vcpu) {
    hw_core_t now = {0}, *core = &hw->core[vcpu];
    load_registers(&cores[vcpu], &now);
    bool changed = core->known && (((core->sctlr[1] ^ now.sctlr[1]) & 1) || core->vbar[1] != now.vbar[1]);
    hw->generation += memcmp(core, &now, sizeof now) != 0;
    *core = now;
    cores[vcpu].resync = false;
    if (changed && vcpu == 0) {
        hw_event_t event = new_event(HW_RESET, vcpu, NULL);
        event.pc = read_register(&cores[vcpu], cores[vcpu].pc);
        hw_event(hw, &event);
    }
}

// The physical addresses of the vectors are as of this generation of translations.
static void find_vectors(unsigned vcpu) {
    core_t *core = &cores[vcpu];
    for (int el = 1; el < 4; el++) {
        hw_map_t map = hw_walk(hw, vcpu, hw->core[vcpu].vbar[el]);
        core->vector[el] = map.valid ? map.pa : HW_NOWHERE;
    }
    core->generation = hw->generation;
}

// A vector may also be where there is no RAM: VBAR is 0 before it is written.
static inline bool is_vector(const core_t *core, const hw_block_t *block) {
    uint64_t base = (block->pa == HW_NOWHERE ? block->va : block->pa) & ~0x7ffull;
    return base == core->vector[1] || base == core->vector[2] || base == core->vector[3];
}

static void exception(unsigned vcpu, const hw_block_t *block) {
    core_t *core = &cores[vcpu];
    set_el(vcpu);
    unsigned el = hw->core[vcpu].el;
    uint64_t pc = read_register(core, core->pc);
    if (!el || (pc & ~0x7ffull) != hw->core[vcpu].vbar[el]) {
        return;
    }
    hw_event_t event = new_event(HW_EXCEPTION, vcpu, NULL);
    event.block = block;
    event.pc = pc;
    event.value = read_register(core, core->esr[el]);
    event.va = read_register(core, core->far[el]);
    event.other = read_register(core, core->elr[el]);
    hw_event(hw, &event);
}

static __attribute__((noinline)) void slow_block(unsigned vcpu, hw_block_t *block) {
    core_t *core = &cores[vcpu];
    pthread_mutex_lock(&hw->lock);
    block->ran = true;
    if (!vcpu) {
        hw->watch &= ~HW_WATCH_CORE;
    }
    if (core->resync || !hw->core[vcpu].known) {
        resync(vcpu);
    }
    if (core->new_el) {
        set_el(vcpu);
        core->new_el = false;
    }
    if (core->generation != hw->generation) {
        find_vectors(vcpu);
    }
    if (block->aligned && is_vector(core, block)) {
        exception(vcpu, block);
    }
    hw_event_t event = new_event(HW_FETCH, vcpu, block->insn);
    event.pc = event.va = read_register(core, core->pc);
    core->alias = event.pc - block->va;
    event.pa = block->pa;
    event.size = 4 * block->count;
    if (hw->watch & HW_WATCH_TABLES) {
        event.map = translate(vcpu, event.va, block->insn)->map;
    }
    hw_event(hw, &event);
    unlock();
}

// Whether the block is, or may be, an entry of a vector table.
static bool may_be_vector(const core_t *core, const hw_block_t *block) {
    return block->aligned && (core->generation != hw->generation || is_vector(core, block));
}

// Core 0, while descriptors are on their way: whether none of them is the block's.
static bool settled(const hw_block_t *block) {
    uint64_t pc = read_register(&cores[0], cores[0].pc);
    cores[0].alias = pc - block->va;
    return quick_settled(hw, pc);
}

static __attribute__((noinline)) void other_block(unsigned vcpu, hw_block_t *block) {
    bool event = vcpu || hw->watch & HW_WATCH_ALL || !block->ran || may_be_vector(&cores[vcpu], block);
    if (!event && (block->hot->fetched == hw->written_code || lines_fetched(hw, block))) {
        block->hot->fetched = block->aligned ? 0 : hw->written_code;
        if (!(hw->watch & HW_WATCH_TABLES) || settled(block)) {
            return;
        }
    }
    slow_block(vcpu, block);
}

static void on_block(unsigned vcpu, void *data) {
    const hw_hot_t *hot = data;
    if (vcpu || hot->fetched != quick.code) {
        other_block(vcpu, hot->block);
    }
}

// --- translation ---

static void watch_insn(struct qemu_plugin_insn *handle, hw_insn_t *insn) {
    bool other = insn->op != HW_OP_MEMORY || insn->pair;
    bool registers = (insn->word & 0x3a000000) == 0x28000000; // LDP, STP and their kin
    switch (insn->op) {
        case HW_OP_OTHER:
        case HW_OP_MRS:
        case HW_OP_TRAP:
            return;
        case HW_OP_BRANCH:
            if (insn->word == BRANCH_TO_ITSELF) {
                qemu_plugin_register_vcpu_insn_exec_cb(handle, on_system, QEMU_PLUGIN_CB_R_REGS, insn);
            }
            return;
        case HW_OP_MEMORY:
        case HW_OP_EXCLUSIVE:
        case HW_OP_ATOMIC:
            qemu_plugin_register_vcpu_mem_cb(handle, registers ? on_pair_load : other ? on_other_load : on_load,
                QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_R, insn);
            qemu_plugin_register_vcpu_mem_cb(handle, other ? on_other_store : on_store, QEMU_PLUGIN_CB_NO_REGS,
                QEMU_PLUGIN_MEM_W, insn);
            return;
        default:
            qemu_plugin_register_vcpu_insn_exec_cb(handle, on_system, QEMU_PLUGIN_CB_R_REGS, insn);
    }
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb) {
    (void)id;
    uint32_t words[BLOCK_MOST];
    size_t all = qemu_plugin_tb_n_insns(tb);
    uint32_t count = all < BLOCK_MOST ? all : BLOCK_MOST;
    for (uint32_t i = 0; i < count; i++) {
        words[i] = 0;
        qemu_plugin_insn_data(qemu_plugin_tb_get_insn(tb, i), &words[i], sizeof words[i]);
    }
    struct qemu_plugin_insn *first = qemu_plugin_tb_get_insn(tb, 0);
    uint64_t at = (uint64_t)(uintptr_t)qemu_plugin_insn_haddr(first) - (uint64_t)(uintptr_t)hw->ram;
    uint64_t pa = at < hw->ram_size ? at + config.ram_base : HW_NOWHERE;
    pthread_mutex_lock(&hw->lock);
    hw_block_t *block = block_of(qemu_plugin_insn_vaddr(first), pa, words, count);
    block->aligned = block->va % 0x80 == 0;
    lines_of_block(hw, block);
    pthread_mutex_unlock(&hw->lock);
    qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, QEMU_PLUGIN_CB_R_REGS, block->hot);
    for (uint32_t i = 0; i < count; i++) {
        watch_insn(qemu_plugin_tb_get_insn(tb, i), &block->insn[i]);
    }
}

// --- start ---

static void fail(const char *text) {
    fprintf(stderr, "hwcheck: %s\n", text);
    exit(1);
}

static void on_core(qemu_plugin_id_t id, unsigned int vcpu) {
    (void)id;
    if (!hw) {
        uint8_t *ram = NULL;
        uint64_t size = hw_find_ram(&ram);
        if (!size) {
            fail("the machine's RAM is no memory-backend-memfd");
        }
        hw = hw_new(&config, ram, size);
        if (!hw) {
            fail("no memory for the model, or out= cannot be written");
        }
        quick_renew(hw);
    }
    if (vcpu >= HW_CORES) {
        fail("too many cores");
    }
    core_t *core = &cores[vcpu];
    core->bytes = g_byte_array_new();
    core->resync = true;
    GArray *registers = qemu_plugin_get_registers();
    for (unsigned i = 0; i < registers->len; i++) {
        find_register(core, &((qemu_plugin_reg_descriptor *)registers->data)[i]);
    }
}

static void on_resume(qemu_plugin_id_t id, unsigned int vcpu) {
    (void)id;
    pthread_mutex_lock(&hw->lock);
    cores[vcpu].resync = true;
    hw->watch |= vcpu ? 0 : HW_WATCH_CORE;
    unlock();
}

API_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv) {
    if (API_VERSION < info->version.min || API_VERSION > info->version.cur || info->version.cur > 5) {
        fprintf(stderr, "hwcheck: needs version %d of QEMU's plugin interface, this QEMU has %d to %d\n", API_VERSION,
            info->version.min, info->version.cur);
        return 1;
    }
    if (strcmp(info->target_name, "aarch64") || !info->system_emulation) {
        fprintf(stderr, "hwcheck: checks qemu-system-aarch64 only, not %s\n", info->target_name);
        return 1;
    }
    for (int i = 0; i < argc; i++) {
        if (!hw_option(&config, argv[i])) {
            fprintf(stderr, "hwcheck: option '%s' is not understood\n", argv[i]);
            return 1;
        }
    }
    qemu_plugin_register_vcpu_init_cb(id, on_core);
    qemu_plugin_register_vcpu_resume_cb(id, on_resume);
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    return 0;
}
