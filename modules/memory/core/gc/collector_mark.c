// SPDX-License-Identifier: MIT
// Marking. The mark stack has chains that are still to be scanned: the roots, then what they lead to. Of a long chain
// it has one part at a time, with the rest below, so that a long list needs little of it. A chain that finds no room
// becomes grey: the groups between the lowest and the highest grey head are looked through when the stack is empty.

#include "collector_internal.h"

#define PART (64)           // words that are scanned before what they point to
// In the low bits of a word of the stack; heads and parts are aligned.
#define REST ((uintptr_t)1) // the end of a rest, whose start is below it
#define SINGLE ((uintptr_t)2) // a chain of one block, as most are

void collector_begin(collector_t *c) {
    c->depth = 0;
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
    walk_t w = {.c = c, .low = c->low, .span = c->span, .depth = c->depth};
    enter(&w, c->area);
    return w;
}

// A word between the bounds of the heap that is in no area.
static __attribute__((noinline)) void see(const collector_t *c, uintptr_t word) {
    if (c->watch_low <= word && word < c->watch_end) {
        c->seen(word);
    }
}

static inline bool find_area(walk_t *w, uintptr_t word) {
    if (word - w->pool >= w->bytes) {
        collector_area_t *area = collector_find(w->c, word);
        if (area == NULL) {
            see(w->c, word);
            return false;
        }
        enter(w, area);
    }
    return true;
}

// SINGLE where the group has what follows the head, and it is no tail.
static inline uintptr_t single(const collector_group_t *group, uint64_t bit) {
    uint64_t next = bit << 1;
    return next != 0 && !(tails_of(group) & next) ? SINGLE : 0;
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
        w->c->stack[w->depth++] = (w->pool + (head << COLLECTOR_BLOCK_SHIFT)) | single(group, bit);
    } else {
        make_grey(w->area, head);
    }
}

static inline void mark_start(walk_t *w, uintptr_t word) {
    if (find_area(w, word) && (word - w->pool) % COLLECTOR_BLOCK == 0) {
        mark_head(w, (word - w->pool) >> COLLECTOR_BLOCK_SHIFT);
    }
}

// What a word that may point into a pool marks.
typedef void mark_t(walk_t *w, uintptr_t word);

// A multiple of four words. Most are no pointers. The sanitiser does not know which words may be looked at.
__attribute__((no_sanitize("address"), always_inline)) static inline void scan_fours(walk_t *w, const uintptr_t *from,
    const uintptr_t *to, mark_t *mark) {
    uintptr_t low = w->low;
    uintptr_t span = w->span;
    for (; from < to; from += 4) {
        uintptr_t a = from[0], b = from[1], c = from[2], d = from[3];
        if (a - low >= span && b - low >= span && c - low >= span && d - low >= span) {
            continue;
        }
        if (a - low < span) {
            mark(w, a);
        }
        if (b - low < span) {
            mark(w, b);
        }
        if (c - low < span) {
            mark(w, c);
        }
        if (d - low < span) {
            mark(w, d);
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
    scan_fours(w, (const uintptr_t *)from, (const uintptr_t *)to, mark_start);
}

// The end of the chain that starts there.
static inline uintptr_t end_of(walk_t *w, uintptr_t start) {
    find_area(w, start);
    return start + (chain_length(w->area, (start - w->pool) >> COLLECTOR_BLOCK_SHIFT) << COLLECTOR_BLOCK_SHIFT);
}

static void drain(collector_t *c) {
    walk_t w = walk_of(c);
    c->depth = 0;
    while (w.depth != 0) {
        uintptr_t top = c->stack[--w.depth];
        uintptr_t from = top & ~SINGLE;
        uintptr_t to = from + COLLECTOR_BLOCK;
        if (top & REST) {
            to = top & ~REST;
            from = c->stack[--w.depth];
        } else if (!(top & SINGLE)) {
            to = end_of(&w, from);
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
            c->stack[c->depth++] = address_of(area, i * GROUP + n);
            drain(c);
        }
    }
    return low < end;
}

void collector_trace(collector_t *c) {
    drain(c);
    for (bool again = true; again;) {
        again = false;
        for (collector_area_t *area = c->area; area < c->area + c->count; ++area) {
            again |= scan_grey(c, area);
        }
    }
}

__attribute__((no_sanitize("address"), always_inline)) static inline void scan(collector_t *c, const uintptr_t *words,
    size_t count, mark_t *mark) {
    walk_t w = walk_of(c);
    const uintptr_t *end = words + count;
    const uintptr_t *fours = words + count / 4 * 4;
    scan_fours(&w, words, fours, mark);
    for (words = fours; words < end; ++words) {
        if (*words - w.low < w.span) {
            mark(&w, *words);
        }
    }
    c->depth = w.depth;
}

void collector_mark(collector_t *c, const uintptr_t *words, size_t count) {
    scan(c, words, count, mark_start);
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
__attribute__((noinline)) static void mark_owner(walk_t *w, uintptr_t word) {
    size_t head = head_before(w->area, block_of(w->area, word));
    if (head != COLLECTOR_NONE
        && (address_of(w->area, head) == word || !(group_of(w->area, head)->final & bit_of(head)))) {
        mark_head(w, head);
    }
}

// Most pointers of a stack lead to the first block of a chain that is marked already.
static inline void mark_inside(walk_t *w, uintptr_t word) {
    if (find_area(w, word)) {
        size_t block = (word - w->pool) >> COLLECTOR_BLOCK_SHIFT;
        if (!(w->group[block / GROUP].mark & bit_of(block))) {
            mark_owner(w, word);
        }
    }
}

void collector_mark_inside(collector_t *c, const uintptr_t *words, size_t count) {
    scan(c, words, count, mark_inside);
}
