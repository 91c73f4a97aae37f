// SPDX-License-Identifier: MIT
// What a heap holds: the blocks one by one, a pointer's block, and the counters.

#include "heap_bins.h"

size_t heap_usable_size(const heap_t *h, const void *p) {
    uintptr_t b = (uintptr_t)p;
    return is_live(h, b) && bytes(granules(b)) <= h->end - b ? usable(b) : 0;
}

bool heap_contains(const heap_t *h, const void *p) {
    return (uintptr_t)p - h->base < h->size;
}

bool heap_next(const heap_t *h, heap_block_t *cursor) {
    uintptr_t b = h->first;
    if (cursor->address != 0) {
        uintptr_t current = (uintptr_t)cursor->address;
        if (current == h->end || !mem_is_aligned(current, HEAP_ALIGN) || !is_walkable(h, current)) {
            return false;
        }
        b = block_after(current);
    }
    if (b == h->end || !is_walkable(h, b)) {
        return false;
    }
    *cursor = (heap_block_t) { .address = b, .size = usable(b), .used = !is_free(b) };
    return true;
}

// The largest of the blocks in the highest list that an allocation looks at: a larger one behind them would be refused.
static size_t largest_free(const heap_t *h) {
    uint32_t word = 31 - (uint32_t)__builtin_clz(h->word_map | 1);
    if (h->bin_map[word] == 0) {
        return 0;
    }
    uint32_t bin = word * HEAP_MAP_BITS + HEAP_MAP_BITS - 1 - (uint32_t)__builtin_clzll(h->bin_map[word]);
    uint32_t link = heads(h)[bin];
    size_t largest = 0;
    for (uint32_t steps = FIND_STEPS; link != 0 && steps != 0; steps--) {
        uintptr_t b = linked(h, link);
        if (!is_intact_free(h, b)) {
            break;
        }
        largest = usable(b) > largest ? usable(b) : largest;
        link = header(b)->next;
    }
    return largest;
}

void heap_stats(const heap_t *h, heap_stats_t *stats) {
    size_t headers = HEAP_HEADER_SIZE * ((size_t)h->live_blocks + h->free_blocks);
    size_t free = h->end - h->first - h->used - headers;
    *stats = (heap_stats_t) {
        .size = h->size,
        .used = h->used,
        .free = free,
        .overhead = h->size - h->used - free,
        .live_blocks = h->live_blocks,
        .free_blocks = h->free_blocks,
        .largest_free = largest_free(h),
        .peak_used = h->peak_used,
    };
}
