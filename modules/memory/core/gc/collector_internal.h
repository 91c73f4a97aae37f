// SPDX-License-Identifier: MIT
// Blocks, groups and bits, for the files of this folder.

#ifndef MODULES_MEMORY_CORE_GC_COLLECTOR_INTERNAL_H
#define MODULES_MEMORY_CORE_GC_COLLECTOR_INTERNAL_H

#include "collector.h"

#define GROUP (64)          // blocks
#define CHUNK (64)          // groups
#define ALL (~UINT64_C(0))

// Number of the lowest bit that is set, and of the zeros above the highest; GROUP when none is.
static inline unsigned lowest(uint64_t bits) {
    return bits != 0 ? (unsigned)__builtin_ctzll(bits) : GROUP;
}

static inline unsigned lowest_of(uint64_t not_zero) {
    return (unsigned)__builtin_ctzll(not_zero);
}

static inline unsigned zeros_above(uint64_t bits) {
    return bits != 0 ? (unsigned)__builtin_clzll(bits) : GROUP;
}

static inline uint64_t bit_of(size_t block) {
    return UINT64_C(1) << block % GROUP;
}

// Bits below the one of a block.
static inline uint64_t below(size_t block) {
    return bit_of(block) - 1;
}

static inline size_t groups_for(size_t blocks) {
    return (blocks + GROUP - 1) / GROUP;
}

// Words of `full`.
static inline size_t chunk_words_for(size_t blocks) {
    return (groups_for(blocks) + CHUNK * 64 - 1) / (CHUNK * 64);
}

static inline collector_group_t *group_of(const collector_area_t *area, size_t block) {
    return &area->group[block / GROUP];
}

static inline uint64_t tails_of(const collector_group_t *group) {
    return group->used & ~group->head;
}

// Bits of the last group that stand for no block.
static inline uint64_t absent(const collector_area_t *area) {
    return area->blocks % GROUP != 0 ? ~below(area->blocks) : 0;
}

static inline uintptr_t address_of(const collector_area_t *area, size_t block) {
    return area->pool + (block << COLLECTOR_BLOCK_SHIFT);
}

static inline bool area_has(const collector_area_t *area, uintptr_t address) {
    return address - area->pool < area->blocks << COLLECTOR_BLOCK_SHIFT;
}

// No group is open. A search opens one.
static inline void close_group(collector_t *c) {
    c->no_group.used = ALL;
    c->open = &c->no_group;
}

static inline bool is_full(const collector_area_t *area, size_t group) {
    size_t chunk = group / CHUNK;
    return area->full[chunk / 64] >> chunk % 64 & 1;
}

static inline void set_full(collector_area_t *area, size_t group, bool full) {
    size_t chunk = group / CHUNK;
    uint64_t bit = UINT64_C(1) << chunk % 64;
    uint64_t *word = &area->full[chunk / 64];
    *word = full ? *word | bit : *word & ~bit;
}

// The area whose pool has the address, NULL if none has.
collector_area_t *collector_find_other(collector_t *c, uintptr_t address);

static inline collector_area_t *collector_find(collector_t *c, uintptr_t address) {
    collector_area_t *last = c->last;
    return last != NULL && area_has(last, address) ? last : collector_find_other(c, address);
}

// The head of the chain that starts at an address: its block in *area, COLLECTOR_NONE when none does.
size_t collector_head_at(collector_t *c, const void *start, collector_area_t **area);

static inline size_t block_of(const collector_area_t *area, uintptr_t address) {
    return (address - area->pool) >> COLLECTOR_BLOCK_SHIFT;
}

// How many blocks from `block` on are tails.
static inline size_t tails_from(const collector_area_t *area, size_t block) {
    size_t left = area->blocks - block;
    const collector_group_t *group = group_of(area, block);
    size_t n = lowest(~(tails_of(group) >> block % GROUP));
    if (n < GROUP - block % GROUP || n >= left) {
        return n < left ? n : left;
    }
    for (n = GROUP - block % GROUP; n < left; n += GROUP) {
        uint64_t others = ~tails_of(++group);
        if (others != 0) {
            n += lowest(others);
            break;
        }
    }
    return n < left ? n : left;
}

// Blocks of the chain whose head is there.
static inline size_t chain_length(const collector_area_t *area, size_t head) {
    return head + 1 < area->blocks ? 1 + tails_from(area, head + 1) : 1;
}

// So many lengths from 1 on have hints of their own; the others are powers of two.
#define HINTS_EXACT (8)
#define HINTS_EXACT_LOG2 (3)

static inline size_t hint_length(unsigned i) {
    return i < HINTS_EXACT ? i + 1 : (size_t)(2 * HINTS_EXACT) << (i - HINTS_EXACT);
}

#endif // MODULES_MEMORY_CORE_GC_COLLECTOR_INTERNAL_H
