// SPDX-License-Identifier: MIT
// Rules 5 and 7: translation tables, what the TLB may still hold of them, and what they map.
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "event.h"
#include "tables.h"

#define MOST 256

// A translation that the TLB may still hold.
typedef struct {
    uint64_t start, end; // virtual
    const hw_insn_t *writer; // of the descriptor that replaced it
    bool visible; // a DSB followed the store
    bool flushed; // a TLBI of it followed that
} stale_t;

typedef struct {
    bool used;
    uint8_t level;
    uint64_t va; // that its first entry translates
} page_t;

typedef struct tables {
    page_t *page; // by page of RAM
    uint64_t *shadow; // by double word of RAM: what tables held before the store that is looked at
    uint64_t size;
    stale_t stale[MOST];
    unsigned count;
} tables_t;

static void *reserve(uint64_t size) {
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

tables_t *tables_new(const hw_t *hw) {
    tables_t *tables = calloc(1, sizeof *tables);
    if (tables) {
        tables->size = hw->ram_size;
        tables->page = reserve(tables->size / HW_PAGE * sizeof(page_t));
        tables->shadow = reserve(tables->size);
    }
    return tables;
}

void tables_free(tables_t *tables) {
    munmap(tables->page, tables->size / HW_PAGE * sizeof(page_t));
    munmap(tables->shadow, tables->size);
    free(tables);
}

static page_t *page_of(const hw_t *hw, uint64_t pa) {
    return hw_is_ram(hw, pa) ? &hw->tables->page[(pa - hw->config.ram_base) / HW_PAGE] : NULL;
}

bool tables_is_table(const hw_t *hw, uint64_t pa) {
    const page_t *page = page_of(hw, pa);
    return page && page->used;
}

static uint64_t span(unsigned level) {
    return 1ull << (39 - 9 * level);
}

void tables_walked(hw_t *hw, uint64_t va, const hw_map_t *map) {
    for (unsigned level = 0; level < 4; level++) {
        page_t *page = map->entry[level] == HW_NOWHERE ? NULL : page_of(hw, map->entry[level]);
        if (!page || page->used) {
            continue;
        }
        *page = (page_t) {true, level, va & ~(512 * span(level) - 1)};
        uint64_t offset = (map->entry[level] - hw->config.ram_base) & ~(HW_PAGE - 1ull);
        memcpy((uint8_t *)hw->tables->shadow + offset, hw->ram + offset, HW_PAGE);
    }
}

static void store(hw_t *hw, const hw_event_t *event) {
    tables_t *tables = hw->tables;
    const page_t *page = page_of(hw, event->pa);
    if (!page || !page->used) {
        return;
    }
    uint64_t *shadow = &tables->shadow[(event->pa - hw->config.ram_base) / 8];
    uint64_t before = *shadow, after = hw_read64(hw, event->pa);
    *shadow = after;
    hw->generation++;
    if (before == after || !(before & 1) || tables->count == MOST) {
        return;
    }
    uint64_t start = page->va + (event->pa / 8 % 512) * span(page->level);
    tables->stale[tables->count++] = (stale_t) {start, start + span(page->level), event->insn, false, false};
}

// 5c: an access or a fetch that may still go through what a table held before.
static void check(hw_t *hw, const hw_event_t *event) {
    for (unsigned i = 0; i < hw->tables->count; i++) {
        const stale_t *stale = &hw->tables->stale[i];
        if (event->va - stale->start < stale->end - stale->start) {
            hw_report(hw, event, "5c", stale->writer, "the TLB may still have the translation from before the store");
        }
    }
}

static void barrier(tables_t *tables) {
    unsigned kept = 0;
    for (unsigned i = 0; i < tables->count; i++) {
        tables->stale[i].visible = true;
        if (!tables->stale[i].flushed) {
            tables->stale[kept++] = tables->stale[i];
        }
    }
    tables->count = kept;
}

static void flush(tables_t *tables, const hw_event_t *event) {
    bool by_address = event->insn->sys & 1; // VAE1, VAAE1, VALE1, VAALE1; else all, or an ASID
    uint64_t va = (uint64_t)((int64_t)(event->value << 20) >> 8);
    for (unsigned i = 0; i < tables->count; i++) {
        stale_t *stale = &tables->stale[i];
        if (stale->visible && (!by_address || va - stale->start < stale->end - stale->start)) {
            stale->flushed = true;
        }
    }
}

void tables_event(hw_t *hw, const hw_event_t *event) {
    switch (event->kind) {
        case HW_ACCESS:
            check(hw, event);
            if (event->store) {
                store(hw, event);
            }
            break;
        case HW_FETCH:
            check(hw, event);
            break;
        case HW_DSB:
            barrier(hw->tables);
            break;
        case HW_TLBI:
            flush(hw->tables, event);
            break;
        case HW_RESET:
            hw->tables->count = 0;
            break;
        default:
            return;
    }
    hw->watch = (hw->watch & ~HW_WATCH_TABLES) | (hw->tables->count ? HW_WATCH_TABLES : 0);
}
