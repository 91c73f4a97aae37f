// SPDX-License-Identifier: MIT
// Private to core/heap: the bins, which are lists of free blocks of similar sizes. Their heads are at the base of the
// region, 0 for an empty bin; links are granules from the base (heap_block.h).

#ifndef MODULES_MEMORY_CORE_HEAP_HEAP_BINS_H
#define MODULES_MEMORY_CORE_HEAP_HEAP_BINS_H

#include "heap_block.h"

#define BIN_NONE (UINT32_MAX)

// Free blocks that an allocation looks at, for a close fit, before it takes the first bin in which every block fits.
#define FIND_STEPS (4)

_Static_assert(HEAP_BINS == 1 << (31 - 26), "bin_width of the first rows is 0");

static inline uint32_t *heads(const heap_t *h) {
    return (uint32_t *)h->base;
}

// True when b can be linked to: enough to follow or change its links, its header is verified when it is used.
static inline bool is_linkable(const heap_t *h, uintptr_t b) {
    return is_inside(h, b) && is_free(b);
}

// log2 of how many sizes, in granules, share the bin of this size.
static inline uint32_t bin_width(uint32_t n_granules) {
    return 26 - (uint32_t)__builtin_clz(n_granules | HEAP_BINS);
}

// The bin for blocks of a size: below 32 granules one bin for each size, above 32 bins for each power of two.
static inline uint32_t bin_of(uint32_t n_granules) {
    uint32_t width = bin_width(n_granules);
    return width * HEAP_BINS + (n_granules >> width);
}

static inline bool bin_is_used(const heap_t *h, uint32_t bin) {
    return (h->bin_map[bin / HEAP_BINS] >> (bin % HEAP_BINS) & 1) != 0;
}

// What leads to free block b of a bin: the link in the block before it in the list, or the head. NULL when neither can.
static inline uint32_t *link_to_block(const heap_t *h, uintptr_t b, uint32_t bin) {
    if (header(b)->prev == 0) {
        return bin_is_used(h, bin) ? &heads(h)[bin] : NULL;
    }
    uintptr_t prev = linked(h, header(b)->prev);
    return is_linkable(h, prev) ? &header(prev)->next : NULL;
}

// True when the neighbours of free block b in its list, or the head of the list, lead back to it. *from is what does.
static inline bool links_lead_back(const heap_t *h, uintptr_t b, uint32_t bin, uint32_t **from) {
    uint32_t self = link_to(h, b);
    uintptr_t next = linked(h, header(b)->next);
    if (header(b)->next != 0 && !(is_linkable(h, next) && header(next)->prev == self)) {
        return false;
    }
    *from = link_to_block(h, b, bin);
    return *from != NULL && **from == self;
}

static inline bool links_hold(const heap_t *h, uintptr_t b) {
    uint32_t *from;
    return links_lead_back(h, b, bin_of(granules(b)), &from);
}

// True when bin_insert may touch the head of the bin for this size.
static inline bool may_insert(const heap_t *h, uint32_t n_granules) {
    uint32_t bin = bin_of(n_granules);
    if (!bin_is_used(h, bin)) {
        return true;
    }
    uintptr_t head = linked(h, heads(h)[bin]);
    return is_linkable(h, head) && header(head)->prev == 0;
}

// The first bin from `bin` on, of a row that the heap has, that holds a block.
static inline uint32_t next_used_bin(const heap_t *h, uint32_t bin) {
    uint32_t row = bin / HEAP_BINS;
    uint32_t map = h->bin_map[row] & (UINT32_MAX << (bin % HEAP_BINS));
    if (map == 0) {
        uint32_t rows = h->row_map & (UINT32_MAX << (row + 1));
        if (rows == 0) {
            return BIN_NONE;
        }
        row = (uint32_t)__builtin_ctz(rows);
        map = h->bin_map[row];
    }
    return row * HEAP_BINS + (uint32_t)__builtin_ctz(map);
}

// --- changes: nothing is verified here ---

// Puts block b, whose header and size are written, at the head of its list.
static inline void bin_insert(heap_t *h, uintptr_t b, uint32_t n_granules) {
    uint32_t bin = bin_of(n_granules);
    uint32_t row = bin / HEAP_BINS;
    uint32_t bit = (uint32_t)1 << (bin % HEAP_BINS);
    uint32_t self = link_to(h, b);
    uint32_t next = 0;
    if ((h->bin_map[row] & bit) != 0) {
        next = heads(h)[bin];
        header(linked(h, next))->prev = self;
    } else {
        h->bin_map[row] |= bit;
        h->row_map |= (uint32_t)1 << row;
    }
    header(b)->next = next;
    header(b)->prev = 0;
    heads(h)[bin] = self;
    h->free_blocks++;
}

// Takes out free block b, which *from leads to.
static inline void bin_unlink(heap_t *h, uintptr_t b, uint32_t bin, uint32_t *from) {
    uint32_t next = header(b)->next;
    uint32_t prev = header(b)->prev;
    *from = next;
    if (next != 0) {
        header(linked(h, next))->prev = prev;
    } else if (prev == 0) {
        uint32_t row = bin / HEAP_BINS;
        h->bin_map[row] &= ~((uint32_t)1 << (bin % HEAP_BINS));
        if (h->bin_map[row] == 0) {
            h->row_map &= ~((uint32_t)1 << row);
        }
    }
    h->free_blocks--;
}

static inline void bin_remove(heap_t *h, uintptr_t b) {
    uint32_t bin = bin_of(granules(b));
    bin_unlink(h, b, bin, link_to_block(h, b, bin));
}

#endif // MODULES_MEMORY_CORE_HEAP_HEAP_BINS_H
