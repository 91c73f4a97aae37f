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
    return (h->bin_map[bin / HEAP_MAP_BITS] >> (bin % HEAP_MAP_BITS) & 1) != 0;
}

// Whether a list has another block is unpredictable, so lists are followed and changed without branches. Link 0 leads
// to the base, where the heads of bins 0 and 1 are in the place of a block's links. No block is in these bins, so the
// heads may be read, and what is written to the second is cleared at once.

// All ones for a link to a block, 0 for link 0. Not a condition: compilers make branches of those.
static inline uint32_t link_mask(uint32_t link) {
    return (uint32_t)(-(uint64_t)link >> 32);
}

// The link to the first block of a bin, 0 when it has none: the head of an empty bin is not looked at.
static inline uint32_t first_of_bin(const heap_t *h, uint32_t bin) {
    uint64_t used = h->bin_map[bin / HEAP_MAP_BITS] >> (bin % HEAP_MAP_BITS) & 1;
    return heads(h)[bin] & -(uint32_t)used;
}

// True for link 0, and for a link to what keeps `prev` as the link to the block before it.
static inline bool leads_back(const heap_t *h, uint32_t link, uint32_t prev) {
    return bytes(link) < h->size && ((header(linked(h, link))->prev ^ prev) & link_mask(link)) == 0;
}

// What leads to free block b of a bin: the link in the block before it in the list, or the head. The block before it is
// to be in the region.
static inline uint32_t *link_to_block(const heap_t *h, uintptr_t b, uint32_t bin) {
    uint32_t prev = header(b)->prev;
    uint32_t *head = &heads(h)[bin];
    intptr_t other = (intptr_t)&header(linked(h, prev))->next - (intptr_t)head;
    return (uint32_t *)((intptr_t)head + (other & (intptr_t)(int32_t)link_mask(prev)));
}

// Makes block `link` keep `prev` as the link to the one before it. Does nothing for link 0.
static inline void set_prev(const heap_t *h, uint32_t link, uint32_t prev) {
    header(linked(h, link))->prev = prev;
    heads(h)[1] = 0;
}

// True when the neighbours of free block b in its list, or the head of the list, lead back to it. *from is what does.
static inline bool links_lead_back(const heap_t *h, uintptr_t b, uint32_t bin, uint32_t **from) {
    uint32_t self = link_to(h, b);
    if (!leads_back(h, header(b)->next, self) || bytes(header(b)->prev) >= h->size) {
        return false;
    }
    *from = link_to_block(h, b, bin);
    return **from == self;
}

static inline bool links_hold(const heap_t *h, uintptr_t b) {
    uint32_t *from;
    return links_lead_back(h, b, bin_of(granules(b)), &from);
}

// True when bin_push may touch the first block of a bin.
static inline bool may_push(const heap_t *h, uint32_t bin) {
    return leads_back(h, first_of_bin(h, bin), 0);
}

// The same for bin_insert and the bin for a size.
static inline bool may_insert(const heap_t *h, uint32_t n_granules) {
    return may_push(h, bin_of(n_granules));
}

// The first bin from `bin` on, which may be beyond the last, that holds a block.
static inline uint32_t next_used_bin(const heap_t *h, uint32_t bin) {
    uint32_t word = bin / HEAP_MAP_BITS;
    uint64_t map = word < HEAP_MAP_WORDS ? h->bin_map[word] & UINT64_MAX << (bin % HEAP_MAP_BITS) : 0;
    if (map == 0) {
        uint32_t words = h->word_map & UINT32_MAX << 1 << word;
        if (words == 0) {
            return BIN_NONE;
        }
        word = (uint32_t)__builtin_ctz(words);
        map = h->bin_map[word];
    }
    return word * HEAP_MAP_BITS + (uint32_t)__builtin_ctzll(map);
}

// --- changes: nothing is verified here ---

// Puts block b, whose header and size are written, at the head of the list of its bin. The map of words is left alone,
// as suits the bins of word 0.
static inline void bin_push(heap_t *h, uintptr_t b, uint32_t bin) {
    uint32_t self = link_to(h, b);
    uint32_t next = first_of_bin(h, bin);
    h->bin_map[bin / HEAP_MAP_BITS] |= (uint64_t)1 << (bin % HEAP_MAP_BITS);
    set_prev(h, next, self);
    header(b)->next = next;
    header(b)->prev = 0;
    heads(h)[bin] = self;
    h->free_blocks++;
}

static inline void bin_insert(heap_t *h, uintptr_t b, uint32_t n_granules) {
    uint32_t bin = bin_of(n_granules);
    bin_push(h, b, bin);
    h->word_map |= (uint32_t)1 << (bin / HEAP_MAP_BITS);
}

// Takes out free block b, which *from leads to.
static inline void bin_unlink(heap_t *h, uintptr_t b, uint32_t bin, uint32_t *from) {
    uint32_t next = header(b)->next;
    uint32_t prev = header(b)->prev;
    *from = next;
    set_prev(h, next, prev);
    uint32_t word = bin / HEAP_MAP_BITS;
    uint64_t map = h->bin_map[word] & ~((uint64_t)((next | prev) == 0) << (bin % HEAP_MAP_BITS));
    h->bin_map[word] = map;
    if (map == 0) {
        h->word_map &= ~((uint32_t)1 << word);
    }
    h->free_blocks--;
}

static inline void bin_remove(heap_t *h, uintptr_t b) {
    uint32_t bin = bin_of(granules(b));
    bin_unlink(h, b, bin, link_to_block(h, b, bin));
}

#endif // MODULES_MEMORY_CORE_HEAP_HEAP_BINS_H
