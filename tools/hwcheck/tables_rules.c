// SPDX-License-Identifier: MIT
// Rule 7, what a descriptor maps, and 5j, sets of contiguous descriptors.
#include "tables_private.h"

static bool inside(const hw_range_t *ranges, uint64_t start, uint64_t end) {
    for (uint64_t pa = start; pa < end;) {
        uint64_t next = pa;
        for (int i = 0; i < HW_RANGES && ranges[i].end; i++) {
            if (pa >= ranges[i].start && pa < ranges[i].end) {
                next = ranges[i].end;
            }
        }
        if (next == pa) {
            return false;
        }
        pa = next;
    }
    return true;
}

static void check_normal(hw_t *hw, const hw_event_t *event, uint64_t va, uint64_t desc, const sense_t *sense) {
    unsigned long long at = va, pa = desc_pa(desc, sense->level, 0);
    hw_memory_t memory = desc_memory(desc, sense->mair);
    if (hw->config.ram[0].end && !inside(hw->config.ram, pa, pa + desc_span(sense->level))) {
        hw_report(hw, event, "7a", event->insn, "%#llx maps %#llx as Normal memory, which is not all RAM", at, pa);
    }
    if ((desc_allows(sense, desc, WRITE, 1) && desc_allows(sense, desc, EXECUTE, 1)) ||
        (sense->regime == 1 && desc_allows(sense, desc, WRITE, 0) && desc_allows(sense, desc, EXECUTE, 0))) {
        hw_report(hw, event, "7c", event->insn, "%#llx maps %#llx writable and executable", at, pa);
    }
    if (memory == HW_NORMAL_WB && (desc >> 8 & 3) != HW_SH_INNER) {
        hw_report(hw, event, "7d", event->insn, "%#llx maps %#llx write-back, but not inner shareable", at, pa);
    }
}

// Where this page or, for a block, the first such one of its 2 MiB is mapped both ways; HW_NOWHERE: nowhere.
static uint64_t alias_in(const hw_t *hw, uint64_t pa, bool block) {
    const region_t *region = pages_region(hw, pa);
    if (!region || !(region->cacheable + region->pages_cacheable) || !(region->other + region->pages_other)) {
        return HW_NOWHERE;
    }
    for (uint64_t at = pa; at < (block ? pa + REGION : pa + HW_PAGE); at += HW_PAGE) {
        const page_t *page = pages_of(hw, at);
        if (page && page->cacheable + region->cacheable && page->other + region->other) {
            return at;
        }
    }
    return HW_NOWHERE;
}

// 7e: the page is mapped with another memory type elsewhere.
static void check_alias(hw_t *hw, const hw_event_t *event, uint64_t va, uint64_t desc, const sense_t *sense) {
    uint64_t start = desc_pa(desc, sense->level, 0);
    for (uint64_t pa = start; pa < start + desc_span(sense->level); pa += REGION) {
        uint64_t found = alias_in(hw, pa, sense->level < 3);
        if (found != HW_NOWHERE) {
            hw_report(hw, event, "7e", event->insn,
                "%#llx maps %#llx, which is mapped write-back at one address and not at another",
                (unsigned long long)va, (unsigned long long)found);
            return;
        }
    }
}

void pages_check_leaf(hw_t *hw, const hw_event_t *event, const place_t *place, unsigned at, uint64_t desc) {
    sense_t sense = pages_sense(hw, event->core, place);
    uint64_t va = place_va(place, at);
    desc = desc_with(desc, place->inherit);
    if (desc_memory(desc, sense.mair) != HW_DEVICE) {
        check_normal(hw, event, va, desc, &sense);
    } else if (desc_allows(&sense, desc, EXECUTE, 1) ||
               (place->regime == 1 && desc_allows(&sense, desc, READ, 0) && desc_allows(&sense, desc, EXECUTE, 0))) {
        hw_report(hw, event, "7b", event->insn, "%#llx maps Device memory executable: it may be fetched at any time",
            (unsigned long long)va);
    }
    check_alias(hw, event, va, desc, &sense);
}

// The 16 descriptors around one that says that it belongs to a contiguous set.
void pages_check_set(hw_t *hw, const hw_event_t *event, uint64_t table, unsigned at, const hw_insn_t *cause) {
    const place_t *place = &pages_of(hw, table)->place;
    uint64_t desc = pages_shadow(hw, table, at);
    unsigned level = place->level, first = at & ~15u;
    if (desc_kind(desc, level) != LEAF || !(desc & DESC_CONTIGUOUS)) {
        return;
    }
    uint64_t start = desc - (at - first) * desc_span(level);
    bool whole = desc_pa(start, level, 0) % (16 * desc_span(level)) == 0;
    for (unsigned i = 0; i < 16; i++) {
        whole &= pages_shadow(hw, table, first + i) == start + i * desc_span(level);
    }
    if (!whole) {
        hw_report(hw, event, "5j", cause, "%#llx is marked contiguous, but its 16 neighbours are not one aligned run",
            (unsigned long long)place_va(place, at));
    }
}
