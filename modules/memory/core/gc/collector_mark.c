// SPDX-License-Identifier: MIT
// Marking. The mark stack has chains that are still to be scanned. Of a long chain it has one part at a time, with the
// rest below, so that a long list needs little of it. A chain that finds no room becomes grey: the groups between the
// lowest and the highest grey head are looked through when the stack is empty.

#include "collector_internal.h"

#define PART (64)           // words that are scanned before what they point to
#define REST ((uintptr_t)1) // the end of a rest, whose start is below it on the stack; heads are aligned

void collector_begin(collector_t *c) {
    for (collector_area_t *area = c->area; area < c->area + c->count; ++area) {
        area->grey_low = area->blocks;
        area->grey_end = 0;
    }
}

static void make_grey(collector_area_t *area, size_t head) {
    size_t number = head / GROUP;
    area->group[number].grey |= bit_of(head);
    area->grey_low = number < area->grey_low ? number : area->grey_low;
    area->grey_end = number + 1 > area->grey_end ? number + 1 : area->grey_end;
}

// What the inner loops need, in registers: all that follows is inlined. `area` is where the last pointer led.
typedef struct _walk_t {
    collector_t *c;
    collector_area_t *area;
    collector_group_t *group;
    uintptr_t pool, bytes;
    uintptr_t low, span;
    size_t depth;           // of the mark stack
} walk_t;

static inline void enter(walk_t *w, collector_area_t *area) {
    w->area = area;
    w->group = area->group;
    w->pool = area->pool;
    w->bytes = area->blocks << COLLECTOR_BLOCK_SHIFT;
}

static inline walk_t walk_of(collector_t *c) {
    walk_t w = {.c = c, .low = c->low, .span = c->span};
    enter(&w, c->area);
    return w;
}

static inline bool find_area(walk_t *w, uintptr_t word) {
    if (word - w->pool >= w->bytes) {
        collector_area_t *area = collector_find(w->c, word);
        if (area == NULL) {
            return false;
        }
        enter(w, area);
    }
    return true;
}

static inline void mark_head(walk_t *w, size_t head) {
    collector_group_t *group = &w->group[head / GROUP];
    uint64_t bit = bit_of(head);
    if (!(group->head & ~group->mark & bit)) {
        return;
    }
    group->mark |= bit;
    if (group->plain & bit) {
        return;
    }
    if (w->depth < w->c->room) {
        w->c->stack[w->depth++] = w->pool + (head << COLLECTOR_BLOCK_SHIFT);
    } else {
        make_grey(w->area, head);
    }
}

static inline void mark_word(walk_t *w, uintptr_t word) {
    if (word - w->low < w->span && find_area(w, word) && (word - w->pool) % COLLECTOR_BLOCK == 0) {
        mark_head(w, (word - w->pool) >> COLLECTOR_BLOCK_SHIFT);
    }
}

// Whole blocks; most words are no pointers. The sanitiser does not know which words may be looked at.
__attribute__((no_sanitize("address"))) static inline void scan_blocks(walk_t *w, const uintptr_t *from,
    const uintptr_t *to) {
    uintptr_t low = w->low;
    uintptr_t span = w->span;
    for (; from < to; from += 4) {
        uintptr_t a = from[0], b = from[1], c = from[2], d = from[3];
        if ((a - low < span) | (b - low < span) | (c - low < span) | (d - low < span)) {
            mark_word(w, a);
            mark_word(w, b);
            mark_word(w, c);
            mark_word(w, d);
        }
    }
}

static inline void scan_part(walk_t *w, uintptr_t from, uintptr_t to) {
    uintptr_t end = from + PART * sizeof(uintptr_t);
    if (to - from > PART * sizeof(uintptr_t) && w->c->room - w->depth >= 2) {
        w->c->stack[w->depth++] = end;
        w->c->stack[w->depth++] = to | REST;
        to = end;
    }
    scan_blocks(w, (const uintptr_t *)from, (const uintptr_t *)to);
}

// Most chains have one block.
static inline size_t length_of(const walk_t *w, size_t head) {
    const collector_group_t *group = &w->group[head / GROUP];
    bool is_single = head % GROUP != GROUP - 1 && !(tails_of(group) >> (head % GROUP + 1) & 1);
    return is_single ? 1 : chain_length(w->area, head);
}

static void drain(collector_t *c, size_t depth) {
    walk_t w = walk_of(c);
    for (w.depth = depth; w.depth != 0;) {
        uintptr_t from = c->stack[--w.depth];
        uintptr_t to = from & ~REST;
        if (from & REST) {
            from = c->stack[--w.depth];
        } else {
            find_area(&w, from);
            size_t head = (from - w.pool) >> COLLECTOR_BLOCK_SHIFT;
            to = from + (length_of(&w, head) << COLLECTOR_BLOCK_SHIFT);
        }
        scan_part(&w, from, to);
    }
}

// True: some chain of the area was grey.
static bool scan_grey(collector_t *c, collector_area_t *area) {
    size_t low = area->grey_low;
    size_t end = area->grey_end;
    area->grey_low = area->blocks;
    area->grey_end = 0;
    for (size_t i = low; i < end; ++i) {
        while (area->group[i].grey != 0) {
            unsigned n = lowest(area->group[i].grey);
            area->group[i].grey &= ~bit_of(n);
            c->stack[0] = address_of(area, i * GROUP + n);
            drain(c, 1);
        }
    }
    return low < end;
}

static void mark_all(collector_t *c, size_t depth) {
    drain(c, depth);
    for (bool again = true; again;) {
        again = false;
        for (collector_area_t *area = c->area; area < c->area + c->count; ++area) {
            again |= scan_grey(c, area);
        }
    }
}

void collector_mark(collector_t *c, const uintptr_t *words, size_t count) {
    walk_t w = walk_of(c);
    for (size_t i = 0; i < count; ++i) {
        mark_word(&w, words[i]);
    }
    mark_all(c, w.depth);
}

// --- pointers into something ---

// The last head at or before a tail; COLLECTOR_NONE when a free block comes first.
static size_t head_before(const collector_area_t *area, size_t block) {
    uint64_t upto = below(block) | bit_of(block);
    for (size_t i = block / GROUP + 1; i-- > 0; upto = ALL) {
        uint64_t tails = tails_of(&area->group[i]) & upto;
        uint64_t others = ~tails & upto;
        if (others != 0) {
            unsigned n = GROUP - 1 - zeros_above(others);
            return area->group[i].head & bit_of(n) ? i * GROUP + n : COLLECTOR_NONE;
        }
    }
    return COLLECTOR_NONE;
}

// C code works with pointers into arrays and tables while Python code that it calls makes their owner drop them.
// Objects with a finaliser are to be found by their start.
static void mark_inside(walk_t *w, uintptr_t word) {
    if (!find_area(w, word)) {
        return;
    }
    size_t head = head_before(w->area, block_of(w->area, word));
    if (head != COLLECTOR_NONE
        && (address_of(w->area, head) == word || !(group_of(w->area, head)->final & bit_of(head)))) {
        mark_head(w, head);
    }
}

__attribute__((no_sanitize("address"))) void collector_mark_inside(collector_t *c, const uintptr_t *words,
    size_t count) {
    walk_t w = walk_of(c);
    for (const uintptr_t *end = words + count; words < end; ++words) {
        uintptr_t word = *words;
        if (word - w.low < w.span) {
            mark_inside(&w, word);
        }
    }
    mark_all(c, w.depth);
}
