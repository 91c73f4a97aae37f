// SPDX-License-Identifier: MIT
// Reading translation tables: single addresses, runs, and the check of all invariants.

#include "paging.h"

#include "paging_internal.h"

// The level 2 table of an empty walk cache. All entries are invalid, so every walk starts at the root.
static const uint64_t empty_table[DESC_ENTRIES];

void paging_clear_walk_cache(paging_t *p) {
    p->walk_cache = (paging_walk_cache_t) {.va = 0, .table = empty_table, .linear = 0};
}

static bool in_half(const paging_t *p, mem_va_t va) {
    return p->upper ? desc_va_is_upper(va) : desc_va_is_lower(va);
}

// Where the walk of va ends: the level, and its leaf or invalid descriptor.
static inline unsigned find(const paging_t *p, mem_va_t va, uint64_t *desc) {
    unsigned level;
    *desc = *paging_find(p, va, 3, &level);
    return level;
}

// Stores the address and the attributes (each may be NULL) that leaf `desc` gives va.
static inline int read_leaf(uint64_t desc, unsigned level, mem_va_t va, mem_pa_t *pa, mem_attrs_t *attrs) {
    if (pa != NULL) {
        *pa = desc_leaf_pa(desc, level) | (va & (desc_entry_size(level) - 1));
    }
    if (attrs != NULL) {
        *attrs = desc_attrs(desc);
    }
    return MEM_OK;
}

// The walk from the root, for a GiB that is not cached.
static __attribute__((noinline)) int translate_uncached(paging_t *p, mem_va_t va, mem_pa_t *pa, mem_attrs_t *attrs) {
    if (!in_half(p, va)) {
        return MEM_ERANGE;
    }
    unsigned level;
    const uint64_t *slot = paging_find(p, va, 2, &level);
    if (level == 2) {
        p->walk_cache = (paging_walk_cache_t) {
            .va = mem_align_down(va, MEM_BLOCK1G_SIZE), .table = slot - desc_index(va, 2), .linear = p->source->linear,
        };
        if (desc_is_table(*slot, 2)) {
            level = 3;
            slot = &paging_table(p, desc_table_pa(*slot))[desc_index(va, 3)];
        }
    }
    return desc_is_leaf(*slot, level) ? read_leaf(*slot, level, va, pa, attrs) : MEM_ENOENT;
}

int paging_translate(paging_t *p, mem_va_t va, mem_pa_t *pa, mem_attrs_t *attrs) {
    const paging_walk_cache_t *cache = &p->walk_cache;
    uint64_t index = (va - cache->va) / MEM_BLOCK2M_SIZE;
    if (index >= DESC_ENTRIES) {
        return translate_uncached(p, va, pa, attrs);
    }
    uint64_t desc = cache->table[index];
    if (!desc_is_table(desc, 2)) {
        return desc_is_leaf(desc, 2) ? read_leaf(desc, 2, va, pa, attrs) : translate_uncached(p, va, pa, attrs);
    }
    const uint64_t *table = (const uint64_t *)(uintptr_t)(desc_table_pa(desc) + cache->linear);
    desc = table[desc_index(va, 3)];
    return desc_is_leaf(desc, 3) ? read_leaf(desc, 3, va, pa, attrs) : MEM_ENOENT;
}

unsigned paging_walk(const paging_t *p, mem_va_t va, paging_step_t steps[DESC_LEVELS]) {
    if (!in_half(p, va)) {
        return 0;
    }
    mem_pa_t table = p->root;
    for (unsigned level = 0;; ++level) {
        unsigned index = desc_index(va, level);
        uint64_t desc = paging_table(p, table)[index];
        steps[level] = (paging_step_t) {desc, table, (uint16_t)index, (uint8_t)level};
        if (!desc_is_table(desc, level)) {
            return level + 1;
        }
        table = desc_table_pa(desc);
    }
}

// Moves *va to the first mapped page in [*va, last]; false when there is none.
static bool skip_unmapped(const paging_t *p, mem_va_t *va, mem_va_t last) {
    for (;;) {
        uint64_t desc;
        unsigned level = find(p, *va, &desc);
        if (desc_is_leaf(desc, level)) {
            return true;
        }
        mem_va_t step = paging_entry_last(*va, last, level);
        if (step == last) {
            return false;
        }
        *va = step + 1;
    }
}

// The first run, of at most `leaves` pages and blocks.
static bool next_run(const paging_t *p, mem_va_t from, mem_va_t end, size_t leaves, paging_run_t *run) {
    mem_va_t base = paging_base(p);
    mem_va_t half_last = base + (DESC_HALF_SIZE - 1);
    mem_va_t last = end == 0 || end - 1 > half_last ? half_last : end - 1;
    mem_va_t va = from < base ? base : from & ~MEM_PAGE_MASK;
    if (va > last || !skip_unmapped(p, &va, last)) {
        return false;
    }
    uint64_t desc;
    unsigned level = find(p, va, &desc);
    *run = (paging_run_t) {.va = va};
    read_leaf(desc, level, va, &run->pa, &run->attrs);
    mem_va_t step;
    for (;;) {
        level = find(p, va, &desc);
        mem_pa_t pa = desc_leaf_pa(desc, level) | (va & (desc_entry_size(level) - 1));
        if (!desc_is_leaf(desc, level) || desc_attrs(desc) != run->attrs || pa != run->pa + (va - run->va)) {
            step = va - 1;
            break;
        }
        step = paging_entry_last(va, last, level);
        if (step == last || --leaves == 0) {
            break;
        }
        va = step + 1;
    }
    run->size = step - run->va + 1;
    return true;
}

bool paging_next_run(const paging_t *p, mem_va_t from, mem_va_t end, paging_run_t *run) {
    return next_run(p, from, end, SIZE_MAX, run);
}

bool paging_next_part(const paging_t *p, mem_va_t from, mem_va_t end, paging_run_t *run) {
    return next_run(p, from, end, PAGING_PART_LEAVES, run);
}

// The state of a paging_count() call.
typedef struct _tally_t {
    uint64_t bits;
    size_t count;
} tally_t;

static int tally_pages(void *state, uint64_t *slots, size_t n, mem_va_t va) {
    (void)va;
    tally_t *tally = state;
    for (size_t i = 0; i < n; ++i) {
        tally->count += desc_is_valid(slots[i]) && (slots[i] & tally->bits) == tally->bits;
    }
    return MEM_OK;
}

static const paging_actions_t tally_actions = {.entry = paging_descend, .pages = tally_pages};

size_t paging_count(const paging_t *p, mem_va_t va, mem_va_t last, uint64_t bits) {
    tally_t tally = {bits, 0};
    paging_visit_all(p, &tally_actions, &tally, va, last);
    return tally.count;
}

static bool leaf_is_sound(const paging_t *p, uint64_t desc, unsigned level) {
    mem_pa_t pa = desc_leaf_pa(desc, level);
    mem_attrs_t attrs = desc_attrs(desc);
    uint64_t marks = desc & (level == 3 ? DESC_PAGED | DESC_OWNED : 0);
    return desc_is_leaf(desc, level) && (desc ^ marks) == desc_leaf(level, pa, attrs, p->upper)
           && marks != DESC_OWNED && desc_attrs_ok(attrs)
           && pa < p->pa_limit && desc_entry_size(level) <= p->pa_limit - pa;
}

// A check under way.
typedef struct _scan_t {
    const paging_t *p;
    size_t seen;               // tables: when there are more than there should be, one is linked twice, or in a loop
    unsigned found;
    unsigned missing;          // of these: what an entry that was cleared leaves, or one too many
    mem_stop_t stop;
    bool stopped;
    paging_damage_t first;
} scan_t;

// Whether the entry that links a table counts its `used` entries.
static bool count_is_sound(uint64_t link, unsigned used) {
    unsigned count = desc_count(link);
    return count == DESC_COUNT_STAYS || (used == count && used != 0);
}

static void report(scan_t *scan, mem_va_t va, const paging_step_t *entry) {
    if (scan->found++ == 0) {
        scan->first = (paging_damage_t) {.va = va, .entry = *entry};
    }
}

// Looks at the entries of a table and of those below it. `link` is the entry that leads to it, `va` the first address.
static void check_table(scan_t *scan, mem_pa_t pa, unsigned level, mem_va_t va, const paging_step_t *link) {
    const paging_t *p = scan->p;
    if (!mem_goes_on(scan->stop, &scan->stopped)) {
        return;
    }
    if (++scan->seen > p->tables) {
        report(scan, va, link);
        return;
    }
    const uint64_t *table = paging_table(p, pa);
    unsigned used = 0;
    for (unsigned i = 0; i < DESC_ENTRIES && scan->seen <= p->tables; ++i) {
        uint64_t desc = table[i];
        mem_va_t at = va + i * desc_entry_size(level);
        const paging_step_t entry = {desc, pa, (uint16_t)i, (uint8_t)level};
        used += desc != 0;
        bool is_table = desc_is_table(desc, level);
        if (is_table && (desc & ~DESC_COUNT_MASK) == desc_table(desc) && desc_table_pa(desc) < p->pa_limit) {
            check_table(scan, desc_table_pa(desc), level + 1, at, &entry);
        } else if (is_table || (desc != 0 && !leaf_is_sound(p, desc, level))) {
            report(scan, at, &entry);
        }
    }
    if (level != 0 && !scan->stopped && scan->seen <= p->tables && !count_is_sound(link->descriptor, used)) {
        ++scan->missing;
        report(scan, va, link);
    }
}

unsigned paging_check(const paging_t *p, paging_damage_t *first, mem_stop_t stop) {
    scan_t scan = {.p = p, .stop = stop};
    const paging_step_t none = {.table = MEM_ADDR_NONE};
    check_table(&scan, p->root, 0, paging_base(p), &none);
    if (scan.seen != p->tables && !scan.stopped) {
        scan.missing += scan.seen < p->tables;
        report(&scan, MEM_ADDR_NONE, &none);
    }
    scan.first.only_missing = scan.missing == scan.found;
    if (first != NULL) {
        *first = scan.first;
    }
    return scan.found;
}
