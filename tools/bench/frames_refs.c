// SPDX-License-Identifier: MIT
// Frame allocators to compare with: as simple as they can be, and as fast as we know to write them.

#include <stdlib.h>
#include <string.h>

#include "frames_subject.h"

static void *resize(void *memory, size_t size) {
    memory = realloc(memory, size);
    if (memory == NULL) {
        bench_fail("out of memory", "reference");
    }
    return memory;
}

// ---- a stack -------------------------------------------------------------------------------------------------------

static uint32_t *stack;
static size_t stack_top;

static void lifo_init(size_t n) {
    stack = resize(stack, n * sizeof(*stack));
    for (stack_top = 0; stack_top < n; ++stack_top) {
        stack[stack_top] = (uint32_t)(n - 1 - stack_top);
    }
}

static size_t lifo_alloc(unsigned order) {
    (void)order;
    return stack_top != 0 ? stack[--stack_top] : FRAMES_NONE;
}

static bool lifo_free(size_t frame, unsigned order) {
    (void)order;
    stack[stack_top++] = (uint32_t)frame;
    return true;
}

const frames_subject_t frames_lifo = { "lifo", lifo_init, lifo_alloc, lifo_free };

// ---- a bitmap searched from its start ------------------------------------------------------------------------------

static uint64_t *bits;
static size_t bits_words;

static void scan_init(size_t n) {
    bits_words = n / 64;
    bits = resize(bits, bits_words * sizeof(*bits));
    memset(bits, 0xff, bits_words * sizeof(*bits));
}

static size_t scan_alloc(unsigned order) {
    (void)order;
    for (size_t i = 0; i < bits_words; ++i) {
        if (bits[i] != 0) {
            size_t bit = (size_t)__builtin_ctzll(bits[i]);
            bits[i] &= bits[i] - 1;
            return i * 64 + bit;
        }
    }
    return FRAMES_NONE;
}

static bool scan_free(size_t frame, unsigned order) {
    (void)order;
    uint64_t bit = (uint64_t)1 << (frame % 64);
    bool used = (bits[frame / 64] & bit) == 0;
    bits[frame / 64] |= bit;
    return used;
}

const frames_subject_t frames_scan = { "scan", scan_init, scan_alloc, scan_free };

// ---- classic buddy -------------------------------------------------------------------------------------------------

#define BUDDY_ORDERS (11)
#define BUDDY_NIL (UINT32_MAX)
#define BUDDY_USED (0x80) // with the order of the allocation, in the record of its first frame
#define BUDDY_INSIDE (0xff)

// A frame's record: the order of the free piece that starts there, or what of it is in use; its neighbours in the list.
// The orders are apart from the links: looking at a buddy touches one byte.
typedef struct _buddy_links_t {
    uint32_t prev, next;
} buddy_links_t;

static uint8_t *buddy_order;
static buddy_links_t *buddy_links;
static uint32_t buddy_heads[BUDDY_ORDERS];
static size_t buddy_frames;

static inline void buddy_push(uint32_t frame, unsigned order) {
    uint32_t next = buddy_heads[order];
    buddy_order[frame] = (uint8_t)order;
    buddy_links[frame] = (buddy_links_t) { BUDDY_NIL, next };
    if (next != BUDDY_NIL) {
        buddy_links[next].prev = frame;
    }
    buddy_heads[order] = frame;
}

static inline void buddy_unlink(uint32_t frame, unsigned order) {
    buddy_links_t links = buddy_links[frame];
    if (links.prev != BUDDY_NIL) {
        buddy_links[links.prev].next = links.next;
    } else {
        buddy_heads[order] = links.next;
    }
    if (links.next != BUDDY_NIL) {
        buddy_links[links.next].prev = links.prev;
    }
}

static void buddy_init(size_t n) {
    buddy_frames = n;
    buddy_order = resize(buddy_order, n);
    buddy_links = resize(buddy_links, n * sizeof(*buddy_links));
    memset(buddy_order, BUDDY_INSIDE, n);
    memset(buddy_links, 0, n * sizeof(*buddy_links));
    for (unsigned order = 0; order < BUDDY_ORDERS; ++order) {
        buddy_heads[order] = BUDDY_NIL;
    }
    size_t largest = (size_t)1 << (BUDDY_ORDERS - 1);
    for (size_t frame = n; frame > 0; frame -= largest) {
        buddy_push((uint32_t)(frame - largest), BUDDY_ORDERS - 1);
    }
}

static size_t buddy_alloc(unsigned order) {
    unsigned found = order;
    while (buddy_heads[found] == BUDDY_NIL) {
        if (++found == BUDDY_ORDERS) {
            return FRAMES_NONE;
        }
    }
    uint32_t frame = buddy_heads[found];
    uint32_t next = buddy_links[frame].next;
    buddy_heads[found] = next;
    if (next != BUDDY_NIL) {
        buddy_links[next].prev = BUDDY_NIL;
    }
    while (found > order) {
        --found;
        buddy_push(frame + ((uint32_t)1 << found), found);
    }
    buddy_order[frame] = (uint8_t)(BUDDY_USED | order);
    return frame;
}

static bool buddy_free(size_t first, unsigned order) {
    uint32_t frame = (uint32_t)first;
    if (buddy_order[frame] != (BUDDY_USED | order)) {
        return false;
    }
    while (order < BUDDY_ORDERS - 1) {
        uint32_t buddy = frame ^ (uint32_t)1 << order;
        if (buddy_order[buddy] != order) {
            break;
        }
        buddy_unlink(buddy, order);
        buddy_order[frame | (uint32_t)1 << order] = BUDDY_INSIDE;
        frame &= ~((uint32_t)1 << order);
        ++order;
    }
    buddy_push(frame, order);
    return true;
}

const frames_subject_t frames_buddy = { "buddy", buddy_init, buddy_alloc, buddy_free };
