// SPDX-License-Identifier: MIT
// The heap's operations. Each one first verifies all that it will touch, then changes it: no failure half way.

#include "heap.h"

#include <string.h>

#include "heap_bins.h"
#include "heap_error.h"

// Keeps what is rarely needed out of the way of what is always needed.
#define NOINLINE __attribute__((noinline))

// ---- changes: nothing is verified here -----------------------------------------------------------------------------

// Makes n_granules at b a free block. The block after it is still to be told.
static inline void make_free(heap_t *h, uintptr_t b, uint32_t n_granules) {
    write_header(h, b, n_granules << WORD_SIZE_SHIFT | WORD_FREE);
    write_footer(b, n_granules);
    bin_insert(h, b, n_granules);
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

static inline void forget_free(heap_t *h, uintptr_t b) {
    bin_remove(h, b);
    retire_header(b);
}

// ---- merging -------------------------------------------------------------------------------------------------------

// The free block before b (whose WORD_PREV_FREE is set), found by its footer; 0 when that is damaged.
static inline uintptr_t free_block_before(const heap_t *h, uintptr_t b) {
    uint32_t n_granules = *((const uint32_t *)(b - HEAP_HEADER_SIZE) - 1);
    if (n_granules < GRANULES_MIN || bytes(n_granules) > b - h->first) {
        return 0;
    }
    uintptr_t before = b - bytes(n_granules);
    return is_intact(h, before) && is_free(before) && granules(before) == n_granules ? before : 0;
}

// A used block with its free neighbours: what a free or a realloc may touch.
typedef struct _surroundings_t {
    uintptr_t before;         // free block before it, or 0
    uintptr_t after;          // free block after it, or 0
    uint32_t before_granules;
    uint32_t own_granules;
    uint32_t after_granules;
} surroundings_t;

// Fills *s for the intact used block b. False when something in reach of a merge is damaged.
static inline bool look_around(const heap_t *h, uintptr_t b, surroundings_t *s) {
    s->before = 0;
    s->after = 0;
    s->before_granules = 0;
    s->own_granules = granules(b);
    s->after_granules = 0;
    uintptr_t after = block_after(b);
    if (!is_intact(h, after) || (word_of(after) & WORD_PREV_FREE) != 0) {
        return false;
    }
    if (is_free(after)) {
        if (!is_intact(h, block_after(after)) || !links_hold(h, after)) {
            return false;
        }
        s->after = after;
        s->after_granules = granules(after);
    }
    if ((word_of(b) & WORD_PREV_FREE) != 0) {
        s->before = free_block_before(h, b);
        if (s->before == 0 || !links_hold(h, s->before)) {
            return false;
        }
        s->before_granules = granules(s->before);
    }
    return true;
}

// Makes used block b free and merges it with its free neighbours. Everything was verified.
static inline void release(heap_t *h, uintptr_t b, const surroundings_t *s) {
    uintptr_t after = block_after(b);
    uncount_used(h, s->own_granules);
    if (s->after != 0) {
        forget_free(h, s->after);
    } else {
        tell(after, true);
    }
    if (s->before != 0) {
        bin_remove(h, s->before);
        retire_header(b);
        b = s->before;
    }
    make_free(h, b, s->before_granules + s->own_granules + s->after_granules);
}

// ---- finding and carving -------------------------------------------------------------------------------------------

// What is wanted: a size, an alignment, and how both look in a header's word.
typedef struct _request_t {
    uint32_t n_granules;
    uint32_t align_bits;
    size_t align;
} request_t;

// Granules to skip in a block at b for the alignment: none, or enough for a free block.
static inline uint32_t gap_for(uintptr_t b, size_t align) {
    if (align == HEAP_ALIGN) {
        return 0;
    }
    uint32_t gap = (uint32_t)((mem_align_up(b, align) - b) >> GRANULE_SHIFT);
    return gap == 1 ? gap + (uint32_t)(align >> GRANULE_SHIFT) : gap;
}

static inline bool fits(uintptr_t b, const request_t *r) {
    return (uint64_t)gap_for(b, r->align) + r->n_granules <= granules(b);
}

// The first bin in which every block serves the request.
static inline uint32_t sure_bin(const request_t *r) {
    uint32_t n = r->n_granules;
    if (r->align > HEAP_ALIGN) {
        n += (uint32_t)(r->align >> GRANULE_SHIFT) + 1;
    }
    return bin_of(n + ((uint32_t)1 << bin_width(n)) - 1);
}

// Another free block for the request than b, the first of `bin`, which does not serve; or 0. Looks at a few blocks for
// a close fit; after that, the first bin above in which every block is large enough decides, so the time is bounded. A
// link that leads to no block ends the search: *damaged becomes true. The block found is still to be verified.
static NOINLINE uintptr_t search(const heap_t *h, uint32_t bin, uintptr_t b, request_t r, bool *damaged) {
    for (unsigned steps = FIND_STEPS - 1;; steps--) {
        uint32_t link = steps != 0 ? header(b)->next : 0;
        if (link == 0) {
            bin = steps != 0 ? bin + 1 : sure_bin(&r);
            bin = next_used_bin(h, bin);
            if (bin == BIN_NONE) {
                return 0;
            }
            link = heads(h)[bin];
        }
        b = linked(h, link);
        if (!is_linkable(h, b)) {
            *damaged = true;
            return 0;
        }
        if (fits(b, &r)) {
            return b;
        }
        if (steps == 0) {
            return 0;
        }
    }
}

// Most often the first block looked at serves.
static inline uintptr_t find(const heap_t *h, const request_t *r, bool *damaged) {
    uint32_t bin = next_used_bin(h, bin_of(r->n_granules));
    if (bin == BIN_NONE) {
        return 0;
    }
    uintptr_t b = linked(h, heads(h)[bin]);
    if (!is_linkable(h, b)) {
        *damaged = true;
        return 0;
    }
    return fits(b, r) ? b : search(h, bin, b, *r, damaged);
}

// Turns `total` granules at b, which are in no list, into: `gap` free, the request used, the rest free.
// word_flags is WORD_PREV_FREE when the block before b is free (then gap is 0). Returns the used block.
__attribute__((always_inline)) static inline uintptr_t carve(
    heap_t *h, uintptr_t b, uint32_t total, uint32_t gap, const request_t *r, uint32_t word_flags) {
    uint32_t rest = total - gap - r->n_granules;
    uint32_t own = r->n_granules;
    uintptr_t used = b + bytes(gap);
    uintptr_t after = b + bytes(total);
    if (rest >= GRANULES_MIN) {
        make_free(h, used + bytes(own), rest);
        tell(after, true);
    } else {
        own += rest;
        tell(after, false);
    }
    if (gap != 0) {
        make_free(h, b, gap);
        word_flags = WORD_PREV_FREE;
    }
    write_header(h, used, own << WORD_SIZE_SHIFT | r->align_bits | word_flags);
    count_used(h, own);
    return used;
}

// True when carve() may insert what it leaves over.
static inline bool may_carve(const heap_t *h, uint32_t total, uint32_t gap, const request_t *r) {
    uint32_t rest = total - gap - r->n_granules;
    return (gap == 0 || may_insert(h, gap)) && (rest < GRANULES_MIN || may_insert(h, rest));
}

// ---- small blocks --------------------------------------------------------------------------------------------------

// Most blocks are small, and the bin of their size holds nothing else. These functions do what most of them need:
// anything else, suspected damage included, changes nothing, returns 0 or false, and takes the general path.

// Usable bytes of the largest block whose bin holds one size only: the bins of the first word of their map.
#define SMALL_MAX (((size_t)(HEAP_MAP_BITS - 1) << GRANULE_SHIFT) - HEAP_HEADER_SIZE)

_Static_assert(HEAP_MAP_BITS == 2 * HEAP_BINS, "bin_width is 0 below");

// Granules of a block for `size` usable bytes, which may not be 0 or overflow.
static inline uint32_t granules_for(size_t size) {
    uint32_t n_granules = (uint32_t)((size + HEAP_HEADER_SIZE + HEAP_ALIGN - 1) >> GRANULE_SHIFT);
    return n_granules < GRANULES_MIN ? GRANULES_MIN : n_granules;
}

// The first block of a small bin, which is used; 0 when something about it is damaged.
static inline uintptr_t first_small(const heap_t *h, uint32_t n_granules) {
    uint32_t self = heads(h)[n_granules];
    uintptr_t b = linked(h, self);
    if (!is_intact(h, b) || word_of(b) != (n_granules << WORD_SIZE_SHIFT | WORD_FREE) || header(b)->prev != 0
        || !leads_back(h, header(b)->next, self)) {
        return 0;
    }
    uintptr_t after = b + bytes(n_granules);
    return is_intact(h, after) && (word_of(after) & WORD_PREV_FREE) != 0 ? b : 0;
}

// Takes out block b, the first of its small bin.
static inline void unlink_first_small(heap_t *h, uintptr_t b, uint32_t n_granules) {
    uint32_t next = header(b)->next;
    heads(h)[n_granules] = next;
    set_prev(h, next, 0);
    h->bin_map[0] &= ~((uint64_t)(next == 0) << n_granules);
    h->free_blocks--;
}

// Takes the front of the closest fit in the small bins that leaves another block, of `rest` granules.
static NOINLINE uintptr_t take_front(heap_t *h, uint32_t n_granules, uint32_t rest) {
    uintptr_t b = may_push(h, rest) ? first_small(h, n_granules + rest) : 0;
    if (b != 0) {
        unlink_first_small(h, b, n_granules + rest);
        write_header(h, b + bytes(n_granules), rest << WORD_SIZE_SHIFT | WORD_FREE);
        write_footer(b + bytes(n_granules), rest);
        bin_push(h, b + bytes(n_granules), rest);
        write_header(h, b, n_granules << WORD_SIZE_SHIFT);
        count_used(h, n_granules);
    }
    return b;
}

// Takes the closest fit in the small bins.
static inline uintptr_t take_small(heap_t *h, uint32_t n_granules) {
    uint64_t map = h->bin_map[0] >> n_granules;
    if ((map & ((1 << GRANULES_MIN) - 1)) == 0) {
        return map != 0 ? take_front(h, n_granules, (uint32_t)__builtin_ctzll(map)) : 0;
    }
    n_granules += (map & 1) == 0;
    uintptr_t b = first_small(h, n_granules);
    if (b != 0) {
        unlink_first_small(h, b, n_granules);
        header(b)->head -= HEAD_FLAG(WORD_FREE);
        header(b + bytes(n_granules))->head -= HEAD_FLAG(WORD_PREV_FREE);
        count_used(h, n_granules);
    }
    return b;
}

// Frees live block b where it is. False when it must be merged.
static inline bool free_small(heap_t *h, uintptr_t b) {
    uint32_t n_granules = granules(b);
    uintptr_t after = b + bytes(n_granules);
    if (n_granules >= HEAP_MAP_BITS || word_of(b) != n_granules << WORD_SIZE_SHIFT || !is_intact(h, after)
        || (word_of(after) & (WORD_FREE | WORD_PREV_FREE)) != 0 || !may_push(h, n_granules)) {
        return false;
    }
    header(b)->head += HEAD_FLAG(WORD_FREE);
    header(after)->head += HEAD_FLAG(WORD_PREV_FREE);
    write_footer(b, n_granules);
    bin_push(h, b, n_granules);
    uncount_used(h, n_granules);
    return true;
}

// ---- arguments -----------------------------------------------------------------------------------------------------

static inline void succeed(heap_error_t *error) {
    if (error != NULL) {
        *error = (heap_error_t) { .kind = HEAP_OK };
    }
}

// False, with the reason in *error, when no heap of this size could serve the request.
static inline bool make_request(const heap_t *h, size_t size, size_t align, request_t *r, heap_error_t *error) {
    r->align = HEAP_ALIGN;
    r->align_bits = 0;
    if (align > HEAP_ALIGN) {
        r->align = align;
        r->align_bits = (uint32_t)(__builtin_ctzl(align) - GRANULE_SHIFT) << WORD_ALIGN_SHIFT;
    }
    if ((align & (align - 1)) != 0 || align > HEAP_ALIGN_MAX) {
        heap_fail(error, (heap_error_t) {.kind = HEAP_BAD_ALIGNMENT, .value = align});
        return false;
    }
    if (size == 0 || size > h->end - h->first - HEAP_HEADER_SIZE) {
        heap_fail(error, (heap_error_t) {.kind = size == 0 ? HEAP_ZERO_SIZE : HEAP_TOO_LARGE, .value = size});
        return false;
    }
    r->n_granules = granules_for(size);
    return true;
}

// ---- interface -----------------------------------------------------------------------------------------------------

int heap_init(heap_t *h, void *base, size_t size, uint32_t secret) {
    uintptr_t start = (uintptr_t)base;
    size &= ~(HEAP_ALIGN - 1);
    if (base == NULL || (start & (HEAP_ALIGN - 1)) != 0 || size < HEAP_SIZE_MIN || start + size - 1 < start) {
        return MEM_EINVAL;
    }
    if (size > HEAP_SIZE_MAX) {
        return MEM_ERANGE;
    }
    uint32_t rows = bin_of((uint32_t)((size >> GRANULE_SHIFT) - 1)) / HEAP_BINS + 1;
    size_t heads_size = rows * HEAP_BINS * sizeof(uint32_t);
    *h = (heap_t) { .base = start, .size = size, .secret = secret, .rows = rows };
    // A header begins 8 bytes before its granule: the 8 bytes after the heads stay unused.
    h->first = start + heads_size + HEAP_ALIGN;
    h->end = start + size;
    h->span = h->end - h->first;
    memset(base, 0, heads_size);
    write_header(h, h->end, 0);
    make_free(h, h->first, (uint32_t)((h->end - h->first) >> GRANULE_SHIFT));
    tell(h->end, true);
    return MEM_OK;
}

// Takes the request from the heap. 0 when it has no room, or with *damaged.
static inline uintptr_t take(heap_t *h, const request_t *r, bool *damaged) {
    uintptr_t b = find(h, r, damaged);
    if (b == 0) {
        return 0;
    }
    uint32_t total = granules(b);
    uint32_t gap = gap_for(b, r->align);
    uint32_t bin = bin_of(total);
    uint32_t *from;
    *damaged = !is_intact(h, b) || !is_intact(h, block_after(b)) || !links_lead_back(h, b, bin, &from)
        || !may_carve(h, total, gap, r);
    if (*damaged) {
        return 0;
    }
    bin_unlink(h, b, bin, from);
    return carve(h, b, total, gap, r, 0);
}

static NOINLINE void *alloc_any(heap_t *h, size_t size, size_t align, heap_error_t *error) {
    request_t r;
    if (!make_request(h, size, align, &r, error)) {
        return NULL;
    }
    bool damaged = false;
    uintptr_t b = take(h, &r, &damaged);
    if (b != 0) {
        succeed(error);
    } else if (damaged) {
        heap_fail_damaged(h, size, error);
    } else {
        heap_fail(error, (heap_error_t) {.kind = HEAP_FULL, .value = size});
    }
    return (void *)b;
}

void *heap_alloc(heap_t *h, size_t size, size_t align, heap_error_t *error) {
    if (size - 1 < SMALL_MAX && (align == 0 || align == HEAP_ALIGN)) {
        uintptr_t b = take_small(h, granules_for(size));
        if (b != 0) {
            succeed(error);
            return (void *)b;
        }
    }
    return alloc_any(h, size, align, error);
}

static NOINLINE int free_any(heap_t *h, uintptr_t b, heap_error_t *error) {
    surroundings_t s;
    if (!look_around(h, b, &s) || !may_insert(h, s.before_granules + s.own_granules + s.after_granules)) {
        return heap_fail_damaged(h, 0, error);
    }
    release(h, b, &s);
    succeed(error);
    return MEM_OK;
}

int heap_free(heap_t *h, void *p, heap_error_t *error) {
    uintptr_t b = (uintptr_t)p;
    if (!is_live(h, b)) {
        return heap_fail_pointer(h, b, error);
    }
    if (!free_small(h, b)) {
        return free_any(h, b, error);
    }
    succeed(error);
    return MEM_OK;
}

// Resizes used block b where it is, or by moving its start into the free block before it. 0 when neither will do, or
// with *damaged when the list that takes the rest is.
static uintptr_t resize_in_place(heap_t *h, uintptr_t b, const request_t *r, const surroundings_t *s, bool *damaged) {
    uint32_t total = s->own_granules + s->after_granules;
    uint32_t gap = 0;
    uintptr_t start = b;
    if (total < r->n_granules) {
        if (s->before == 0) {
            return 0;
        }
        start = s->before;
        total += s->before_granules;
        gap = gap_for(start, r->align);
    }
    if ((uint64_t)gap + r->n_granules > total) {
        return 0;
    }
    *damaged = !may_carve(h, total, gap, r);
    if (*damaged) {
        return 0;
    }
    size_t content = usable(b);
    uint32_t word_flags = start == b ? word_of(b) & WORD_PREV_FREE : 0;
    uncount_used(h, s->own_granules);
    if (s->after != 0) {
        forget_free(h, s->after);
    }
    if (start != b) {
        retire_header(b);
        forget_free(h, start);
        memmove((void *)(start + bytes(gap)), (const void *)b, content);
    }
    return carve(h, start, total, gap, r, word_flags);
}

void *heap_realloc(heap_t *h, void *p, size_t size, heap_error_t *error) {
    uintptr_t b = (uintptr_t)p;
    if (!is_live(h, b)) {
        heap_fail_pointer(h, b, error);
        return NULL;
    }
    request_t r;
    uint32_t align_code = word_of(b) >> WORD_ALIGN_SHIFT & WORD_ALIGN_MASK;
    if (!make_request(h, size, HEAP_ALIGN << align_code, &r, error)) {
        return NULL;
    }
    surroundings_t s;
    bool damaged = !look_around(h, b, &s);
    uintptr_t resized = damaged ? 0 : resize_in_place(h, b, &r, &s, &damaged);
    if (damaged) {
        heap_fail_damaged(h, size, error);
        return NULL;
    }
    if (resized == 0) {
        resized = (uintptr_t)alloc_any(h, size, r.align, error);
        if (resized == 0) {
            return NULL;
        }
        memcpy((void *)resized, p, usable(b));
        if (heap_free(h, p, error) != MEM_OK) {
            // Only damage that happened since look_around() leads here.
            heap_free(h, (void *)resized, NULL);
            return NULL;
        }
    }
    succeed(error);
    return (void *)resized;
}
