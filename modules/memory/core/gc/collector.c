// SPDX-License-Identifier: MIT
// Areas, and what is where in them.

#include <string.h>

#include "collector_internal.h"

void collector_init(collector_t *c, uintptr_t *stack, size_t words) {
    memset(c, 0, sizeof(*c));
    c->single = c->area;
    close_group(c);
    c->stack = stack;
    c->room = words;
}

size_t collector_area_size(size_t blocks) {
    size_t table = groups_for(blocks) * sizeof(collector_group_t) + chunk_words_for(blocks) * sizeof(uint64_t);
    return mem_align_up(table, COLLECTOR_BLOCK) + (blocks << COLLECTOR_BLOCK_SHIFT);
}

// As many blocks as fit beside their table.
static size_t blocks_in(size_t size) {
    size_t blocks = size / (COLLECTOR_BLOCK * GROUP + sizeof(collector_group_t)) * GROUP;
    while (blocks > 0 && collector_area_size(blocks) > size) {
        --blocks;
    }
    while (blocks < UINT32_MAX && collector_area_size(blocks + 1) <= size) {
        ++blocks;
    }
    return blocks;
}

static void set_bounds(collector_t *c) {
    bool watches = c->watch_low < c->watch_end;
    uintptr_t low = watches ? c->watch_low : UINTPTR_MAX;
    uintptr_t high = watches ? c->watch_end : 0;
    for (size_t i = 0; i < c->count; ++i) {
        uintptr_t pool = c->area[i].pool;
        uintptr_t end = address_of(&c->area[i], c->area[i].blocks);
        low = pool < low ? pool : low;
        high = end > high ? end : high;
    }
    c->low = low;
    c->span = low < high ? high - low : 0;
    c->last = NULL;
}

collector_area_t *collector_add(collector_t *c, void *memory, size_t size) {
    size_t blocks = blocks_in(size);
    if (c->count == COLLECTOR_AREAS || blocks == 0) {
        return NULL;
    }
    collector_area_t *area = &c->area[c->count++];
    size_t groups = groups_for(blocks);
    memset(area, 0, sizeof(*area));
    area->memory = memory;
    area->size = size;
    area->group = memory;
    area->blocks = blocks;
    area->pool = (uintptr_t)memory + collector_area_size(blocks) - (blocks << COLLECTOR_BLOCK_SHIFT);
    memset(area->group, 0, groups * sizeof(collector_group_t));
    area->full = (uint64_t *)(area->group + groups);
    memset(area->full, 0, chunk_words_for(blocks) * sizeof(uint64_t));
    area->group[groups - 1].used = absent(area);
    set_bounds(c);
    return area;
}

void collector_remove(collector_t *c, collector_area_t *area) {
    size_t after = --c->count - (size_t)(area - c->area);
    memmove(area, area + 1, after * sizeof(*area));
    c->single = c->area;
    close_group(c);
    set_bounds(c);
}

void collector_watch(collector_t *c, uintptr_t low, uintptr_t end, collector_seen_t *seen) {
    c->seen = seen;
    if (low != c->watch_low || end != c->watch_end) {
        c->watch_low = low;
        c->watch_end = end;
        set_bounds(c);
    }
}

bool collector_is_empty(const collector_area_t *area) {
    return area->top == 0;
}

collector_area_t *collector_find_other(collector_t *c, uintptr_t address) {
    for (size_t i = 0; i < c->count; ++i) {
        if (area_has(&c->area[i], address)) {
            return c->last = &c->area[i];
        }
    }
    return NULL;
}

collector_kind_t collector_kind(const collector_area_t *area, size_t block) {
    const collector_group_t *group = group_of(area, block);
    if (!(group->used & bit_of(block))) {
        return COLLECTOR_FREE;
    }
    return group->head & bit_of(block) ? COLLECTOR_HEAD : COLLECTOR_TAIL;
}

size_t collector_head_at(collector_t *c, const void *start, collector_area_t **area) {
    uintptr_t address = (uintptr_t)start;
    *area = collector_find(c, address);
    if (*area == NULL || (address - (*area)->pool) % COLLECTOR_BLOCK != 0) {
        return COLLECTOR_NONE;
    }
    size_t block = block_of(*area, address);
    return group_of(*area, block)->head & bit_of(block) ? block : COLLECTOR_NONE;
}

size_t collector_length(collector_t *c, const void *start) {
    collector_area_t *area;
    size_t head = collector_head_at(c, start, &area);
    return head != COLLECTOR_NONE ? chain_length(area, head) : 0;
}

unsigned collector_flags(collector_t *c, const void *start) {
    collector_area_t *area;
    size_t head = collector_head_at(c, start, &area);
    if (head == COLLECTOR_NONE) {
        return 0;
    }
    const collector_group_t *group = group_of(area, head);
    return (group->final & bit_of(head) ? COLLECTOR_FINAL : 0) | (group->plain & bit_of(head) ? COLLECTOR_PLAIN : 0);
}

// The first chain with COLLECTOR_FINAL at or after a block.
static void *final_from(const collector_area_t *area, size_t block) {
    uint64_t skip = below(block);
    for (size_t i = block / GROUP; area->finals != 0 && i < groups_for(area->top); ++i, skip = 0) {
        uint64_t finals = area->group[i].final & ~skip;
        if (finals != 0) {
            return (void *)address_of(area, i * GROUP + lowest(finals));
        }
    }
    return NULL;
}

void *collector_next_final(collector_t *c, const void *start) {
    size_t i = 0;
    size_t block = 0;
    if (start != NULL) {
        const collector_area_t *area = collector_find(c, (uintptr_t)start);
        i = (size_t)(area - c->area);
        block = block_of(area, (uintptr_t)start) + 1;
    }
    void *found = NULL;
    for (; found == NULL && i < c->count; ++i, block = 0) {
        found = final_from(&c->area[i], block);
    }
    return found;
}

// --- what there is ---

size_t collector_free_from(const collector_area_t *area, size_t block, size_t most) {
    size_t n = 0;
    while (n < most && block + n < area->blocks) {
        size_t at = block + n;
        size_t room = GROUP - at % GROUP;
        size_t free = lowest(group_of(area, at)->used >> at % GROUP);
        n += free < room ? free : room;
        if (free < room) {
            break;
        }
    }
    size_t left = area->blocks - block;
    n = n < left ? n : left;
    return n < most ? n : most;
}

bool collector_next_run(const collector_area_t *area, collector_run_t *run) {
    size_t block = run->block + run->length;
    if (block >= area->blocks) {
        return false;
    }
    size_t free = collector_free_from(area, block, area->blocks);
    *run = (collector_run_t) {block, free != 0 ? free : chain_length(area, block), free != 0};
    return true;
}

size_t collector_used(const collector_area_t *area, size_t block, size_t count) {
    size_t used = 0;
    size_t end = count < area->blocks - block ? block + count : area->blocks;
    for (size_t at = block; at < end; at = (at / GROUP + 1) * GROUP) {
        uint64_t bits = group_of(area, at)->used >> at % GROUP << at % GROUP;
        bits &= end / GROUP == at / GROUP ? below(end) : ALL;
        for (; bits != 0; bits &= bits - 1) {
            ++used;
        }
    }
    return used;
}

static void add_chain(collector_stats_t *stats, size_t length) {
    stats->used += length;
    stats->chains += 1;
    stats->singles += length == 1;
    stats->doubles += length == 2;
    stats->longest = length > stats->longest ? length : stats->longest;
}

void collector_area_stats(const collector_area_t *area, collector_stats_t *stats) {
    stats->total += area->blocks;
    for (collector_run_t run = {0}; collector_next_run(area, &run);) {
        if (!run.is_free) {
            add_chain(stats, run.length);
            continue;
        }
        stats->free += run.length;
        stats->longest_free = run.length > stats->longest_free ? run.length : stats->longest_free;
    }
}
