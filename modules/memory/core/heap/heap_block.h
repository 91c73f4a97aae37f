// SPDX-License-Identifier: MIT
// Private to core/heap: how blocks lie in the region, and how a block is told from damage.
//
//   b - 8   head   checksum of b, word and the heap's secret (63:32);
//                  word: size in granules (31:6), log2(alignment / 16) (5:2), flags (1:0)
//   b       next   } a free block only: neighbours in its list, as granules from the base; 0 = none
//   b + 4   prev   }
//   end     footer of a free block: its size again, in the 4 bytes before the next header
//
// A block is known by the address b of its payload. Two free blocks are never adjacent, so the block before a free
// one is always used.
// The heads of the bins are at the base (heap_bins.h).

#ifndef MODULES_MEMORY_CORE_HEAP_HEAP_BLOCK_H
#define MODULES_MEMORY_CORE_HEAP_HEAP_BLOCK_H

#include "heap.h"

#define GRANULE_SHIFT (4)
#define GRANULES_MIN (2)  // a free block needs header, two links and footer
#define WORD_FREE ((uint32_t)1)
#define WORD_PREV_FREE ((uint32_t)2)
#define WORD_ALIGN_SHIFT (2)
#define WORD_ALIGN_MASK ((uint32_t)15)
#define WORD_SIZE_SHIFT (6)
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
    return b - h->first <= h->span;
}

// True when a header of this heap stands before the aligned address b. Reads nothing outside the region. The size in an
// intact header is not trusted with an access: what lies behind the block is verified in its turn.
static inline bool is_intact(const heap_t *h, uintptr_t b) {
    return is_inside(h, b) && (mix(h, b, header(b)->head << 32) ^ header(b)->head) >> 32 == 0;
}

// True when b is the address of a used block.
static inline bool is_live(const heap_t *h, uintptr_t b) {
    return mem_is_aligned(b, HEAP_ALIGN) && b - h->first < h->span && is_intact(h, b) && !is_free(b);
}

// An intact header that the walk can step over, and footer and links read: a size of 0 belongs to the end mark alone.
static inline bool is_walkable(const heap_t *h, uintptr_t b) {
    if (!is_intact(h, b) || bytes(granules(b)) > h->end - b) {
        return false;
    }
    return b == h->end ? !is_free(b) : granules(b) >= GRANULES_MIN;
}

static inline bool is_intact_free(const heap_t *h, uintptr_t b) {
    return is_walkable(h, b) && is_free(b);
}

// --- changes: nothing is verified here ---

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

// An intact header that ends up inside another block must not pass for one again.
static inline void retire_header(uintptr_t b) {
    header(b)->head ^= SUM_FREED;
}

#endif // MODULES_MEMORY_CORE_HEAP_HEAP_BLOCK_H
