// SPDX-License-Identifier: MIT
// Private to heap.c and heap_check.c: how blocks lie in the region, and how one is told from damage.
//
//   b - 8   word   size in granules (31:6), log2(alignment / 16) (5:2), flags (1:0)
//   b - 4   sum    checksum of b, word and the heap's secret
//   b       next   } a free block only: neighbours in its list, as granules from the base; 0 = none
//   b + 4   prev   }
//   end     footer of a free block: its size again, in the 4 bytes before the next header
//
// A block is known by the address b of its payload. Two free blocks are never adjacent, so the block before a free
// one is always used. The bin heads stand at the base; heads of empty bins are 0.

#ifndef MODULES_MEMORY_HEAP_BLOCK_H
#define MODULES_MEMORY_HEAP_BLOCK_H

#include "heap.h"

#define GRANULE_SHIFT (4)
#define GRANULES_MIN (2)  // a free block needs header, two links and footer
#define WORD_FREE ((uint32_t)1)
#define WORD_PREV_FREE ((uint32_t)2)
#define WORD_ALIGN_SHIFT (2)
#define WORD_ALIGN_MASK ((uint32_t)15)
#define WORD_SIZE_SHIFT (6)
#define BIN_NONE (UINT32_MAX)

// Turns the checksum of a header that no longer is one into a mark: a second free of it is known for what it is.
#define SUM_FREED ((uint32_t)0x5f3c96a1)

typedef struct _heap_header_t {
    uint32_t word;
    uint32_t sum;
    uint32_t next;
    uint32_t prev;
} heap_header_t;

_Static_assert(offsetof(heap_header_t, next) == HEAP_HEADER_SIZE, "links lie in the payload");
_Static_assert(HEAP_ALIGN == 1 << GRANULE_SHIFT, "a granule is the smallest alignment");
_Static_assert(HEAP_ALIGN_MAX == HEAP_ALIGN << WORD_ALIGN_MASK, "every alignment has a code");
_Static_assert(HEAP_SIZE_MAX >> GRANULE_SHIFT <= (uint64_t)1 << (32 - WORD_SIZE_SHIFT), "sizes fit the word");
_Static_assert(sizeof(heap_header_t) + sizeof(uint32_t) <= GRANULES_MIN << GRANULE_SHIFT, "footer fits");

static inline heap_header_t *header(uintptr_t b) {
    return (heap_header_t *)(b - HEAP_HEADER_SIZE);
}

static inline uint32_t granules(uintptr_t b) {
    return header(b)->word >> WORD_SIZE_SHIFT;
}

static inline size_t bytes(uint32_t n_granules) {
    return (size_t)n_granules << GRANULE_SHIFT;
}

static inline size_t usable(uintptr_t b) {
    return bytes(granules(b)) - HEAP_HEADER_SIZE;
}

static inline bool is_free(uintptr_t b) {
    return (header(b)->word & WORD_FREE) != 0;
}

static inline uintptr_t block_after(uintptr_t b) {
    return b + bytes(granules(b));
}

static inline uint32_t *footer(uintptr_t b) {
    return (uint32_t *)(block_after(b) - HEAP_HEADER_SIZE) - 1;
}

static inline uint32_t link_to(const heap_t *h, uintptr_t b) {
    return (uint32_t)((b - h->base) >> GRANULE_SHIFT);
}

static inline uintptr_t linked(const heap_t *h, uint32_t link) {
    return h->base + bytes(link);
}

static inline uint32_t *heads(const heap_t *h) {
    return (uint32_t *)h->base;
}

// One multiplication. The word goes into the high half, times an odd number: two words never share a checksum at
// one address, so each flipped bit of a header shows.
static inline uint32_t checksum(const heap_t *h, uintptr_t b, uint32_t word) {
    uint64_t mixed = ((uint64_t)word << 32) ^ (uint64_t)b ^ h->secret;
    return (uint32_t)((mixed * 0x9e3779b97f4a7c15u) >> 32);
}

// True when b may be the address of a block: a header there can be read. b is aligned.
static inline bool is_inside(const heap_t *h, uintptr_t b) {
    return b - h->first <= h->end - h->first;
}

// True when a header of this heap stands before the aligned address b. Reads nothing outside the region. The size in an
// intact header is not trusted with an access: what lies behind the block is verified in its turn.
static inline bool is_intact(const heap_t *h, uintptr_t b) {
    return is_inside(h, b) && header(b)->sum == checksum(h, b, header(b)->word);
}

// True when b can be linked to: enough to follow or change its links, its header is verified when it is used.
static inline bool is_linkable(const heap_t *h, uintptr_t b) {
    return is_inside(h, b) && is_free(b);
}

// The bin for blocks of a size: below 32 granules one bin for each size, above 32 bins for each power of two.
static inline uint32_t bin_of(uint32_t n_granules) {
    if (n_granules < HEAP_BINS) {
        return n_granules;
    }
    uint32_t log2 = 31 - (uint32_t)__builtin_clz(n_granules);
    return (log2 - 4) * HEAP_BINS + ((n_granules >> (log2 - 5)) & (HEAP_BINS - 1));
}

static inline bool bin_is_used(const heap_t *h, uint32_t bin) {
    return (h->bin_map[bin / HEAP_BINS] >> (bin % HEAP_BINS) & 1) != 0;
}

// True when the neighbours of free block b in its list, or the head of the list, lead back to it.
static inline bool links_hold(const heap_t *h, uintptr_t b) {
    uint32_t self = link_to(h, b);
    uintptr_t next = linked(h, header(b)->next);
    if (header(b)->next != 0 && !(is_linkable(h, next) && header(next)->prev == self)) {
        return false;
    }
    if (header(b)->prev == 0) {
        uint32_t bin = bin_of(granules(b));
        return bin_is_used(h, bin) && heads(h)[bin] == self;
    }
    uintptr_t prev = linked(h, header(b)->prev);
    return is_linkable(h, prev) && header(prev)->next == self;
}

#endif // MODULES_MEMORY_HEAP_BLOCK_H
