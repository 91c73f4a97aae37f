// SPDX-License-Identifier: MIT
// What our heap notices: the six classic mistakes, and every single flipped bit of its own records. How long a refusal
// takes.

#include <stdlib.h>
#include <string.h>

#include "heap_subject.h"

#define SIZE ((size_t)200)
#define BLOCKS (300)
#define HEADER (8) // bytes before a payload
#define LINKS (8)  // bytes at the start of a free one
#define FOOTER (4) // bytes at its end
#define REFUSALS (1000)

static heap_t *const heap = &heap_ours_context;

// Three blocks side by side, and one more so that the third has a neighbour.
static uint8_t *p[4];

static void set_up(void) {
    heap_ours.init();
    for (size_t i = 0; i < 4; ++i) {
        p[i] = heap_ours.alloc(SIZE);
        if (p[i] == NULL) {
            bench_fail("no room for four blocks", "ours");
        }
    }
}

static bool is_refused(void *block) {
    return heap_free(heap, block, NULL) != MEM_OK;
}

static bool finds_double_free(void) {
    heap_ours.free(p[1], SIZE);
    return is_refused(p[1]);
}

static bool finds_double_free_of_merged(void) {
    heap_ours.free(p[0], SIZE);
    heap_ours.free(p[1], SIZE);
    return is_refused(p[1]);
}

static bool finds_interior_pointer(void) {
    return is_refused(p[1] + 16);
}

static bool finds_foreign_pointer(void) {
    static _Alignas(16) uint8_t foreign[64];
    return is_refused(foreign + 16);
}

static bool finds_overflow(void) {
    size_t usable = heap_usable_size(heap, p[1]);
    memset(p[1] + usable, 0x41, 16);
    return is_refused(p[2]) && heap_check(heap, NULL) != 0;
}

static bool finds_write_after_free(void) {
    heap_ours.free(p[1], SIZE);
    memset(p[1], 0x41, 16);
    return heap_check(heap, NULL) != 0;
}

typedef bool (*case_t)(void);

static double run_faults(const bench_work_t *work, unsigned who) {
    static const case_t cases[] = {
        finds_double_free, finds_double_free_of_merged, finds_interior_pointer, finds_foreign_pointer,
        finds_overflow, finds_write_after_free,
    };
    unsigned found = 0;
    (void)work;
    (void)who;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); ++i) {
        set_up();
        found += cases[i]();
    }
    return found;
}

typedef struct _flips_t {
    size_t tried;
    size_t found;
} flips_t;

// Flips each bit of [at, at + size) in turn and puts it back.
static void flip_all(flips_t *flips, uint8_t *at, size_t size) {
    for (size_t bit = 0; bit < size * 8; ++bit) {
        at[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        flips->tried++;
        flips->found += heap_check(heap, NULL) != 0;
        at[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
}

// Per cent of the flipped bits that heap_check() finds, in the headers, links and footers of a heap in use.
static double run_flips(const bench_work_t *work, unsigned who) {
    flips_t flips = { 0, 0 };
    void *blocks[BLOCKS];
    (void)work;
    (void)who;
    heap_ours.init();
    for (size_t i = 0; i < BLOCKS; ++i) {
        blocks[i] = heap_ours.alloc(16 + bench_random() % 497);
    }
    for (size_t i = 0; i < BLOCKS; i += 1 + bench_random() % 3) {
        heap_ours.free(blocks[i], 0);
    }
    heap_block_t block = { 0 };
    while (heap_next(heap, &block)) {
        uint8_t *payload = (uint8_t *)(uintptr_t)block.address;
        flip_all(&flips, payload - HEADER, HEADER);
        if (!block.used) {
            flip_all(&flips, payload, LINKS);
            flip_all(&flips, payload + block.size - FOOTER, FOOTER);
        }
    }
    return (double)flips.found * 100 / (double)flips.tried;
}

// Nanoseconds of the refused free of a pointer into the middle of the last block: it has a quarter of a heap of
// work->size bytes, and the blocks before it are small.
static double run_refused(const bench_work_t *work, unsigned who) {
    static heap_t large;
    (void)who;
    void *memory = aligned_alloc(4096, work->size);
    if (memory == NULL || heap_init(&large, memory, work->size, 1) != MEM_OK) {
        bench_fail("no heap to refuse a pointer", "ours");
    }
    heap_stats_t stats = { 0 };
    while (stats.used < work->size / 4) {
        heap_alloc(&large, 40, 0, NULL);
        heap_stats(&large, &stats);
    }
    uint8_t *block = heap_alloc(&large, work->size / 4, 0, NULL);
    double start = bench_now();
    for (unsigned i = 0; i < REFUSALS; ++i) {
        if (heap_free(&large, block + work->size / 8, NULL) == MEM_OK) {
            bench_fail("a pointer into a block is freed", "ours");
        }
    }
    double time = bench_now() - start;
    free(memory);
    return time / REFUSALS;
}

const bench_work_t bench_damage[] = {
    { "heap.faults", "of 6", run_faults, { "ours" }, 0, 0, 1 },
    { "heap.flips", "%", run_flips, { "ours" }, 0, 0, 1 },
    { "heap.refused.1m", "ns", run_refused, { "ours" }, 1 << 20, 0, 0 },
    { "heap.refused.64m", "ns", run_refused, { "ours" }, 64 << 20, 0, 0 },
    { NULL },
};
