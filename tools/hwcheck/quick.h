// SPDX-License-Identifier: MIT
// Blocks and accesses of core 0 that no rule can report: they are no events.
#ifndef HWCHECK_QUICK_H
#define HWCHECK_QUICK_H

#include "lines.h"

#define QUICK_PAGES 65536 // more than a working set has: where another takes an entry, each is walked anew

// A page of cacheable RAM.
typedef struct {
    uint64_t number;
    line_t *line; // its first one
    uint32_t *stored; // NULL: it holds a table, stores to it are events
    uint32_t generation;
} quick_page_t;

// As of the last event: what the rest is compared with, in one place for the sake of speed.
typedef struct {
    uint64_t code; // hw->written_code, as block->hot has it; UINT64_MAX: each block is looked at
    uint32_t generation; // UINT32_MAX: each access is an event
    uint32_t epoch;
    uint32_t cached; // the state of a line that is in the cache, and no more
    quick_page_t page[QUICK_PAGES];
} quick_t;

extern quick_t quick;

// What hw_walk() said of a page.
typedef struct {
    uint64_t number;
    uint32_t generation;
    uint32_t settled; // the generation in which tables_in_doubt() said no
    uint64_t offset; // PA - VA
    hw_map_t map;
} quick_walk_t;

// At the start, after each event, and each change of hw->watch.
void quick_renew(const hw_t *hw);
// The translation of `va` for the event's core. A walk is looked at as one that the event makes.
const quick_walk_t *quick_translate(hw_t *hw, hw_event_t event, uint64_t va);
// Core 0, while descriptors are on their way: whether none of them translates `va`.
bool quick_settled(const hw_t *hw, uint64_t va);

// Whether an access of core 0 is done with; `writer` is NULL for a load.
static inline bool quick_access(uint64_t va, uint32_t size, const hw_insn_t *writer) {
    const quick_page_t *page = &quick.page[va / HW_PAGE % QUICK_PAGES];
    return page->number == va / HW_PAGE && page->generation == quick.generation && (!writer || page->stored) &&
           lines_plain(page->line + va % HW_PAGE / HW_LINE, quick.cached, va % HW_LINE, size, writer) &&
           (!writer || (*page->stored = quick.epoch, true));
}
// The same for one that may end in the line behind. Where it is false, the first line may be changed
// already, as the event will.
bool quick_wide_access(uint64_t va, uint32_t size, const hw_insn_t *writer);

#endif
