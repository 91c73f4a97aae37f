// SPDX-License-Identifier: MIT
// The translations of core 0 as long as they hold, and which of its pages need no event.
#include "quick.h"

#include "tables.h"

quick_t quick;
static quick_walk_t walks[QUICK_PAGES];

void quick_renew(const hw_t *hw) {
    quick.code = hw->watch ? UINT64_MAX : hw->written_code;
    quick.generation = hw->watch & HW_WATCH_ALL ? UINT32_MAX : hw->generation;
    quick.epoch = hw->epoch;
    quick.cached = lines_cached(hw);
}

static hw_map_t walk(hw_t *hw, hw_event_t *event, uint64_t va) {
    hw_map_t map = hw_walk(hw, event->core, va);
    if (map.mmu) {
        event->kind = HW_ACCESS;
        event->va = va;
        tables_walked(hw, event->core, va, &map);
        lines_walked(hw, event, &map);
    }
    return map;
}

// Nothing of the page's translation is on its way: its accesses need no rule of 5 until the next generation.
static void settle(const hw_t *hw, quick_walk_t *entry) {
    const hw_map_t *map = &entry->map;
    entry->settled = hw->generation;
    if (map->valid && map->mmu && map->memory == HW_NORMAL_WB && hw_is_ram(hw, map->pa)) {
        uint32_t *stored = tables_is_table(hw, map->pa) ? NULL : lines_stored(hw, map->pa);
        quick.page[entry - walks] = (quick_page_t) {entry->number, lines_at(hw, map->pa), stored, hw->generation};
    }
}

const quick_walk_t *quick_translate(hw_t *hw, hw_event_t event, uint64_t va) {
    static quick_walk_t other; // of the other cores: they are not remembered
    uint64_t page = va & ~(HW_PAGE - 1ull);
    quick_walk_t *entry = event.core ? &other : &walks[va / HW_PAGE % QUICK_PAGES];
    if (event.core || entry->number != va / HW_PAGE || entry->generation != hw->generation) {
        entry->map = walk(hw, &event, page);
        entry->number = va / HW_PAGE;
        entry->generation = entry->map.foreign ? hw->generation - 1 : hw->generation;
        entry->settled = hw->generation - 1;
        entry->offset = entry->map.pa - page;
    }
    bool kept = !event.core && !entry->map.foreign;
    if (kept && entry->settled != hw->generation && !tables_in_doubt(hw, event.core, va)) {
        settle(hw, entry);
    }
    return entry;
}

bool quick_settled(const hw_t *hw, uint64_t va) {
    const quick_walk_t *entry = &walks[va / HW_PAGE % QUICK_PAGES];
    return entry->number == va / HW_PAGE && entry->settled == hw->generation;
}

bool quick_wide_access(uint64_t va, uint32_t size, const hw_insn_t *writer) {
    uint32_t here = HW_LINE - va % HW_LINE;
    if (size <= here) {
        return quick_access(va, size, writer);
    }
    return va % HW_PAGE + size <= HW_PAGE && quick_access(va, here, writer) &&
           quick_access(va + here, size - here, writer);
}
