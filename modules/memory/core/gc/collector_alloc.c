// SPDX-License-Identifier: MIT
// Runs of free blocks: finding, taking, giving back. A search begins at the hint of the longest length with a hint that
// is not longer than what is sought, so it does not pass what earlier ones passed in vain.

#include "collector_internal.h"

#define REACH (8)   // groups that are looked at on each side of a chain that is freed

// --- hints ---

// The last hint whose length is not larger.
static unsigned hint_for(size_t length) {
    if (length <= HINTS_EXACT) {
        return (unsigned)length - 1;
    }
    unsigned log2 = GROUP - 1 - zeros_above(length);
    unsigned i = HINTS_EXACT - 1 + log2 - HINTS_EXACT_LOG2;
    return i < COLLECTOR_SIZES ? i : COLLECTOR_SIZES - 1;
}

// There is no run of `length` below `start`, and if there was one it began there and is taken now.
static void note_taken(collector_area_t *area, unsigned i, size_t start, size_t length) {
    if (hint_length(i) == length) {
        area->hint[i] = (uint32_t)(start + length);
    } else if (i + 1 < COLLECTOR_SIZES && area->hint[i + 1] < start) {
        area->hint[i + 1] = (uint32_t)start;
    }
}

static void note_none(collector_area_t *area, unsigned i, size_t length) {
    for (; i < COLLECTOR_SIZES; ++i) {
        if (hint_length(i) >= length) {
            area->hint[i] = (uint32_t)area->blocks;
        }
    }
}

// How many blocks before `block` are free; REACH groups or more: there may be others.
static size_t free_before(const collector_area_t *area, size_t block) {
    size_t n = 0;
    while (n < block && n < REACH * GROUP) {
        size_t at = block - n - 1;
        size_t room = at % GROUP + 1;
        size_t free = zeros_above(group_of(area, at)->used << (GROUP - room));
        if (free < room) {
            return n + free;
        }
        n += room;
    }
    return n;
}

// A run of `length` free blocks begins at `from`. From hint `i` on the lengths may be new there.
static inline void lower_hints(collector_area_t *area, unsigned i, size_t from, size_t length) {
    for (unsigned last = hint_for(length); i <= last; ++i) {
        area->hint[i] = area->hint[i] > from ? (uint32_t)from : area->hint[i];
    }
}

// The blocks [start, end) became free: they and those beside them are a run. One that goes on below begins anywhere;
// the lengths that it had without these blocks are noted already.
static __attribute__((noinline)) void note_long(collector_area_t *area, size_t start, size_t end) {
    size_t before = free_before(area, start);
    bool is_last = end >= area->top; // all behind it is free
    size_t after = is_last ? REACH * GROUP : collector_free_from(area, end, REACH * GROUP);
    if (before >= REACH * GROUP) {
        lower_hints(area, hint_for(REACH * GROUP), 0, SIZE_MAX);
    } else {
        size_t length = after < REACH * GROUP ? before + end - start + after : SIZE_MAX;
        lower_hints(area, 0, start - before, length);
    }
}

// The same, where what is free ends within the group mostly.
static inline void note_free(collector_area_t *area, size_t start, size_t end) {
    uint64_t used = group_of(area, start)->used;
    unsigned first = start % GROUP;
    uint64_t below_it = first != 0 ? used << (GROUP - first) : 0;
    uint64_t above_it = used & ~below(start);
    if (below_it == 0 || above_it == 0 || start / GROUP != (end - 1) / GROUP) {
        note_long(area, start, end);
        return;
    }
    size_t from = start - zeros_above(below_it);
    lower_hints(area, 0, from, start / GROUP * GROUP + lowest_of(above_it) - from);
}

// --- the search ---

// The first of `length` bits in a row that are all set; GROUP if there is none.
static unsigned first_run(uint64_t bits, size_t length) {
    for (size_t have = 1; have < length && bits != 0;) {
        size_t step = have < length - have ? have : length - have;
        bits &= bits >> step;
        have += step;
    }
    return lowest(bits);
}

// Notes whether the chunk that ends before a group has no free block.
static void look_at_chunk(collector_area_t *area, size_t end) {
    size_t i = end - CHUNK;
    while (i < end && area->group[i].used == ALL) {
        ++i;
    }
    if (i == end) {
        set_full(area, end - CHUNK, true);
    }
}

// The first group of the first chunk from `group` on that may have free blocks.
static size_t after_full(const collector_area_t *area, size_t group) {
    size_t chunk = group / CHUNK;
    uint64_t skip = below(chunk);
    for (size_t i = chunk / 64; i < chunk_words_for(area->blocks); ++i, skip = 0) {
        uint64_t others = ~(area->full[i] | skip);
        if (others != 0) {
            return (i * 64 + lowest_of(others)) * CHUNK;
        }
    }
    return groups_for(area->blocks);
}

// The next group where free blocks may begin, behind one without.
static inline size_t next_group(collector_area_t *area, size_t group) {
    if (++group % CHUNK != 0) {
        return group;
    }
    look_at_chunk(area, group);
    return after_full(area, group);
}

// The first run of `length` free blocks at or after `from`; COLLECTOR_NONE when there is none.
static size_t find_run(collector_area_t *area, size_t from, size_t length) {
    size_t groups = groups_for(area->blocks);
    size_t run = 0; // free blocks just before the group
    uint64_t skip = below(from);
    for (size_t i = from / GROUP; i < groups; skip = 0) {
        uint64_t used = area->group[i].used | skip;
        if (used == ALL) {
            run = 0;
            i = next_group(area, i);
            continue;
        }
        unsigned low = lowest(used);
        if (run + low >= length) {
            return i * GROUP - run;
        }
        if (low == GROUP) {
            run += GROUP;
            ++i;
            continue;
        }
        unsigned inside = length < GROUP ? first_run(~used, length) : GROUP;
        if (inside < GROUP) {
            return i * GROUP + inside;
        }
        run = zeros_above(used);
        ++i;
    }
    return COLLECTOR_NONE;
}

// --- chains ---

// Sets or clears the bits of [start, end) in `used`.
static void set_used(collector_area_t *area, size_t start, size_t end, bool used) {
    for (size_t block = start; block < end; block = (block / GROUP + 1) * GROUP) {
        uint64_t bits = ~below(block);
        if (end / GROUP == block / GROUP) {
            bits &= below(end);
        }
        collector_group_t *group = group_of(area, block);
        group->used = used ? group->used | bits : group->used & ~bits;
    }
}

// Of the chunks that end in [start, end), where blocks were taken, or that have some of them, which are free now.
static void note_chunks(collector_area_t *area, size_t start, size_t end, bool used) {
    size_t step = CHUNK * GROUP;
    for (size_t chunk = start / step * step; chunk < end; chunk += step) {
        if (!used) {
            set_full(area, chunk / GROUP, false);
        } else if (chunk + step <= end) {
            look_at_chunk(area, chunk / GROUP + CHUNK);
        }
    }
}

static inline void *make_chain(collector_area_t *area, size_t start, size_t end, unsigned flags) {
    collector_group_t *group = group_of(area, start);
    uint64_t bit = bit_of(start);
    group->head |= bit;
    if (flags & COLLECTOR_FINAL) {
        group->final |= bit;
        area->finals += 1;
    }
    if (flags & COLLECTOR_PLAIN) {
        group->plain |= bit;
    }
    if (area->top < end) {
        area->top = end;
    }
    return (void *)address_of(area, start);
}

// A run of several blocks in one area.
static size_t take_run(collector_area_t *area, size_t blocks) {
    unsigned i = hint_for(blocks);
    if (area->blocks - area->hint[i] < blocks) {
        return COLLECTOR_NONE;
    }
    size_t start = find_run(area, area->hint[i], blocks);
    if (start == COLLECTOR_NONE) {
        note_none(area, i, blocks);
    } else {
        note_taken(area, i, start, blocks);
    }
    return start;
}

// --- one block ---

// Further requests for one block are served from the group of this one.
static void open_group(collector_t *c, collector_area_t *area, size_t block) {
    size_t first = block / GROUP * GROUP;
    size_t end = area->blocks - first < GROUP ? area->blocks : first + GROUP;
    c->single = area;
    c->open = group_of(area, block);
    c->open_start = address_of(area, first);
    c->open_area = area;
    area->top = area->top < end ? end : area->top;
}

// Most runs are in one group. One that fills its chunk is noted by the next search that passes it.
static inline void take(collector_area_t *area, size_t start, size_t blocks) {
    if (start % GROUP + blocks < GROUP) {
        group_of(area, start)->used |= below(blocks) << start % GROUP;
        return;
    }
    set_used(area, start, start + blocks, true);
    note_chunks(area, start, start + blocks, true);
}

static void *alloc_run(collector_t *c, collector_area_t *area, size_t blocks, unsigned flags) {
    for (const collector_area_t *end = c->area + c->count; area < end; ++area) {
        size_t start = take_run(area, blocks);
        if (start != COLLECTOR_NONE) {
            if (blocks == 1) {
                open_group(c, area, start);
            }
            take(area, start, blocks);
            return make_chain(area, start, start + blocks, flags);
        }
    }
    return NULL;
}

void *collector_alloc(collector_t *c, size_t blocks, unsigned flags) {
    if (blocks != 1) {
        return alloc_run(c, c->area, blocks, flags);
    }
    void *start = collector_alloc_one(c, flags);
    return start != NULL ? start : alloc_run(c, c->single, 1, flags);
}

static inline void release(collector_t *c, collector_area_t *area, size_t start, size_t end) {
    set_used(area, start, end, false);
    note_chunks(area, start, end, false);
    note_free(area, start, end);
    c->single = area < c->single ? area : c->single;
}

bool collector_free(collector_t *c, void *start) {
    collector_area_t *area;
    size_t head = collector_head_at(c, start, &area);
    if (head == COLLECTOR_NONE) {
        return false;
    }
    collector_group_t *group = group_of(area, head);
    uint64_t bit = bit_of(head);
    size_t end = head + chain_length(area, head);
    area->finals -= (group->final & bit) != 0;
    group->head &= ~bit;
    group->mark &= ~bit;
    group->grey &= ~bit;
    group->final &= ~bit;
    group->plain &= ~bit;
    release(c, area, head, end);
    return true;
}

bool collector_resize(collector_t *c, void *start, size_t blocks) {
    collector_area_t *area;
    size_t head = collector_head_at(c, start, &area);
    if (head == COLLECTOR_NONE) {
        return false;
    }
    size_t length = chain_length(area, head);
    size_t end = head + length;
    if (blocks < length) {
        release(c, area, head + blocks, end);
    } else if (blocks > length) {
        size_t more = blocks - length;
        if (more > area->blocks - end || collector_free_from(area, end, more) < more) {
            return false;
        }
        set_used(area, end, end + more, true);
        note_chunks(area, end, end + more, true);
        area->top = area->top < end + more ? end + more : area->top;
    }
    return true;
}
