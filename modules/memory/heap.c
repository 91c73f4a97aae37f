// SPDX-License-Identifier: MIT
// The heap's operations. Each one first verifies all that it will touch, then changes it: no failure half way.

#include <string.h>

#include "heap_block.h"

// Free blocks looked at for a close fit before the first bin is taken in which every block fits.
#define FIND_STEPS (4)

// ---- lists ---------------------------------------------------------------------------------------------------------

static inline uint32_t next_used_bin(const heap_t *h, uint32_t bin) {
    uint32_t row = bin / HEAP_BINS;
    if (row >= h->rows) {
        return BIN_NONE;
    }
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

static void list_insert(heap_t *h, uintptr_t b) {
    uint32_t bin = bin_of(granules(b));
    uint32_t self = link_to(h, b);
    uint32_t old_head = bin_is_used(h, bin) ? heads(h)[bin] : 0;
    header(b)->next = old_head;
    header(b)->prev = 0;
    if (old_head != 0) {
        header(linked(h, old_head))->prev = self;
    }
    heads(h)[bin] = self;
    h->bin_map[bin / HEAP_BINS] |= (uint32_t)1 << (bin % HEAP_BINS);
    h->row_map |= (uint32_t)1 << (bin / HEAP_BINS);
    h->free_blocks++;
}

static void list_remove(heap_t *h, uintptr_t b) {
    uint32_t next = header(b)->next;
    uint32_t prev = header(b)->prev;
    h->free_blocks--;
    if (next != 0) {
        header(linked(h, next))->prev = prev;
    }
    if (prev != 0) {
        header(linked(h, prev))->next = next;
        return;
    }
    uint32_t bin = bin_of(granules(b));
    uint32_t row = bin / HEAP_BINS;
    heads(h)[bin] = next;
    if (next == 0) {
        h->bin_map[row] &= ~((uint32_t)1 << (bin % HEAP_BINS));
        if (h->bin_map[row] == 0) {
            h->row_map &= ~((uint32_t)1 << row);
        }
    }
}

// True when list_insert may touch the head of the bin for this size. 0 granules: nothing will be inserted.
static inline bool may_insert(const heap_t *h, uint32_t n_granules) {
    uint32_t bin = bin_of(n_granules);
    if (n_granules == 0 || !bin_is_used(h, bin)) {
        return true;
    }
    uintptr_t head = linked(h, heads(h)[bin]);
    return is_linkable(h, head) && header(head)->prev == 0;
}

// ---- blocks --------------------------------------------------------------------------------------------------------

static inline void write_header(heap_t *h, uintptr_t b, uint32_t word) {
    header(b)->word = word;
    header(b)->sum = checksum(h, b, word);
}

// Tells the block after b whether b is free.
static inline void tell_after(heap_t *h, uintptr_t b, uint32_t prev_free) {
    uintptr_t after = block_after(b);
    uint32_t word = (header(after)->word & ~WORD_PREV_FREE) | prev_free;
    if (word != header(after)->word) {
        write_header(h, after, word);
    }
}

static void make_free(heap_t *h, uintptr_t b, uint32_t n_granules) {
    write_header(h, b, n_granules << WORD_SIZE_SHIFT | WORD_FREE);
    *footer(b) = n_granules;
    list_insert(h, b);
    tell_after(h, b, WORD_PREV_FREE);
}

static void make_used(heap_t *h, uintptr_t b, uint32_t word) {
    write_header(h, b, word);
    tell_after(h, b, 0);
    h->live_blocks++;
    h->used += usable(b);
    if (h->used > h->peak_used) {
        h->peak_used = h->used;
    }
}

// A header that ends up inside another block must not pass for one again.
static inline void retire_header(heap_t *h, uintptr_t b) {
    header(b)->sum = checksum(h, b, header(b)->word) ^ SUM_FREED;
}

static inline void forget_used(heap_t *h, uintptr_t b) {
    h->live_blocks--;
    h->used -= usable(b);
    retire_header(h, b);
}

static inline void forget_free(heap_t *h, uintptr_t b) {
    list_remove(h, b);
    retire_header(h, b);
}

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
static bool look_around(const heap_t *h, uintptr_t b, surroundings_t *s) {
    *s = (surroundings_t) { .own_granules = granules(b) };
    uintptr_t after = block_after(b);
    if (!is_intact(h, after) || (header(after)->word & WORD_PREV_FREE) != 0) {
        return false;
    }
    if (is_free(after)) {
        if (!links_hold(h, after) || !is_intact(h, block_after(after))) {
            return false;
        }
        s->after = after;
        s->after_granules = granules(after);
    }
    if ((header(b)->word & WORD_PREV_FREE) != 0) {
        s->before = free_block_before(h, b);
        if (s->before == 0 || !links_hold(h, s->before)) {
            return false;
        }
        s->before_granules = granules(s->before);
    }
    return true;
}

// Makes used block b free and merges it with its free neighbours. Everything was verified.
static void release(heap_t *h, uintptr_t b, const surroundings_t *s) {
    forget_used(h, b);
    if (s->after != 0) {
        forget_free(h, s->after);
    }
    if (s->before != 0) {
        list_remove(h, s->before);
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
    if (n < HEAP_BINS) {
        return bin_of(n);
    }
    uint32_t log2 = 31 - (uint32_t)__builtin_clz(n);
    return bin_of(n + ((uint32_t)1 << (log2 - 5)) - 1);
}

// Looks for the request in one list, at most *steps blocks of it. A link that leads nowhere ends the search: *damaged
// becomes true. The block found is still to be verified.
static uintptr_t search_bin(const heap_t *h, uint32_t bin, const request_t *r, unsigned *steps, bool *damaged) {
    uint32_t link = heads(h)[bin];
    do {
        uintptr_t b = linked(h, link);
        if (!is_linkable(h, b)) {
            *damaged = true;
            return 0;
        }
        if (fits(b, r)) {
            return b;
        }
        link = header(b)->next;
    } while (--*steps != 0 && link != 0);
    return 0;
}

// A free block for the request, or 0. Looks at a few blocks for a close fit; after that, the first bin above in which
// every block is large enough decides, so the time is bounded.
static uintptr_t find(const heap_t *h, const request_t *r, bool *damaged) {
    unsigned steps = FIND_STEPS;
    uint32_t bin = next_used_bin(h, bin_of(r->n_granules));
    while (bin != BIN_NONE && steps != 0) {
        uintptr_t b = search_bin(h, bin, r, &steps, damaged);
        if (b != 0 || *damaged) {
            return b;
        }
        bin = next_used_bin(h, steps != 0 ? bin + 1 : sure_bin(r));
    }
    steps = 1;
    return bin != BIN_NONE ? search_bin(h, bin, r, &steps, damaged) : 0;
}

// Turns `total` granules at b, which are in no list, into: `gap` free, the request used, the rest free.
// word_flags is WORD_PREV_FREE when the block before b is free (then gap is 0). Returns the used block.
static uintptr_t carve(heap_t *h, uintptr_t b, uint32_t total, uint32_t gap, const request_t *r, uint32_t word_flags) {
    uint32_t rest = total - gap - r->n_granules;
    uint32_t own = r->n_granules + (rest < GRANULES_MIN ? rest : 0);
    uintptr_t used = b + bytes(gap);
    if (rest >= GRANULES_MIN) {
        make_free(h, used + bytes(own), rest);
    }
    make_used(h, used, own << WORD_SIZE_SHIFT | r->align_bits | word_flags);
    if (gap != 0) {
        make_free(h, b, gap);
    }
    return used;
}

// True when carve() may insert what it leaves over.
static inline bool may_carve(const heap_t *h, uint32_t total, uint32_t gap, const request_t *r) {
    uint32_t rest = total - gap - r->n_granules;
    return may_insert(h, gap) && may_insert(h, rest < GRANULES_MIN ? 0 : rest);
}

// ---- errors and arguments ------------------------------------------------------------------------------------------

static int refuse(heap_error_t *error, heap_error_kind_t kind, uint64_t address, uint64_t value) {
    static const int8_t results[] = {
        [HEAP_OK] = MEM_OK, [HEAP_FULL] = MEM_ENOMEM, [HEAP_TOO_LARGE] = MEM_ENOMEM, [HEAP_ZERO_SIZE] = MEM_EINVAL,
        [HEAP_BAD_ALIGNMENT] = MEM_EINVAL, [HEAP_OUTSIDE] = MEM_ERANGE, [HEAP_NOT_A_BLOCK] = MEM_EINVAL,
        [HEAP_DOUBLE_FREE] = MEM_EALREADY, [HEAP_DAMAGED] = MEM_EFAULT,
    };
    if (error != NULL) {
        *error = (heap_error_t) { .kind = kind, .result = results[kind], .address = address, .value = value };
    }
    return results[kind];
}

// False, with the reason in *error, when no heap of this size could serve the request.
static bool make_request(const heap_t *h, size_t size, size_t align, request_t *r, heap_error_t *error) {
    align = align < HEAP_ALIGN && (align & (align - 1)) == 0 ? HEAP_ALIGN : align;
    if ((align & (align - 1)) != 0 || align > HEAP_ALIGN_MAX) {
        refuse(error, HEAP_BAD_ALIGNMENT, 0, align);
        return false;
    }
    if (size == 0 || size > h->end - h->first - HEAP_HEADER_SIZE) {
        refuse(error, size == 0 ? HEAP_ZERO_SIZE : HEAP_TOO_LARGE, 0, size);
        return false;
    }
    uint32_t n = (uint32_t)((size + HEAP_HEADER_SIZE + HEAP_ALIGN - 1) >> GRANULE_SHIFT);
    r->n_granules = n < GRANULES_MIN ? GRANULES_MIN : n;
    r->align = align;
    r->align_bits = (uint32_t)(__builtin_ctzl(align) - GRANULE_SHIFT) << WORD_ALIGN_SHIFT;
    return true;
}

// Names the first damaged block of the heap.
static int refuse_damaged(const heap_t *h, heap_error_t *error, uint64_t value) {
    heap_damage_t damage;
    heap_check(h, &damage);
    return refuse(error, HEAP_DAMAGED, damage.address, value);
}

// Why p, inside the region, is no intact block: walks from the first block towards it.
static heap_error_kind_t diagnose(const heap_t *h, uintptr_t p) {
    if (p < h->first || p >= h->end || (p & (HEAP_ALIGN - 1)) != 0) {
        return HEAP_NOT_A_BLOCK;
    }
    if (header(p)->sum == (checksum(h, p, header(p)->word) ^ SUM_FREED)) {
        return HEAP_DOUBLE_FREE;
    }
    uintptr_t b = h->first;
    while (b < p && is_intact(h, b) && granules(b) != 0) {
        b = block_after(b);
    }
    return b > p ? HEAP_NOT_A_BLOCK : HEAP_DAMAGED;
}

// The used block that p is the payload of, or 0 with the reason in *error.
static uintptr_t used_block(const heap_t *h, const void *p, heap_error_t *error) {
    uintptr_t b = (uintptr_t)p;
    heap_error_kind_t kind = HEAP_OUTSIDE;
    if (mem_is_aligned(b, HEAP_ALIGN) && is_intact(h, b) && b != h->end) {
        if (!is_free(b)) {
            return b;
        }
        kind = HEAP_DOUBLE_FREE;
    } else if (heap_contains(h, p)) {
        kind = diagnose(h, b);
    }
    if (kind == HEAP_DAMAGED) {
        refuse_damaged(h, error, 0);
    } else {
        refuse(error, kind, b, 0);
    }
    return 0;
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
    memset(base, 0, heads_size);
    write_header(h, h->end, 0);
    make_free(h, h->first, (uint32_t)((h->end - h->first) >> GRANULE_SHIFT));
    return MEM_OK;
}

// Takes the request from the heap, or returns 0 with the reason in *error. `value` is the size asked for.
static uintptr_t take(heap_t *h, const request_t *r, heap_error_t *error, uint64_t value) {
    bool damaged = false;
    uintptr_t b = find(h, r, &damaged);
    if (b == 0) {
        if (damaged) {
            refuse_damaged(h, error, value);
        } else {
            refuse(error, HEAP_FULL, 0, value);
        }
        return 0;
    }
    uint32_t total = granules(b);
    uint32_t gap = gap_for(b, r->align);
    if (!is_intact(h, b) || !links_hold(h, b) || !is_intact(h, block_after(b)) || !may_carve(h, total, gap, r)) {
        refuse_damaged(h, error, value);
        return 0;
    }
    list_remove(h, b);
    return carve(h, b, total, gap, r, 0);
}

void *heap_alloc(heap_t *h, size_t size, size_t align, heap_error_t *error) {
    request_t r;
    if (!make_request(h, size, align, &r, error)) {
        return NULL;
    }
    uintptr_t b = take(h, &r, error, size);
    if (b != 0) {
        refuse(error, HEAP_OK, 0, 0);
    }
    return (void *)b;
}

int heap_free(heap_t *h, void *p, heap_error_t *error) {
    heap_error_t unwanted = { .kind = HEAP_OK };
    error = error != NULL ? error : &unwanted;
    uintptr_t b = used_block(h, p, error);
    if (b == 0) {
        return error->result;
    }
    surroundings_t s;
    if (!look_around(h, b, &s) || !may_insert(h, s.before_granules + s.own_granules + s.after_granules)) {
        return refuse_damaged(h, error, 0);
    }
    release(h, b, &s);
    return refuse(error, HEAP_OK, 0, 0);
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
    uint32_t word_flags = start == b ? header(b)->word & WORD_PREV_FREE : 0;
    forget_used(h, b);
    if (s->after != 0) {
        forget_free(h, s->after);
    }
    if (start != b) {
        forget_free(h, start);
        memmove((void *)(start + bytes(gap)), (const void *)b, content);
    }
    return carve(h, start, total, gap, r, word_flags);
}

void *heap_realloc(heap_t *h, void *p, size_t size, heap_error_t *error) {
    uintptr_t b = used_block(h, p, error);
    if (b == 0) {
        return NULL;
    }
    request_t r;
    uint32_t align_code = header(b)->word >> WORD_ALIGN_SHIFT & WORD_ALIGN_MASK;
    if (!make_request(h, size, HEAP_ALIGN << align_code, &r, error)) {
        return NULL;
    }
    surroundings_t s;
    bool damaged = !look_around(h, b, &s);
    uintptr_t resized = damaged ? 0 : resize_in_place(h, b, &r, &s, &damaged);
    if (damaged) {
        refuse_damaged(h, error, size);
        return NULL;
    }
    if (resized == 0) {
        resized = take(h, &r, error, size);
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
    refuse(error, HEAP_OK, 0, 0);
    return (void *)resized;
}

size_t heap_usable_size(const heap_t *h, const void *p) {
    uintptr_t b = (uintptr_t)p;
    bool live = mem_is_aligned(b, HEAP_ALIGN) && is_intact(h, b) && b != h->end && !is_free(b);
    return live && bytes(granules(b)) <= h->end - b ? usable(b) : 0;
}

bool heap_contains(const heap_t *h, const void *p) {
    return (uintptr_t)p - h->base < h->size;
}
