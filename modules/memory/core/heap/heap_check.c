// SPDX-License-Identifier: MIT
// The check of a heap: every header, link and counter. It changes nothing, and no damage that it looks for stops it.

#include "heap_bins.h"

// A check under way: what was found, and what was counted to compare with the heap's own counters.
typedef struct _scan_t {
    const heap_t *h;
    heap_damage_t first;
    unsigned found;
    uint32_t live_blocks;
    uint32_t free_blocks;
    size_t used;
    mem_stop_t stop;
    bool stopped;
} scan_t;

static void report(scan_t *s, heap_damage_kind_t kind, uintptr_t address, uintptr_t previous) {
    if (s->found++ == 0) {
        s->first = (heap_damage_t) { .kind = kind, .address = address, .previous = previous };
    }
}

// Walks the blocks by address. False when it stopped, or a header is broken: what comes after it is unknown.
static bool check_blocks(scan_t *s) {
    const heap_t *h = s->h;
    uintptr_t previous = 0;
    bool previous_free = false;
    for (uintptr_t b = h->first; mem_goes_on(s->stop, &s->stopped); b = block_after(b)) {
        if (!is_walkable(h, b)) {
            report(s, HEAP_DAMAGE_HEADER, b, previous);
            return false;
        }
        if (((word_of(b) & WORD_PREV_FREE) != 0) != previous_free || (previous_free && is_free(b))) {
            report(s, HEAP_DAMAGE_FLAGS, b, previous);
        }
        if (b == h->end) {
            return true;
        }
        if (is_free(b)) {
            s->free_blocks++;
            if (*footer(b) != granules(b)) {
                report(s, HEAP_DAMAGE_FOOTER, b, previous);
            }
        } else {
            s->live_blocks++;
            s->used += usable(b);
        }
        previous_free = is_free(b);
        previous = b;
    }
    return false;
}

// The block before b by address; 0 when b is the first, or is not reached. For reports only: walks from the start.
static uintptr_t find_previous(const heap_t *h, uintptr_t b) {
    uintptr_t previous = 0;
    uintptr_t at = h->first;
    while (at < b && is_walkable(h, at)) {
        previous = at;
        at = block_after(at);
    }
    return at == b ? previous : 0;
}

// True when the block that free block b calls its predecessor calls b its successor.
static bool has_predecessor(const heap_t *h, uintptr_t b) {
    uintptr_t before = linked(h, header(b)->prev);
    return is_intact_free(h, before) && header(before)->next == link_to(h, b);
}

// What is to blame for a wrong step of a list: a block, or (0) the list's head.
static void report_step(scan_t *s, uintptr_t blamed) {
    uintptr_t previous = s->found == 0 ? find_previous(s->h, blamed) : 0;
    report(s, blamed != 0 ? HEAP_DAMAGE_LINKS : HEAP_DAMAGE_BINS, blamed, previous);
}

// Walks one list up to the first damage, or `limit` blocks; returns the number of blocks. A block whose link
// leads to no block of this bin is to blame. Where the next block does not lead back, the next block is to blame,
// unless it has another predecessor: then the block that leads to it is.
static uint32_t check_list(scan_t *s, uint32_t bin, uint32_t limit) {
    const heap_t *h = s->h;
    uint32_t count = 0;
    uintptr_t from = 0;
    uint32_t from_link = 0;
    for (uint32_t link = heads(h)[bin]; link != 0 && mem_goes_on(s->stop, &s->stopped); link = header(from)->next) {
        uintptr_t b = linked(h, link);
        if (!is_intact_free(h, b) || bin_of(granules(b)) != bin || count == limit) {
            report_step(s, from);
            break;
        }
        if (header(b)->prev != from_link) {
            report_step(s, has_predecessor(h, b) ? from : b);
            break;
        }
        from = b;
        from_link = link;
        count++;
    }
    return count;
}

// Walks every list and compares the bitmaps with their heads.
static uint32_t check_bins(scan_t *s) {
    const heap_t *h = s->h;
    uint32_t count = 0;
    for (uint32_t word = 1; word < HEAP_MAP_WORDS; word++) {
        if (((h->word_map >> word & 1) != 0) != (h->bin_map[word] != 0)) {
            report(s, HEAP_DAMAGE_BINS, 0, 0);
        }
    }
    for (uint32_t bin = 0; bin < h->rows * HEAP_BINS; bin++) {
        if (bin_is_used(h, bin) != (heads(h)[bin] != 0)) {
            report(s, HEAP_DAMAGE_BINS, 0, 0);
        }
        count += check_list(s, bin, h->free_blocks - count);
    }
    return count;
}

// Names the first free block that its list does not reach: to blame is the one before it, if that leads elsewhere.
static void report_unlisted(scan_t *s) {
    const heap_t *h = s->h;
    for (uintptr_t b = h->first; b != h->end; b = block_after(b)) {
        if (is_free(b) && !links_hold(h, b)) {
            uintptr_t before = linked(h, header(b)->prev);
            report_step(s, is_intact_free(h, before) && !has_predecessor(h, b) ? before : b);
            return;
        }
    }
    report_step(s, 0);
}

unsigned heap_check_until(const heap_t *h, heap_damage_t *first, mem_stop_t stop) {
    scan_t s = { .h = h, .stop = stop };
    bool walked = check_blocks(&s);
    uint32_t listed = check_bins(&s);
    if (walked && !s.stopped) {
        if (s.free_blocks != h->free_blocks || s.live_blocks != h->live_blocks || s.used != h->used) {
            report(&s, HEAP_DAMAGE_COUNTERS, 0, 0);
        }
        if (listed != s.free_blocks) {
            report_unlisted(&s);
        }
    }
    if (first != NULL) {
        *first = s.first;
    }
    return s.found;
}

unsigned heap_check(const heap_t *h, heap_damage_t *first) {
    return heap_check_until(h, first, NULL);
}

const char *heap_damage_text(heap_damage_kind_t kind) {
    static const char *const texts[] = {
        [HEAP_DAMAGE_NONE] = "no damage",
        [HEAP_DAMAGE_HEADER] = "header was written over",
        [HEAP_DAMAGE_FLAGS] = "neighbours disagree about which of them is free",
        [HEAP_DAMAGE_FOOTER] = "end of a free block was written over",
        [HEAP_DAMAGE_LINKS] = "links of a free block were written over",
        [HEAP_DAMAGE_BINS] = "lists of free blocks are wrong",
        [HEAP_DAMAGE_COUNTERS] = "blocks do not add up to the counters",
    };
    return (unsigned)kind < sizeof(texts) / sizeof(texts[0]) ? texts[kind] : "unknown damage";
}
