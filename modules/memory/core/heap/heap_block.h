// SPDX-License-Identifier: MIT
// Private to heap.c and heap_check.c: how blocks lie in the region, and how one is told from damage.
//
//   b - 8   head   checksum of b, word and the heap's secret (63:32);
//                  word: size in granules (31:6), log2(alignment / 16) (5:2), flags (1:0)
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
#define SUM_FACTOR (UINT64_C(0x9e3779b97f4a7c15))  // odd; of the golden ratio, which keeps addresses apart

// Turns the checksum of a header that no longer is one into a mark: a second free of it is known for what it is.
#define SUM_FREED (UINT64_C(0x5f3c96a1) << 32)

// Word and checksum are read and written as one: cores are slow to put together what was stored in parts.
typedef struct _heap_header_t {
    uint64_t head;
    uint32_t next;
    uint32_t prev;
} heap_header_t;

_Static_assert(offsetof(heap_header_t, next) == HEAP_HEADER_SIZE, "links lie in the payload");
_Static_assert(HEAP_ALIGN == 1 << GRANULE_SHIFT, "a granule is the smallest alignment");
_Static_assert(HEAP_ALIGN_MAX == HEAP_ALIGN << WORD_ALIGN_MASK, "every alignment has a code");
_Static_assert(HEAP_SIZE_MAX >> GRANULE_SHIFT <= (uint64_t)1 << (32 - WORD_SIZE_SHIFT), "sizes fit the word");
_Static_assert(GRANULES_MIN == 2, "at most one granule is too little for a block");
_Static_assert(HEAP_BINS == 1 << (31 - 26), "bin_width of the first rows is 0");
_Static_assert(sizeof(heap_header_t) + sizeof(uint32_t) <= GRANULES_MIN << GRANULE_SHIFT, "footer fits");

static inline heap_header_t *header(uintptr_t b) {
    return (heap_header_t *)(b - HEAP_HEADER_SIZE);
}

static inline uint32_t word_of(uintptr_t b) {
    return (uint32_t)header(b)->head;
}

static inline uint32_t granules(uintptr_t b) {
    return word_of(b) >> WORD_SIZE_SHIFT;
}

static inline size_t bytes(uint32_t n_granules) {
    return (size_t)n_granules << GRANULE_SHIFT;
}

static inline size_t usable(uintptr_t b) {
    return bytes(granules(b)) - HEAP_HEADER_SIZE;
}

static inline bool is_free(uintptr_t b) {
    return (word_of(b) & WORD_FREE) != 0;
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

// In its high half the checksum of a header at b, for a word in the high half. One multiplication, by an odd number:
// two words never share a checksum at one address, so each flipped bit of a header shows.
static inline uint64_t mix(const heap_t *h, uintptr_t b, uint64_t word_high) {
    return (word_high + b + h->secret) * SUM_FACTOR;
}

static inline void write_header(heap_t *h, uintptr_t b, uint32_t word) {
    header(b)->head = (mix(h, b, (uint64_t)word << 32) & ~(uint64_t)UINT32_MAX) | word;
}

// True when b may be the address of a block: a header there can be read. b is aligned.
static inline bool is_inside(const heap_t *h, uintptr_t b) {
    return b - h->first <= h->end - h->first;
}

// True when a header of this heap stands before the aligned address b. Reads nothing outside the region. The size in an
// intact header is not trusted with an access: what lies behind the block is verified in its turn.
static inline bool is_intact(const heap_t *h, uintptr_t b) {
    return is_inside(h, b) && (mix(h, b, header(b)->head << 32) ^ header(b)->head) >> 32 == 0;
}

// True when b is the address of a used block.
static inline bool is_live(const heap_t *h, uintptr_t b) {
    return mem_is_aligned(b, HEAP_ALIGN) && b != h->end && is_intact(h, b) && !is_free(b);
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

#endif // MODULES_MEMORY_HEAP_BLOCK_H
