// SPDX-License-Identifier: MIT
// Private to heap.c: the changes that operations are made of, to lists, headers and counters. Nothing is verified here.

#ifndef MODULES_MEMORY_HEAP_CHANGE_H
#define MODULES_MEMORY_HEAP_CHANGE_H

#include "heap_block.h"

// Puts block b, whose header and size are written, at the head of its list.
static inline void list_insert(heap_t *h, uintptr_t b, uint32_t n_granules) {
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
static inline void list_unlink(heap_t *h, uintptr_t b, uint32_t bin, uint32_t *from) {
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

static void list_remove(heap_t *h, uintptr_t b) {
    uint32_t bin = bin_of(granules(b));
    list_unlink(h, b, bin, link_to_block(h, b, bin));
}

// What a flag adds to a head: itself, and its share of the checksum. A head that was damaged stays so.
#define HEAD_FLAG(flag) ((flag) | ((flag) * SUM_FACTOR) << 32)

// Tells block b whether the block before it is free.
static inline void tell(uintptr_t b, bool prev_free) {
    bool was_free = (word_of(b) & WORD_PREV_FREE) != 0;
    if (prev_free && !was_free) {
        header(b)->head += HEAD_FLAG(WORD_PREV_FREE);
    } else if (!prev_free && was_free) {
        header(b)->head -= HEAD_FLAG(WORD_PREV_FREE);
    }
}

static inline void write_footer(uintptr_t b, uint32_t n_granules) {
    *((uint32_t *)(b + bytes(n_granules) - HEAP_HEADER_SIZE) - 1) = n_granules;
}

// Makes n_granules at b a free block. The block after it is still to be told.
static inline void make_free(heap_t *h, uintptr_t b, uint32_t n_granules) {
    write_header(h, b, n_granules << WORD_SIZE_SHIFT | WORD_FREE);
    write_footer(b, n_granules);
    list_insert(h, b, n_granules);
}

static inline void count_used(heap_t *h, uint32_t n_granules) {
    h->live_blocks++;
    h->used += bytes(n_granules) - HEAP_HEADER_SIZE;
    if (h->used > h->peak_used) {
        h->peak_used = h->used;
    }
}

static inline void uncount_used(heap_t *h, uint32_t n_granules) {
    h->live_blocks--;
    h->used -= bytes(n_granules) - HEAP_HEADER_SIZE;
}

// An intact header that ends up inside another block must not pass for one again.
static inline void retire_header(uintptr_t b) {
    header(b)->head ^= SUM_FREED;
}

static inline void forget_free(heap_t *h, uintptr_t b) {
    list_remove(h, b);
    retire_header(b);
}

#endif // MODULES_MEMORY_HEAP_CHANGE_H
