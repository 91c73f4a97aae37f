// SPDX-License-Identifier: MIT
// Creates and destroys translation tables, and adds mappings. paging_change.c changes mappings, paging_read.c reads.

#include "paging.h"

#include "paging_internal.h"

int paging_chain_fill(const paging_t *p, paging_chain_t *chain, size_t count) {
    *chain = (paging_chain_t) {0, 0};
    while (chain->count < count) {
        mem_pa_t pa;
        int result = p->source->alloc(p->source->ctx, &pa);
        if (result != MEM_OK) {
            paging_chain_release(p, chain);
            return result;
        }
        paging_chain_push(p, chain, pa);
    }
    return MEM_OK;
}

void paging_chain_release(const paging_t *p, paging_chain_t *chain) {
    while (chain->count != 0) {
        p->source->free(p->source->ctx, paging_chain_pop(p, chain), 1);
    }
}

void paging_unlink_tree(paging_t *p, paging_chain_t *chain, mem_pa_t pa, unsigned level) {
    const uint64_t *table = paging_table(p, pa);
    for (unsigned i = 0; level < 3 && i < DESC_ENTRIES; ++i) {
        if (desc_is_table(table[i], level)) {
            paging_unlink_tree(p, chain, desc_table_pa(table[i]), level + 1);
        }
    }
    paging_chain_push(p, chain, pa);
    --p->tables;
}

int paging_range_in_half(const paging_t *p, mem_va_t va, uint64_t size, paging_error_t *why) {
    if (!mem_is_aligned(va | size, MEM_PAGE_SIZE) || !mem_range_ok(va, size)) {
        return paging_fail(why, MEM_EINVAL, va, MEM_ADDR_NONE);
    }
    bool inside = p->upper ? desc_va_is_upper(va) : desc_va_is_lower(va + size - 1);
    return inside ? MEM_OK : paging_fail(why, MEM_ERANGE, va, MEM_ADDR_NONE);
}

int paging_init(paging_t *p, const mem_source_t *source, bool upper, uint16_t asid, mem_pa_t pa_limit) {
    mem_pa_t root;
    int result = source->alloc(source->ctx, &root);
    if (result != MEM_OK) {
        return result;
    }
    *p = (paging_t) {
        .source = source, .root = root, .pa_limit = pa_limit, .tables = 1, .asid = asid, .upper = upper,
    };
    paging_clear_walk_cache(p);
    arch_clear_page(paging_table(p, root));
    return MEM_OK;
}

void paging_destroy(paging_t *p) {
    if (p->live) {
        // No TTBR points to the tables any more, but processors may have cached walks: these end before the frames
        // of the tables are freed.
        arch_dsb_ishst();
        paging_invalidate_half(p);
        arch_dsb_ish();
        arch_isb();
        p->live = false;
    }
    paging_chain_t freed = {0, 0};
    paging_unlink_tree(p, &freed, p->root, 0);
    paging_clear_walk_cache(p);
    paging_chain_release(p, &freed);
}

// The state of a paging_map() call.
typedef struct _map_t {
    paging_t *p;
    uint64_t delta;            // pa = va + delta
    uint64_t bits;             // attributes of every leaf
    unsigned largest;          // level of the largest leaves that flags and alignment allow
    bool fresh;                // no walk reaches the table yet that is written
    unsigned added[DESC_LEVELS]; // entries that the table of a level got, until its own entry counts them
    size_t count;              // tables that the mapping will add
    paging_chain_t reserve;    // that many frames for them
    paging_error_t *why;
} map_t;

static unsigned largest_leaf(uint64_t delta, unsigned flags) {
    unsigned level = flags & PAGING_PAGES_ONLY ? 3 : 1;
    while (level < 3 && !mem_is_aligned(delta, desc_entry_size(level))) {
        ++level;
    }
    return level;
}

// Whether [va, last], inside one entry of `level`, becomes a leaf there.
static bool takes_leaf(const map_t *m, mem_va_t va, mem_va_t last, unsigned level) {
    return level >= m->largest && paging_is_whole(va, last, level);
}

static int refuse_mapped(const map_t *m, uint64_t desc, unsigned level, mem_va_t va) {
    mem_pa_t pa = desc_leaf_pa(desc, level) + (va & (desc_entry_size(level) - 1));
    return paging_fail(m->why, MEM_EEXIST, va, pa);
}

// Counts the tables that the mapping will add. Refuses mapped pages.
static int count_entry(void *state, uint64_t *slot, unsigned level, mem_va_t va, mem_va_t last) {
    map_t *m = state;
    if (desc_is_table(*slot, level)) {
        return PAGING_DESCEND;
    }
    if (desc_is_valid(*slot)) {
        return refuse_mapped(m, *slot, level, va);
    }
    if (!takes_leaf(m, va, last, level)) { // as nearly all entries of a large mapping do
        m->count += paging_tables_needed(va, last, level, m->largest);
    }
    return PAGING_NEXT;
}

// Entries that become leaves add no table.
static size_t count_whole(void *state, uint64_t *slots, size_t n, unsigned level, mem_va_t va) {
    (void)va;
    const map_t *m = state;
    size_t done = 0;
    while (level >= m->largest && done < n && !desc_is_valid(slots[done])) {
        ++done;
    }
    return done;
}

static int count_pages(void *state, uint64_t *slots, size_t n, mem_va_t va) {
    for (size_t i = 0; i < n; ++i) {
        if (desc_is_valid(slots[i])) {
            return refuse_mapped(state, slots[i], 3, va + i * MEM_PAGE_SIZE);
        }
    }
    return MEM_OK;
}

static const paging_actions_t count_actions = {.entry = count_entry, .pages = count_pages, .whole = count_whole};

static int write_entry(void *state, uint64_t *slot, unsigned level, mem_va_t va, mem_va_t last);
static int write_pages(void *state, uint64_t *slots, size_t n, mem_va_t va);
static void count_added(void *state, uint64_t *slot, unsigned level, mem_va_t va, mem_va_t last);
static size_t write_whole(void *state, uint64_t *slots, size_t n, unsigned level, mem_va_t va);
static const paging_actions_t write_actions = {
    .entry = write_entry, .pages = write_pages, .leave = count_added, .whole = write_whole,
};

// How many entries the table below `level` got since the last call.
static unsigned take_added(map_t *m, unsigned level) {
    unsigned added = m->added[level + 1];
    m->added[level + 1] = 0;
    return added;
}

static void count_added(void *state, uint64_t *slot, unsigned level, mem_va_t va, mem_va_t last) {
    (void)va;
    (void)last;
    unsigned added = take_added(state, level);
    if (added != 0 && desc_count(*slot) != DESC_COUNT_STAYS) {
        arch_write_descriptor(slot, *slot + ((uint64_t)added << DESC_COUNT_SHIFT));
    }
}

// Makes the table of the entry at `slot`, fills it and then links it: a walk finds it complete or not at all.
static void add_table(map_t *m, uint64_t *slot, unsigned level, mem_va_t va, mem_va_t last) {
    mem_pa_t pa = paging_chain_pop(m->p, &m->reserve);
    uint64_t *table = paging_table(m->p, pa);
    if (!paging_is_whole(va, last, level)) {
        arch_clear_page(table);
    }
    bool fresh = m->fresh;
    m->fresh = true;
    paging_visit(&(paging_visitor_t) {m->p, &write_actions, m}, table, level + 1, va, last);
    m->fresh = fresh;
    ++m->p->tables;
    uint64_t desc = desc_counted_table(pa, take_added(m, level));
    if (fresh) {
        *slot = desc;
        return;
    }
    if (m->p->live) {
        arch_dsb_ishst();
    }
    arch_write_descriptor(slot, desc);
}

// A fresh table that will be written whole has not been cleared: its slots hold no descriptors.
static bool has_table(const map_t *m, uint64_t desc, unsigned level) {
    return !m->fresh && desc_is_table(desc, level);
}

static int write_entry(void *state, uint64_t *slot, unsigned level, mem_va_t va, mem_va_t last) {
    map_t *m = state;
    if (has_table(m, *slot, level)) {
        return PAGING_DESCEND;
    }
    ++m->added[level];
    if (takes_leaf(m, va, last, level)) {
        arch_write_descriptor(slot, (va + m->delta) | m->bits | DESC_BLOCK);
    } else {
        add_table(m, slot, level, va, last);
    }
    return PAGING_NEXT;
}

static size_t write_whole(void *state, uint64_t *slots, size_t n, unsigned level, mem_va_t va) {
    map_t *m = state;
    uint64_t desc = (va + m->delta) | m->bits | DESC_BLOCK;
    uint64_t size = desc_entry_size(level);
    size_t done = 0;
    while (level >= m->largest && done < n && !has_table(m, slots[done], level)) {
        arch_write_descriptor(&slots[done], desc);
        desc += size;
        ++done;
    }
    m->added[level] += (unsigned)done;
    return done;
}

static int write_pages(void *state, uint64_t *slots, size_t n, mem_va_t va) {
    map_t *m = state;
    uint64_t desc = (va + m->delta) | m->bits | DESC_PAGE;
    m->added[3] += (unsigned)n;
    if (m->fresh) {
        for (size_t i = 0; i < n; ++i) {
            slots[i] = desc + i * MEM_PAGE_SIZE;
        }
    } else {
        for (size_t i = 0; i < n; ++i) {
            arch_write_descriptor(&slots[i], desc + i * MEM_PAGE_SIZE);
        }
    }
    return MEM_OK;
}

int paging_map(paging_t *p, const paging_run_t *run, unsigned flags, paging_error_t *why) {
    mem_va_t va = run->va;
    mem_va_t last = va + run->size - 1;
    mem_pa_t pa = run->pa;
    int result = paging_range_in_half(p, va, run->size, why);
    if (result != MEM_OK) {
        return result;
    }
    if (!mem_is_aligned(pa, MEM_PAGE_SIZE) || !desc_attrs_ok(run->attrs)) {
        return paging_fail(why, MEM_EINVAL, va, pa);
    }
    if (pa >= p->pa_limit || run->size > p->pa_limit - pa) {
        return paging_fail(why, MEM_ERANGE, va, pa);
    }
    map_t m = {
        .p = p, .delta = pa - va, .bits = paging_leaf_bits(p, run->attrs, flags),
        .largest = largest_leaf(pa - va, flags), .why = why,
    };
    result = paging_visit_all(p, &count_actions, &m, va, last);
    if (result != MEM_OK) {
        return result;
    }
    result = paging_chain_fill(p, &m.reserve, m.count);
    if (result != MEM_OK) {
        return paging_fail(why, result, va, MEM_ADDR_NONE);
    }
    paging_visit_all(p, &write_actions, &m, va, last);
    if (p->live) {
        // Invalid to valid: a TLB holds no invalid entry, so there is nothing to invalidate.
        arch_dsb_ishst();
        arch_isb();
    }
    return MEM_OK;
}
