// SPDX-License-Identifier: MIT
// The parts of the model of translation tables: roots (tables_roots.c), pages that hold descriptors
// (tables_pages.c), descriptors on their way into and out of the TLB (tables_pending.c) and what one
// descriptor says (descriptor.c).
#ifndef HWCHECK_TABLES_PRIVATE_H
#define HWCHECK_TABLES_PRIVATE_H

#include "event.h"

#define ENTRIES 512
#define ANY_ASID (-1)
#define ROOTS 64

// --- what one descriptor says (descriptor.c) ---

typedef enum { NOTHING, LEAF, SUBTABLE } kind_t;
typedef enum { READ, WRITE, EXECUTE } use_t;

#define DESC_ADDRESS 0x0000fffffffff000ull
#define DESC_AF (1ull << 10)
#define DESC_GLOBAL_NOT (1ull << 11)
#define DESC_CONTIGUOUS (1ull << 52)
#define DESC_PXN (1ull << 53)
#define DESC_UXN (1ull << 54)

// The registers and the level by which a descriptor is read.
typedef struct {
    uint64_t mair;
    bool wxn;
    uint8_t level;
    uint8_t regime;
    uint8_t el; // of the core
} sense_t;

static inline uint64_t desc_span(unsigned level) {
    return 1ull << (39 - 9 * level);
}
// What a TLB may hold of it: an entry without AF is held by none.
kind_t desc_kind(uint64_t desc, unsigned level);
bool desc_global(uint64_t desc, unsigned regime);
uint64_t desc_pa(uint64_t desc, unsigned level, uint64_t va);
hw_memory_t desc_memory(uint64_t desc, uint64_t mair);
bool desc_allows(const sense_t *sense, uint64_t desc, use_t use, unsigned el);
// The leaf with what the tables above it forbid; `inherit`: APTable, UXNTable, PXNTable as bits 4:0.
uint64_t desc_with(uint64_t desc, unsigned inherit);
unsigned desc_inherit(uint64_t table);
// Why both in a TLB at once would contradict each other; NULL: they do not, or differ in permissions only.
const char *desc_conflict(const sense_t *sense, uint64_t before, uint64_t after);

// --- pages with descriptors (tables_pages.c) ---

// Where a page of descriptors stands in a tree.
typedef struct {
    uint64_t va; // that descriptor `first` translates
    int asid; // of translations that are not global
    uint16_t first, count;
    uint8_t level, regime;
    uint8_t inherit;
} place_t;

typedef struct {
    place_t place;
    uint16_t links; // registers and descriptors that lead to it
    uint16_t cacheable, other; // descriptors of level 3 that map this page of RAM write-back; otherwise
} page_t;

// 2 MiB of RAM, as a block maps it. Most of RAM is mapped by blocks: their pages are not counted one by one.
#define REGION (2u << 20)
typedef struct {
    uint32_t cacheable, other; // blocks that map it
    uint32_t pages_cacheable, pages_other; // sums of its pages' counters
} region_t;

// What happens to a descriptor of a page: `at` is its number.
static inline uint64_t place_va(const place_t *place, unsigned at) {
    return place->va + ((uint64_t)at - place->first) * desc_span(place->level);
}

page_t *pages_of(const hw_t *hw, uint64_t pa);
region_t *pages_region(const hw_t *hw, uint64_t pa);
uint64_t pages_shadow(const hw_t *hw, uint64_t table, unsigned at);
// Begins to follow the table at `pa` and those below it. `late`: the rule if stores to it are not
// ordered before (epochs from `since` on).
void pages_link(hw_t *hw, const hw_event_t *event, uint64_t pa, const place_t *place, const char *late);
void pages_unlink(hw_t *hw, uint64_t pa);
// Memory is no longer mapped by this leaf, or a table no longer linked by it.
void pages_gone(hw_t *hw, uint64_t desc, const place_t *place);
// Forgets all of them.
void pages_clear(hw_t *hw);
void pages_store(hw_t *hw, const hw_event_t *event);
// The leaf of `va` below the table at `pa`, as it was last seen; false: there is none.
bool pages_find(const hw_t *hw, uint64_t pa, uint64_t va, uint64_t *desc, unsigned *level);
// Whether TCR lets the walker read this table through the cache.
bool pages_cached(const hw_t *hw, unsigned core, const place_t *place);
sense_t pages_sense(const hw_t *hw, unsigned core, const place_t *place);
// tables_rules.c: rules 5g and 7 for a descriptor that becomes reachable.
void pages_check_leaf(hw_t *hw, const hw_event_t *event, const place_t *place, unsigned at, uint64_t desc);
void pages_check_set(hw_t *hw, const hw_event_t *event, uint64_t table, unsigned at, const hw_insn_t *cause);

// --- descriptors on their way (tables_pending.c) ---

typedef enum { SETTLED, STORED, VISIBLE, FLUSHED_HERE, FLUSHED } state_t;

typedef struct {
    uint64_t old, also; // the first and the last descriptor replaced since it was settled
    const hw_insn_t *writer;
    uint8_t stale; // state_t of what the TLB may still have
    uint8_t fresh; // state_t of what the walker may not see yet: STORED, VISIBLE (no ISB yet)
    bool replaced; // `old` was counted, and is not in the table any more
} slot_t;

// A table with descriptors on their way. Each use of an address looks through all of them, so that
// what it needs is in one line of the host's cache.
typedef struct pending {
    struct pending *next;
    uint64_t va, size; // what the descriptors from low to high translate
    uint64_t table; // physical
    place_t place;
    unsigned core; // that wrote last
    unsigned low, high; // all that are not settled are from low to high
    slot_t *slot; // by number of the descriptor
} pending_t;

// A valid descriptor was replaced by another or by nothing.
void pending_replaced(hw_t *hw, const hw_event_t *event, const page_t *page, unsigned at, uint64_t before);
void pending_written(hw_t *hw, const hw_event_t *event, const page_t *page, unsigned at);
void pending_barrier(hw_t *hw, const hw_event_t *event);
void pending_synchronize(hw_t *hw, const hw_event_t *event);
void pending_flush(hw_t *hw, const hw_event_t *event);
void pending_clear(hw_t *hw);
const char *pending_missing(state_t state);
// Whether it matters for this use if `old` is in the TLB.
bool pending_matters(const sense_t *sense, uint64_t old, const hw_event_t *event, use_t use, const hw_map_t *now);
// Whether a descriptor for this address is on its way.
bool pending_covers(const hw_t *hw, unsigned core, uint64_t va);
// Rules 5c and 5d for a use of an address; true: one of them was reported.
bool pending_check(hw_t *hw, const hw_event_t *event, use_t use, const hw_map_t *now);

// --- roots (tables_roots.c) ---

typedef struct {
    uint64_t pa; // of the table, 0: not used
    uint64_t first; // its lowest descriptor
    place_t place;
    bool high;
    bool global; // holds leaves that are not bound to its ASID
    uint8_t active; // a bit for each core whose register has it
    uint8_t core; // the last one that had it
    uint8_t state; // state_t since it is not active: STORED, VISIBLE after the ISB, FLUSHED
    const hw_insn_t *replaced; // the MSR
} root_t;

void roots_sync(hw_t *hw, const hw_event_t *event, const hw_core_t *core);
void roots_barrier(hw_t *hw, const hw_event_t *event);
void roots_synchronize(hw_t *hw, unsigned core);
void roots_flush(hw_t *hw, const hw_event_t *event);
void roots_clear(hw_t *hw);
// Whether a root that is not active may still answer for what one that is translates.
bool roots_pending(const hw_t *hw);
bool roots_cover(const hw_t *hw, unsigned core, uint64_t va); // for this address
bool roots_check(hw_t *hw, const hw_event_t *event, use_t use, const hw_map_t *now);
int roots_asid(const hw_core_t *core);

// What a TLBI names.
typedef struct {
    uint8_t regime;
    bool shared; // the inner shareable form
    bool last; // last-level entries only
    bool by_va;
    bool global; // global entries too; false: those of `asid` only
    bool any_asid;
    int asid;
    uint64_t va;
} flush_t;
flush_t flush_of(const hw_t *hw, const hw_event_t *event);

typedef struct tables {
    page_t *page; // by page of RAM
    region_t *region; // by 2 MiB of RAM
    uint64_t *shadow; // by double word of RAM: what tables held before the store that is looked at
    uint64_t size;
    pending_t *pending;
    root_t root[ROOTS];
    unsigned roots; // those behind were never used
    bool unseen; // stores to tables were not followed, since the MMU was off
} tables_t;

// The use of an event's access, and whether it goes through the tables at all. `el`: of the
// core, changed to that of the access.
bool tables_use(const hw_event_t *event, use_t *use, unsigned *el);

#endif
