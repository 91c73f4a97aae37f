// SPDX-License-Identifier: MIT
// Workloads on heaps of 1 MiB: H1, H2 and H3.

#include <stdlib.h>
#include <string.h>

#include "heap_subject.h"

#define SLOTS (65536)
#define RANDOM_BLOCKS (1900) // of 264 bytes on the average: half of the heap
#define RANDOM_SWING (50)
#define RANDOM_STEPS (300000)
#define HOLES (6000)
#define PAIRS (100000)
#define GROWTH_ROUNDS (20)
#define FULL_ROUNDS (40)

static const heap_subject_t *const subjects[] = { &heap_classes, &heap_glibc, &heap_ours };
static const heap_subject_t *const bounded[] = { &heap_classes, &heap_ours };

static struct {
    void *p;
    size_t size;
} blocks[SLOTS];

static size_t random_size(uint64_t random) {
    return 16 + (size_t)((random & UINT32_MAX) * 497 >> 32); // 16 to 512
}

// A block is written at both ends and read again before it goes: that is what blocks are for, and those that overlap
// show.
static void mark(size_t n) {
    uint8_t *p = blocks[n].p;
    memcpy(p, &p, sizeof(p));
    memcpy(p + blocks[n].size - sizeof(p), &p, sizeof(p));
}

static bool is_marked(size_t n) {
    const uint8_t *p = blocks[n].p;
    return memcmp(p, &p, sizeof(p)) == 0 && memcmp(p + blocks[n].size - sizeof(p), &p, sizeof(p)) == 0;
}

static bool add(const heap_subject_t *s, size_t n, size_t size) {
    blocks[n].p = s->alloc(size);
    blocks[n].size = size;
    if (blocks[n].p == NULL) {
        return false;
    }
    mark(n);
    return true;
}

static void drop(const heap_subject_t *s, size_t victim, size_t n) {
    if (!is_marked(victim)) {
        bench_fail("a block in use was written over", s->name);
    }
    s->free(blocks[victim].p, blocks[victim].size);
    blocks[victim] = blocks[n - 1];
}

static void must(bool good, const heap_subject_t *s) {
    if (!good) {
        bench_fail("refuses what it has room for", s->name);
    }
}

static void drop_all(const heap_subject_t *s, size_t n) {
    while (n > 0) {
        drop(s, n - 1, n);
        --n;
    }
}

// H1: allocates or frees as a coin falls, around half of the heap.
static double run_random(const bench_work_t *work, unsigned who) {
    const heap_subject_t *s = subjects[who];
    size_t n = 0;
    (void)work;
    s->init();
    while (n < RANDOM_BLOCKS) {
        must(add(s, n++, random_size(bench_random())), s);
    }
    double start = bench_now();
    for (size_t i = 0; i < RANDOM_STEPS; ++i) {
        uint64_t random = bench_random();
        bool more = random >> 40 & 1 ? n < RANDOM_BLOCKS + RANDOM_SWING : n < RANDOM_BLOCKS - RANDOM_SWING;
        if (more) {
            must(add(s, n++, random_size(random)), s);
        } else {
            drop(s, (size_t)((random & UINT32_MAX) * n >> 32), n);
            --n;
        }
    }
    double end = bench_now();
    drop_all(s, n);
    return (end - start) / RANDOM_STEPS;
}

// H1s (percent = 1: two allocations for each free) and H1t (0: allocations only): requested bytes live at the first
// refusal, in per cent of the heap.
static double fill_up(const bench_work_t *work, const heap_subject_t *s) {
    size_t n = 0;
    size_t bytes = 0;
    s->init();
    for (size_t i = 0;; ++i) {
        uint64_t random = bench_random();
        if (work->percent != 0 && i % 3 == 2) {
            size_t victim = (size_t)((random & UINT32_MAX) * n >> 32);
            bytes -= blocks[victim].size;
            drop(s, victim, n--);
        } else if (n < SLOTS && add(s, n, random_size(random))) {
            bytes += blocks[n++].size;
        } else {
            break;
        }
    }
    drop_all(s, n);
    return (double)bytes * 100 / (double)HEAP_BENCH_SIZE;
}

static double run_full(const bench_work_t *work, unsigned who) {
    double sum = 0;
    for (unsigned round = 0; round < FULL_ROUNDS; ++round) {
        sum += fill_up(work, bounded[who]);
    }
    return sum / FULL_ROUNDS;
}

// H2: vectors double round-robin from 16 bytes to work->size, small blocks between them.
static double run_growth(const bench_work_t *work, unsigned who) {
    const heap_subject_t *s = subjects[who];
    size_t vectors = work->percent; // how many
    size_t steps = 0;
    double time = 0;
    s->init();
    for (unsigned round = 0; round < GROWTH_ROUNDS; ++round) {
        size_t n = 0;
        for (; n < vectors; ++n) {
            must(add(s, n, 16), s);
        }
        double start = bench_now();
        for (size_t size = 32; size <= work->size; size *= 2) {
            for (size_t i = 0; i < vectors; ++i, ++steps) {
                blocks[i].p = s->grow(blocks[i].p, blocks[i].size, size);
                blocks[i].size = size;
                must(blocks[i].p != NULL, s);
                mark(i);
                if (vectors > 1) {
                    must(add(s, n++, 40), s);
                }
            }
        }
        time += bench_now() - start;
        drop_all(s, n);
    }
    return time / (double)steps;
}

// H3: holes of 32 bytes in front; pairs of alloc and free of 64 bytes, or among the holes of free and alloc of 32.
static double run_holes(const bench_work_t *work, unsigned who) {
    const heap_subject_t *s = subjects[who];
    bool among = work->size == 32;
    s->init();
    for (size_t i = 0; i < 2 * HOLES; ++i) {
        must(add(s, i, 32), s);
    }
    for (size_t i = 0; i < HOLES; ++i) {
        s->free(blocks[2 * i].p, 32);
    }
    double start = bench_now();
    for (size_t i = 0; i < PAIRS; ++i) {
        if (among) {
            size_t victim = 2 * (size_t)((bench_random() & UINT32_MAX) * HOLES >> 32) + 1;
            s->free(blocks[victim].p, 32);
            blocks[victim].p = s->alloc(32);
        } else {
            s->free(s->alloc(64), 64);
        }
    }
    double end = bench_now();
    for (size_t i = 0; i < HOLES; ++i) {
        s->free(blocks[2 * i + 1].p, 32);
    }
    return (end - start) / PAIRS;
}

#define ALL { "classes", "glibc", "ours" }

const bench_work_t bench_heap[] = {
    { "heap.random", "ns", run_random, ALL, 0, 0, 0 },
    { "heap.full.mixed", "%", run_full, { "classes", "ours" }, 0, 1, 1 },
    { "heap.full.fill", "%", run_full, { "classes", "ours" }, 0, 0, 1 },
    { "heap.growth.four", "ns", run_growth, ALL, 65536, 4, 0 },
    { "heap.growth.one", "ns", run_growth, ALL, 262144, 1, 0 },
    { "heap.holes.over", "ns", run_holes, ALL, 64, 0, 0 },
    { "heap.holes.among", "ns", run_holes, ALL, 32, 0, 0 },
    { NULL },
};
