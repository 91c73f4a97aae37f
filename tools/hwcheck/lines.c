// SPDX-License-Identifier: MIT
// Rules 1 to 4: what the caches may hold of each line of RAM, and who reads past them.
#include "lines.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define WAITS 20 // milliseconds that the core that wrote may take for its clean

// From a store to a fetch.
typedef enum { STEP_WRITTEN, STEP_CLEANED, STEP_INVALIDATED } step_t;

static void *reserve(uint64_t size) {
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

lines_t *lines_new(const hw_t *hw) {
    lines_t *lines = calloc(1, sizeof *lines);
    if (!lines) {
        return NULL;
    }
    lines->count = hw->ram_size / HW_LINE;
    lines->line = reserve(lines->count * sizeof(line_t));
    lines->newer = reserve(lines->count * sizeof(uint64_t));
    lines->lost = reserve(lines->count * sizeof(uint64_t));
    lines->stored = reserve(hw->ram_size / HW_PAGE * sizeof(uint32_t));
    lines->sequence = 1;
    if (!lines->line || !lines->newer || !lines->lost || !lines->stored) {
        lines_free(lines);
        return NULL;
    }
    return lines;
}

void lines_free(lines_t *lines) {
    if (lines) {
        munmap(lines->line, lines->count * sizeof(line_t));
        munmap(lines->newer, lines->count * sizeof(uint64_t));
        munmap(lines->lost, lines->count * sizeof(uint64_t));
        munmap(lines->stored, lines->count * HW_LINE / HW_PAGE * sizeof(uint32_t));
        free(lines);
    }
}

static uint64_t *newer(hw_t *hw, const line_t *line) {
    return &hw->lines->newer[line - hw->lines->line];
}

static uint64_t *lost(hw_t *hw, const line_t *line) {
    return &hw->lines->lost[line - hw->lines->line];
}

static bool is_image(const hw_t *hw, const line_t *line) {
    uint64_t pa = hw->config.ram_base + (line - hw->lines->line) * HW_LINE;
    return hw_in(hw->config.image, pa);
}

// The line as of now: resets and barriers since its last access are taken into account.
static line_t *settle(hw_t *hw, uint64_t pa) {
    line_t *line = lines_at(hw, pa);
    if (line->flags & (LINE_CLEANED | LINE_INVALIDATED) && hw->lines->dsb[line->core] > line->at) {
        if (line->flags & LINE_CLEANED) {
            line->dirty = 0;
        }
        if (line->flags & LINE_INVALIDATED) {
            *newer(hw, line) = 0;
            line->flags &= ~(LINE_TOUCHED | LINE_NEWER);
        }
        line->flags &= ~(LINE_CLEANED | LINE_INVALIDATED);
    }
    if (line->flags & LINE_MAPPED && line->at < hw->lines->mmu_off) {
        line->flags |= LINE_TOUCHED; // invalidated while the MMU was on: speculation may have brought it back
    }
    if (line->epoch != hw->lines->epoch) {
        *lost(hw, line) = is_image(hw, line) ? 0 : line->dirty;
        *newer(hw, line) = 0;
        line->flags = *lost(hw, line) ? LINE_LOST : 0;
        line->dirty = line->written = 0;
        line->epoch = hw->lines->epoch;
    }
    return line;
}

// Bytes of a line change, so that its code is looked at when it runs next.
static void set_written(hw_t *hw, line_t *line, uint64_t mask) {
    line->written |= mask;
    if (line->flags & LINE_FETCHED) {
        line->flags &= ~LINE_FETCHED;
        hw->written_code++;
    }
}

static bool cacheable(const hw_map_t *map) {
    return map->memory == HW_NORMAL_WB || map->memory == HW_NORMAL_WT;
}

// --- data ---

// 4a. Another core that polls may read before the clean that follows: the writer gets time for it.
static void check_stale_read(hw_t *hw, const hw_event_t *event, uint64_t pa, uint64_t mask, const char *reader) {
    line_t *line = settle(hw, pa);
    for (int i = 0; i < WAITS && line->dirty & mask && line->core != event->core; i++) {
        pthread_mutex_unlock(&hw->lock);
        usleep(1000);
        pthread_mutex_lock(&hw->lock);
        line = settle(hw, pa);
    }
    if (line->dirty & mask) {
        hw_report(hw, event, "4a", line->writer, "%s reads memory that the cache has newer bytes of%s", reader,
            line->flags & LINE_CLEANED ? ": they are cleaned, but no DSB followed" : ": they are not cleaned");
    }
}

// While the MMU is off there is no speculation through a cacheable mapping: what was invalidated by
// then is gone.
static void turn_off(hw_t *hw, const hw_event_t *event) {
    hw_core_t after = hw_after(hw, event);
    if (hw_mmu_on(&hw->core[event->core]) && !hw_mmu_on(&after)) {
        hw->lines->mmu_off = hw->lines->sequence++;
    }
}

// 4c, and what the cache may hold of these bytes is old from now on.
static void write_memory(hw_t *hw, const hw_event_t *event, uint64_t pa, uint64_t mask, const char *writer) {
    line_t *line = settle(hw, pa);
    if (line->dirty) {
        hw_report(hw, event, "4c", line->writer, "%s writes memory under a dirty line: its eviction overwrites that",
            writer);
    }
    bool may_be_cached = line->flags & (LINE_TOUCHED | LINE_NEWER) ||
        (line->flags & LINE_MAPPED && hw_mmu_on(&hw->core[event->core]));
    if (may_be_cached) {
        *newer(hw, line) |= mask;
        line->flags |= LINE_NEWER;
        line->flags &= ~LINE_INVALIDATED;
    }
    set_written(hw, line, mask);
    line->flags |= LINE_SYNCING;
    line->step = STEP_CLEANED; // memory has it
    line->at = hw->lines->sequence++;
    line->core = event->core;
    if (!line->dirty) {
        line->writer = event->insn;
    }
    *lost(hw, line) &= ~mask;
}

static void check_newer(hw_t *hw, const hw_event_t *event, line_t *line, uint64_t mask) {
    bool whole = event->store && mask == UINT64_MAX; // it replaces all that is old
    if (line->flags & LINE_NEWER && !whole && (event->store || *newer(hw, line) & mask)) {
        hw_report(hw, event, "4b", line->writer, "%s a line whose memory is newer%s",
            event->store ? "a cached store to" : "a cached load of",
            line->flags & LINE_INVALIDATED ? ": it is invalidated, but no DSB followed" : ": it is not invalidated");
    }
    if (event->store) {
        *newer(hw, line) = 0;
        line->flags &= ~LINE_NEWER;
    }
}

static void cached_access(hw_t *hw, const hw_event_t *event, line_t *line, uint64_t mask) {
    check_newer(hw, event, line, mask);
    line->flags |= LINE_TOUCHED | LINE_MAPPED;
    if (event->store) {
        line->dirty |= mask;
        set_written(hw, line, mask);
        line->writer = event->insn;
        line->core = event->core;
        line->step = STEP_WRITTEN;
        line->flags &= ~(LINE_CLEANED | LINE_INVALIDATED | LINE_SYNCING);
    }
}

// Functions of the C library read strings by words of 8 or 16 bytes, beyond their ends: a word counts
// only if no byte of it is good. What was stored is seldom a part of such a word.
static bool reads_beside(hw_t *hw, const hw_event_t *event) {
    bool good = false;
    for (uint64_t pa = event->pa; pa < event->pa + event->size && hw_is_ram(hw, pa); pa++) {
        const line_t *line = settle(hw, pa);
        good |= !(line->flags & LINE_LOST) || !(*lost(hw, line) & line_mask(pa, 1));
    }
    return good && event->size >= 8;
}

static void access_line(hw_t *hw, const hw_event_t *event, uint64_t pa, uint32_t size) {
    line_t *line = settle(hw, pa);
    uint64_t mask = line_mask(pa, size);
    if (event->store) {
        *lines_stored(hw, pa) = hw->epoch;
    }
    if (line->flags & LINE_LOST) {
        if (!event->store && *lost(hw, line) & mask && !reads_beside(hw, event)) {
            hw_report(hw, event, "4g", line->writer,
                "bytes are read that were in the cache only when a reset emptied it");
        }
        *lost(hw, line) &= event->store ? ~mask : UINT64_MAX;
        line->flags &= *lost(hw, line) ? 0xff : ~LINE_LOST;
    }
    if (cacheable(&event->map)) {
        cached_access(hw, event, line, mask);
    } else if (event->store) {
        write_memory(hw, event, pa, mask, "a store that is not cached");
    } else {
        check_stale_read(hw, event, pa, mask, "a load that is not cached");
    }
}

typedef void (*each_line_t)(hw_t *hw, const hw_event_t *event, uint64_t pa, uint32_t size);

static void for_each_line(hw_t *hw, const hw_event_t *event, each_line_t each) {
    uint64_t end = event->pa + event->size;
    for (uint64_t pa = event->pa; pa < end && hw_is_ram(hw, pa);) {
        uint64_t next = (pa | (HW_LINE - 1)) + 1;
        each(hw, event, pa, (next < end ? next : end) - pa);
        pa = next;
    }
}

// 1, 2a, 2b
static void check_kind(hw_t *hw, const hw_event_t *event) {
    const hw_map_t *map = &event->map;
    if (!event->insn || !map->valid) {
        return;
    }
    const char *what = map->mmu ? "memory of this type" : "memory with the MMU off";
    if (event->insn->op == HW_OP_EXCLUSIVE && (map->memory != HW_NORMAL_WB || map->share != HW_SH_INNER)) {
        hw_report(hw, event, "1-exclusive-not-cacheable", NULL,
            "an exclusive access to %s: it has to be write-back and inner shareable", what);
    }
    if (map->memory != HW_DEVICE) {
        return;
    }
    uint32_t element = event->insn->element < event->size ? event->insn->element : event->size;
    if (event->kind == HW_ZVA) {
        hw_report(hw, event, "2b", NULL, "DC ZVA of %s: an alignment fault", map->mmu ? "a device" : what);
    } else if (element && event->va % element) {
        hw_report(hw, event, "2a", NULL, "an access to %s that is not aligned: an alignment fault",
            map->mmu ? "a device" : what);
    }
}

// --- devices ---

static uint32_t in_line(uint64_t pa, uint64_t end) {
    uint64_t next = (pa | (HW_LINE - 1)) + 1;
    return (next < end ? next : end) - pa;
}

void lines_device_reads(hw_t *hw, const hw_event_t *event, uint64_t pa, uint64_t size, const char *who) {
    for (uint64_t end = pa + size, here; pa < end && hw_is_ram(hw, pa); pa += here) {
        here = in_line(pa, end);
        check_stale_read(hw, event, pa, line_mask(pa, here), who);
    }
}

void lines_device_writes(hw_t *hw, const hw_event_t *event, uint64_t pa, uint64_t size, const char *who) {
    for (uint64_t end = pa + size, here; pa < end && hw_is_ram(hw, pa); pa += here) {
        here = in_line(pa, end);
        write_memory(hw, event, pa, line_mask(pa, here), who);
    }
}

const line_t *lines_first_dirty(hw_t *hw, uint64_t pa, uint64_t end) {
    for (; pa < end && hw_is_ram(hw, pa); pa += HW_LINE) {
        const line_t *line = settle(hw, pa);
        if (line->dirty) {
            return line;
        }
    }
    return NULL;
}

static void dma(hw_t *hw, const hw_event_t *event) {
    if (event->store) {
        lines_device_writes(hw, event, event->pa, event->size, "a device");
    } else {
        lines_device_reads(hw, event, event->pa, event->size, "a device");
    }
}

static void access_memory(hw_t *hw, const hw_event_t *event) {
    check_kind(hw, event);
    for_each_line(hw, event, access_line);
}

// Cores that wait for SEV poll their word of the spin table with their caches off.
static void wake(hw_t *hw, const hw_event_t *event) {
    for (uint64_t pa = 0xd8; hw->config.ram_base == 0 && pa < 0xf8; pa += 8) {
        line_t *line = settle(hw, pa);
        if (line->dirty & line_mask(pa, 8)) {
            hw_report(hw, event, "4a", line->writer, "SEV, but the spin table at 0x%x is in the cache only",
                (unsigned)pa);
        }
    }
}

// --- maintenance ---

static void clean(hw_t *hw, const hw_event_t *event, line_t *line, bool to_memory) {
    if (to_memory) {
        if (line->dirty && line->flags & LINE_NEWER) {
            hw_report(hw, event, "4f", line->writer, "a dirty line is cleaned over memory that is newer");
        }
        line->flags |= line->dirty ? LINE_CLEANED : 0;
    }
    if (line->written) {
        line->flags |= LINE_SYNCING;
        line->step = STEP_CLEANED;
    }
    line->at = hw->lines->sequence++;
    line->core = event->core;
}

static void invalidate(hw_t *hw, const hw_event_t *event, line_t *line) {
    line->flags |= LINE_INVALIDATED;
    line->at = hw->lines->sequence++;
    line->core = event->core;
}

static void invalidate_code(hw_t *hw, const hw_event_t *event, line_t *line) {
    if (line->step == STEP_CLEANED && hw->lines->dsb[line->core] > line->at) {
        line->step = STEP_INVALIDATED;
        line->at = hw->lines->sequence++;
        line->core = event->core;
    }
}

static void cache_by_address(hw_t *hw, const hw_event_t *event) {
    line_t *line = settle(hw, event->pa);
    switch (event->insn->sys) {
        case HW_SYS(1, 3, 7, 11, 1): // DC CVAU
            clean(hw, event, line, false);
            break;
        case HW_SYS(1, 3, 7, 10, 1): // DC CVAC
            clean(hw, event, line, true);
            break;
        case HW_SYS(1, 3, 7, 14, 1): // DC CIVAC
            clean(hw, event, line, true);
            invalidate(hw, event, line);
            break;
        case HW_SYS(1, 0, 7, 6, 1): // DC IVAC
            if (line->dirty && !(line->flags & LINE_CLEANED)) {
                hw_report(hw, event, "4d", line->writer, "DC IVAC of a dirty line: what was written is lost");
                line->dirty = 0;
            }
            invalidate(hw, event, line);
            break;
        case HW_SYS(1, 3, 7, 5, 1): // IC IVAU
            invalidate_code(hw, event, line);
            break;
    }
}

static void cache_operation(hw_t *hw, const hw_event_t *event) {
    lines_t *lines = hw->lines;
    unsigned crm = event->insn->sys >> 3 & 15;
    bool by_set = (event->insn->sys & 7) == 2 && (crm == 6 || crm == 10 || crm == 14);
    if (by_set && hw->core[event->core].sctlr[hw_regime(&hw->core[event->core])] & 4) {
        hw_report(hw, event, "4h", NULL,
            "an operation by set and way with the cache on: other cores and speculation undo it");
    } else if (event->insn->sys == HW_SYS(1, 0, 7, 5, 0) || event->insn->sys == HW_SYS(1, 0, 7, 1, 0)) { // IC IALLU(IS)
        lines->sequence++;
        lines->all_ready[event->core] = lines->dsb[event->core];
    } else if (event->pa != HW_NOWHERE && hw_is_ram(hw, event->pa)) {
        cache_by_address(hw, event);
    }
}

static void barrier(lines_t *lines, const hw_event_t *event) {
    if ((event->insn->sys & 3) == 3) { // of loads and stores: only that completes maintenance
        lines->dsb[event->core] = lines->sequence++;
        lines->all_done[event->core] = lines->all_ready[event->core];
    }
}

static void synchronise(lines_t *lines, unsigned core) {
    lines->synced[core] = lines->dsb[core];
    lines->all_synced[core] = lines->all_done[core];
}

// --- code ---

static const char *missing_step(const lines_t *lines, const line_t *line) {
    bool dsb = lines->dsb[line->core] > line->at;
    if (line->step == STEP_WRITTEN || !(line->flags & LINE_SYNCING)) {
        return "it is not cleaned (DC CVAU)";
    }
    if (line->step == STEP_CLEANED) {
        return dsb ? "the instruction cache is not invalidated (IC IVAU)" :
               "no DSB between its clean, or a store past the cache, and IC IVAU";
    }
    return dsb ? "no ISB" : "no DSB after IC";
}

static void fetch_line(hw_t *hw, const hw_event_t *event, uint64_t pa, uint32_t size) {
    lines_t *lines = hw->lines;
    const hw_core_t *core = &hw->core[event->core];
    line_t *line = settle(hw, pa);
    uint64_t mask = line_mask(pa, size);
    bool cached = core->sctlr[hw_regime(core)] >> 12 & 1;
    line->flags |= LINE_FETCHED;
    if (line->flags & LINE_SYNCING) {
        bool all = line->step == STEP_CLEANED && line->at < lines->all_synced[event->core];
        bool one = line->step == STEP_INVALIDATED && line->at < lines->synced[event->core];
        if (all || one) {
            line->written = 0;
            line->flags &= ~LINE_SYNCING;
        }
    }
    if (!cached) {
        if (line->dirty & mask) {
            hw_report(hw, event, "3-fetch-of-dirty-line", line->writer,
                "instructions are fetched from memory, the cache has newer ones");
        }
    } else if (line->written & mask) {
        hw_report(hw, event, "3-stale-instruction-fetch", line->writer, "code that was written runs: %s",
            missing_step(lines, line));
        line->written = 0;
    }
}

void lines_of_block(const hw_t *hw, hw_block_t *block) {
    if (block->pa == HW_NOWHERE) {
        return;
    }
    uint64_t end = block->pa + 4 * block->count;
    block->line = lines_at(hw, block->pa);
    block->lines = (end - 1) / HW_LINE - block->pa / HW_LINE + 1;
    block->first = UINT64_MAX << (block->pa % HW_LINE);
    block->last = UINT64_MAX >> (HW_LINE - 1 - (end - 1) % HW_LINE);
}

// --- events ---

// 4e
void lines_walked(hw_t *hw, const hw_event_t *event, const hw_map_t *map) {
    for (int level = 0; level < 4; level++) {
        uint64_t pa = map->entry[level];
        if (pa == HW_NOWHERE || !hw_is_ram(hw, pa)) {
            continue;
        }
        line_t *line = settle(hw, pa);
        if (line->flags & LINE_NEWER && *newer(hw, line) & line_mask(pa, 8)) {
            hw_report(hw, event, "4e", line->writer, "the table walker may read an old descriptor from the cache");
            line->flags &= ~LINE_NEWER;
        }
    }
}

static void reset(hw_t *hw) {
    hw->lines->epoch++;
    hw->written_code++;
}

void lines_event(hw_t *hw, const hw_event_t *event) {
    switch (event->kind) {
        case HW_ACCESS:
        case HW_ZVA:
            access_memory(hw, event);
            break;
        case HW_CACHE:
            cache_operation(hw, event);
            break;
        case HW_DSB:
            barrier(hw->lines, event);
            break;
        case HW_SYSREG:
            turn_off(hw, event);
            break;
        case HW_ISB:
        case HW_ERET:
        case HW_EXCEPTION:
            synchronise(hw->lines, event->core);
            break;
        case HW_FETCH:
            for_each_line(hw, event, fetch_line);
            break;
        case HW_DMA:
            dma(hw, event);
            break;
        case HW_WAKE:
            wake(hw, event);
            break;
        case HW_RESET:
            reset(hw);
            break;
        default:
            break;
    }
}
