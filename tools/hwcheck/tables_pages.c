// SPDX-License-Identifier: MIT
// The pages of descriptors that a walk can reach: which they are, what they held, who links them.
#include <string.h>
#include <sys/mman.h>

#include "lines.h"
#include "tables_private.h"

page_t *pages_of(const hw_t *hw, uint64_t pa) {
    return hw_is_ram(hw, pa) ? &hw->tables->page[(pa - hw->config.ram_base) / HW_PAGE] : NULL;
}

static uint64_t *shadow_of(const hw_t *hw, uint64_t pa) {
    return &hw->tables->shadow[(pa - hw->config.ram_base) / 8];
}

uint64_t pages_shadow(const hw_t *hw, uint64_t table, unsigned at) {
    return *shadow_of(hw, (table & ~(HW_PAGE - 1ull)) + 8 * (uint64_t)at);
}

sense_t pages_sense(const hw_t *hw, unsigned core, const place_t *place) {
    const hw_core_t *registers = &hw->core[core];
    return (sense_t) {registers->mair[place->regime], registers->sctlr[place->regime] >> 19 & 1, place->level,
                      place->regime, registers->el};
}

// IRGN and ORGN: bit 0 of each is set for write-back.
bool pages_cached(const hw_t *hw, unsigned core, const place_t *place) {
    uint64_t tcr = hw->core[core].tcr[place->regime] >> (place->regime == 1 && place->va >> 55 & 1 ? 16 : 0);
    return (tcr >> 8 & 1) && (tcr >> 10 & 1);
}

// --- how often each page of RAM is mapped write-back, and otherwise ---

region_t *pages_region(const hw_t *hw, uint64_t pa) {
    return hw_is_ram(hw, pa) ? &hw->tables->region[(pa - hw->config.ram_base) / REGION] : NULL;
}

static bool add(uint16_t *counter, int change) {
    if (*counter == (change > 0 ? UINT16_MAX : 0)) {
        return false;
    }
    *counter += change;
    return true;
}

// A window of devices begins at 2 MiB.
static void count(hw_t *hw, uint64_t mair, uint64_t desc, unsigned level, int change) {
    uint64_t start = desc_pa(desc, level, 0);
    bool cached = desc_memory(desc, mair) == HW_NORMAL_WB;
    for (uint64_t pa = start; pa < start + desc_span(level); pa += REGION) {
        region_t *region = hw_in(hw->config.mmio, pa) ? NULL : pages_region(hw, pa);
        if (region && level < 3) {
            uint32_t *counter = cached ? &region->cacheable : &region->other;
            *counter += change > 0 || *counter ? change : 0;
        } else if (region) {
            page_t *page = pages_of(hw, pa);
            if (add(cached ? &page->cacheable : &page->other, change)) {
                *(cached ? &region->pages_cacheable : &region->pages_other) += change;
            }
        }
    }
}

void pages_gone(hw_t *hw, uint64_t desc, const place_t *place) {
    kind_t kind = desc_kind(desc, place->level);
    if (kind == LEAF) {
        count(hw, hw->core[0].mair[place->regime], desc, place->level, -1);
    } else if (kind == SUBTABLE) {
        pages_unlink(hw, desc & DESC_ADDRESS);
    }
}

void pages_clear(hw_t *hw) {
    madvise(hw->tables->page, hw->tables->size / HW_PAGE * sizeof(page_t), MADV_DONTNEED);
    memset(hw->tables->region, 0, (hw->tables->size / REGION + 1) * sizeof(region_t));
}

// --- links ---

static place_t place_below(const place_t *place, unsigned at, uint64_t desc) {
    place_t below = *place;
    below.va = place_va(place, at);
    below.level++;
    below.first = 0;
    below.count = ENTRIES;
    below.inherit |= desc_inherit(desc);
    return below;
}

static void reach(hw_t *hw, const hw_event_t *event, const place_t *place, unsigned at, uint64_t desc,
    const char *late) {
    kind_t kind = desc_kind(desc, place->level);
    if (kind == LEAF) {
        count(hw, hw->core[event->core].mair[place->regime], desc, place->level, 1);
        pages_check_leaf(hw, event, place, at, desc);
    } else if (kind == SUBTABLE) {
        uint64_t table = desc & DESC_ADDRESS;
        if (!hw_is_ram(hw, table) || (hw->config.ram[0].end && !hw_in(hw->config.ram, table))) {
            hw_report(hw, event, "5g", event->insn, "a descriptor for %#llx links a table outside of RAM: %#llx",
                (unsigned long long)place_va(place, at), (unsigned long long)table);
        }
        place_t below = place_below(place, at, desc);
        pages_link(hw, event, table, &below, late);
    }
}

// 5f, 5h: stores to the table that no barrier ordered before it became reachable.
static void check_order(hw_t *hw, const hw_event_t *event, uint64_t table, const char *late) {
    uint32_t since = late[1] == 'h' ? hw->completed : hw->epoch, stored = *lines_stored(hw, table);
    if (stored && stored >= since) {
        const hw_insn_t *writer = NULL;
        for (uint64_t pa = table; !writer && pa < table + HW_PAGE; pa += HW_LINE) {
            writer = lines_at(hw, pa)->writer;
        }
        hw_report(hw, event, late, writer, "the table at %#llx becomes reachable, and no %s followed its stores",
            (unsigned long long)table, late[1] == 'h' ? "DSB" : "DMB or DSB");
    }
}

// 5e: the walker reads memory, and the cache has newer bytes of the table.
static void check_dirty(hw_t *hw, const hw_event_t *event, uint64_t table, const place_t *place) {
    bool cached = pages_cached(hw, event->core, place);
    for (uint64_t pa = table; !cached && pa < table + HW_PAGE; pa += HW_LINE) {
        if (lines_at(hw, pa)->dirty && !(lines_at(hw, pa)->flags & LINE_CLEANED)) {
            hw_report(hw, event, "5e", lines_at(hw, pa)->writer,
                "TCR lets walks bypass the cache, and the table at %#llx is in it only", (unsigned long long)table);
            return;
        }
    }
}

void pages_link(hw_t *hw, const hw_event_t *event, uint64_t pa, const place_t *place, const char *late) {
    uint64_t table = pa & ~(HW_PAGE - 1ull);
    page_t *page = pages_of(hw, table);
    if (!page || page->links++) {
        return;
    }
    page->place = *place;
    hw->generation++; // a store to it is an event from now on
    memcpy(shadow_of(hw, table), hw->ram + (table - hw->config.ram_base), HW_PAGE);
    if (late) {
        check_order(hw, event, table, late);
    }
    check_dirty(hw, event, table, place);
    for (unsigned i = 0; i < place->count; i++) {
        unsigned at = place->first + i;
        reach(hw, event, place, at, pages_shadow(hw, table, at), late);
        pages_check_set(hw, event, table, at, event->insn);
    }
}

void pages_unlink(hw_t *hw, uint64_t pa) {
    uint64_t table = pa & ~(HW_PAGE - 1ull);
    page_t *page = pages_of(hw, table);
    if (!page || !page->links || --page->links) {
        return;
    }
    for (unsigned i = 0; i < page->place.count; i++) {
        pages_gone(hw, pages_shadow(hw, table, page->place.first + i), &page->place);
    }
}

bool pages_find(const hw_t *hw, uint64_t pa, uint64_t va, uint64_t *desc, unsigned *level) {
    for (const page_t *page = pages_of(hw, pa); page && page->links; page = pages_of(hw, pa)) {
        uint64_t at = page->place.first + (va - page->place.va) / desc_span(page->place.level);
        if (at >= ENTRIES) {
            return false;
        }
        *desc = pages_shadow(hw, pa, at);
        *level = page->place.level;
        kind_t kind = desc_kind(*desc, *level);
        if (kind != SUBTABLE) {
            return kind == LEAF;
        }
        pa = *desc & DESC_ADDRESS;
        if (page->place.level == 3) {
            break;
        }
    }
    return false;
}

// --- stores ---

// 5b: valid, and another valid one that must not be in a TLB beside it.
static void check_break(hw_t *hw, const hw_event_t *event, const place_t *place, unsigned at, uint64_t before,
    uint64_t after) {
    sense_t sense = pages_sense(hw, event->core, place);
    const char *conflict = desc_conflict(&sense, before, after);
    if (conflict) {
        hw_report(hw, event, "5b", event->insn, "the descriptor for %#llx is replaced without a break: %s",
            (unsigned long long)place_va(place, at), conflict);
    }
}

// Whether both link one table in one way. The walker ignores the other bits, which software may use.
static bool same_table(uint64_t before, uint64_t after, unsigned level) {
    bool tables = desc_kind(before, level) == SUBTABLE && desc_kind(after, level) == SUBTABLE;
    return tables && !((before ^ after) & DESC_ADDRESS) && desc_inherit(before) == desc_inherit(after);
}

static void change(hw_t *hw, const hw_event_t *event, uint64_t pa, uint64_t after) {
    page_t *page = pages_of(hw, pa);
    place_t place = page->place;
    unsigned at = pa / 8 % ENTRIES;
    uint64_t *shadow = shadow_of(hw, pa), before = *shadow;
    if (before == after || at < place.first || at >= (unsigned)place.first + place.count) {
        return;
    }
    *shadow = after;
    if (same_table(before, after, place.level)) {
        return;
    }
    hw->generation++;
    if (desc_kind(before, place.level) != NOTHING) {
        if (event->map.mmu) {
            check_break(hw, event, &place, at, before, after);
        }
        pending_replaced(hw, event, page, at, before);
    }
    if (!event->map.mmu) {
        *shadow = 0; // the walker does not run: the value is looked at when it does
        hw->tables->unseen = true;
        return;
    }
    if (desc_kind(after, place.level) != NOTHING) {
        pending_written(hw, event, page, at);
        reach(hw, event, &place, at, after, "5f");
    }
    if (event->map.memory != HW_NORMAL_WB && event->map.memory != HW_NORMAL_WT &&
        pages_cached(hw, event->core, &place)) {
        hw_report(hw, event, "5e", event->insn, "the walker reads through the cache, the store goes past it");
    }
}

void pages_store(hw_t *hw, const hw_event_t *event) {
    const page_t *page = pages_of(hw, event->pa);
    if (!page || !page->links) {
        return;
    }
    for (uint64_t pa = event->pa & ~7ull; pa < event->pa + event->size; pa += 8) {
        change(hw, event, pa, event->kind == HW_ZVA ? 0 : hw_read64(hw, pa));
    }
}
