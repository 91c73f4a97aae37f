// SPDX-License-Identifier: MIT
// Shared by the paging_*.c files only.
//
// Ranges inside the mechanism are [va, last] with the last byte included: the upper half ends with the
// address space, and one past its end would be 0.

#ifndef MODULES_MEMORY_CORE_PAGING_PAGING_INTERNAL_H
#define MODULES_MEMORY_CORE_PAGING_PAGING_INTERNAL_H

#include "paging.h"

#include "core/arch.h"

// Frames that no table links: taken before a change, or to be given back after it. The first word of each frame
// holds the address of the next. That word has bits 1:0 clear, so a table walker that still holds a pointer to
// an unlinked table reads it as an invalid descriptor.
typedef struct _paging_chain_t {
    mem_pa_t head;
    size_t count;
} paging_chain_t;

static inline uint64_t *paging_table(const paging_t *p, mem_pa_t pa) {
    return mem_source_va(p->source, pa);
}

static inline void paging_chain_push(const paging_t *p, paging_chain_t *chain, mem_pa_t pa) {
    *paging_table(p, pa) = chain->head;
    chain->head = pa;
    ++chain->count;
}

static inline mem_pa_t paging_chain_pop(const paging_t *p, paging_chain_t *chain) {
    mem_pa_t pa = chain->head;
    chain->head = *paging_table(p, pa);
    --chain->count;
    return pa;
}

// Takes `count` frames or none (MEM_ENOMEM).
int paging_chain_fill(const paging_t *p, paging_chain_t *chain, size_t count);

// Gives all frames of the chain back to the source.
void paging_chain_release(const paging_t *p, paging_chain_t *chain);

// The tables below and including the one at `pa`, which nothing links any more, go to `chain`.
void paging_unlink_tree(paging_t *p, paging_chain_t *chain, mem_pa_t pa, unsigned level);

// MEM_OK when [va, va + size) is whole pages inside the half; else MEM_EINVAL or MEM_ERANGE.
int paging_range_in_half(const paging_t *p, mem_va_t va, uint64_t size, paging_error_t *why);

// What an action says about the entry that it was called for. Negative MEM_E* results end the visit.
enum {
    PAGING_NEXT = MEM_OK,      // go on behind the entry
    PAGING_DESCEND = 1,        // visit the table that the entry links first
};

// What is done with the entries of a range. The functions may change the entries that they are called for.
typedef struct _paging_actions_t {
    // An entry of level 0 to 2; [va, last] is the part of the range that it translates.
    int (*entry)(void *state, uint64_t *slot, unsigned level, mem_va_t va, mem_va_t last);
    // `n` entries of a table of level 3, the first for va. They come at once, because nearly all entries are these.
    int (*pages)(void *state, uint64_t *slots, size_t n, mem_va_t va);
    // The same entry after all below it; NULL for nothing.
    void (*leave)(void *state, uint64_t *slot, unsigned level, mem_va_t va, mem_va_t last);
    // `n` entries of level 0 to 2 that are whole in the range, the first for va: does at once what `entry` does with
    // those from the first on that need no more than a word each. Returns how many; NULL for none.
    size_t (*whole)(void *state, uint64_t *slots, size_t n, unsigned level, mem_va_t va);
} paging_actions_t;

typedef struct _paging_visitor_t {
    const paging_t *p;
    const paging_actions_t *actions;
    void *state;               // first argument of the actions
} paging_visitor_t;

// Calls the actions (paging_visit.c) for the entries of `table`, of `level`, that translate [va, last], in ascending
// order. Returns MEM_OK or the result that ended it.
int paging_visit(const paging_visitor_t *v, uint64_t *table, unsigned level, mem_va_t va, mem_va_t last);

// The same from the root on. The tables that the range is a part of are descended into without a call of `entry`.
int paging_visit_all(const paging_t *p, const paging_actions_t *actions, void *state, mem_va_t va, mem_va_t last);

// The action for entries of a range of which only the pages count.
int paging_descend(void *state, uint64_t *slot, unsigned level, mem_va_t va, mem_va_t last);

// The tables that [va, last] takes below an entry of `level` that links none, when leaves are of level `largest` or
// smaller: a table for each entry, at each level, that does not become a leaf.
size_t paging_tables_needed(mem_va_t va, mem_va_t last, unsigned level, unsigned largest);

// Empties the walk cache. Call it after tables were unlinked and before they are given back: the cache may point to
// one of them. (paging_read.c)
void paging_clear_walk_cache(paging_t *p);

// Starts the invalidation of all TLB entries of the half; the caller adds the barriers.
static inline void paging_invalidate_half(const paging_t *p) {
    if (p->upper) {
        arch_tlbi_vmalle1is();
    } else {
        arch_tlbi_aside1is(desc_tlbi_operand(0, p->asid));
    }
}

// The walk of va from the root: the entry at which it ends, which is of level `deepest` or links no table.
static inline uint64_t *paging_find(const paging_t *p, mem_va_t va, unsigned deepest, unsigned *level) {
    mem_pa_t table = p->root;
    for (*level = 0;; ++*level) {
        uint64_t *slot = &paging_table(p, table)[desc_index(va, *level)];
        if (*level == deepest || !desc_is_table(*slot, *level)) {
            return slot;
        }
        table = desc_table_pa(*slot);
    }
}

// Everything of a leaf but address and type, the marks of paged ranges included.
static inline uint64_t paging_leaf_bits(const paging_t *p, mem_attrs_t attrs, unsigned flags) {
    return desc_leaf_bits(attrs, p->upper) | (flags & PAGING_PAGED ? DESC_PAGED : 0)
           | (flags & PAGING_OWNED ? DESC_OWNED : 0);
}

// Notes where a call failed and passes its result on.
static inline int paging_fail(paging_error_t *why, int result, mem_va_t va, mem_pa_t pa) {
    if (why != NULL) {
        why->va = va;
        why->pa = pa;
    }
    return result;
}

// The last byte of the entry of `level` that translates va, at most `last`.
static inline mem_va_t paging_entry_last(mem_va_t va, mem_va_t last, unsigned level) {
    mem_va_t end = va | (desc_entry_size(level) - 1);
    return end < last ? end : last;
}

// True when [va, last], which lies inside one entry of `level`, is that whole entry.
static inline bool paging_is_whole(mem_va_t va, mem_va_t last, unsigned level) {
    return last - va == desc_entry_size(level) - 1;
}

#endif // MODULES_MEMORY_CORE_PAGING_PAGING_INTERNAL_H
