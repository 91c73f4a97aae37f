// SPDX-License-Identifier: MIT
// Workloads on ranges of frames: F3 and F5, and what the metadata takes.

#include <stdlib.h>

#include "frames_subject.h"

#define GIB ((size_t)1 << 18) // frames
#define BLOCK ((size_t)512)
#define BLOCK_ORDER (9)
#define CHURN_STEPS (4000000)
#define PAIRS (50000)
#define MIXED_STEPS (1000000)

static const frames_subject_t *const subjects[] = { &frames_buddy, &frames_ours };

static uint32_t *live;
static uint8_t *orders; // of the pieces in `live`

static void set_up(const frames_subject_t *s, size_t n) {
    if (live == NULL) {
        live = bench_memory(GIB * sizeof(*live));
        orders = bench_memory(GIB);
    }
    s->init(n);
}

static void alloc_all(const frames_subject_t *s, size_t n) {
    for (size_t i = 0; i < n; ++i) {
        live[i] = (uint32_t)s->alloc(0);
    }
}

// Removes one of n pieces at random and frees it.
static void free_random(const frames_subject_t *s, size_t n) {
    size_t victim = (size_t)((bench_random() & UINT32_MAX) * n >> 32);
    s->free(live[victim], orders[victim]);
    live[victim] = live[n - 1];
    orders[victim] = orders[n - 1];
}

// Takes all, frees random ones until half is left, and goes on freeing and allocating single frames.
static void churn_to_half(const frames_subject_t *s, size_t n) {
    size_t n_live = n;
    set_up(s, n);
    alloc_all(s, n);
    for (size_t i = 0; i < n; ++i) {
        orders[i] = 0;
    }
    while (n_live > n / 2) {
        free_random(s, n_live--);
    }
    for (size_t i = 0; i < CHURN_STEPS; ++i) {
        if (n_live > n / 2) {
            free_random(s, n_live--);
        } else {
            live[n_live++] = (uint32_t)s->alloc(0);
        }
    }
    while (n_live > n / 2) {
        free_random(s, n_live--);
    }
}

// F3b: how many 2 MiB ranges half of the memory gives after long use.
static double run_recovered(const bench_work_t *work, unsigned who) {
    churn_to_half(subjects[who], work->size);
    size_t n = 0;
    while (subjects[who]->alloc(BLOCK_ORDER) != FRAMES_NONE) {
        ++n;
    }
    return (double)n;
}

// F3a: a 2 MiB range until there is none, then a refusal.
static double run_drain(const bench_work_t *work, unsigned who) {
    const frames_subject_t *s = subjects[who];
    size_t n = work->size / BLOCK;
    set_up(s, work->size);
    double start = bench_now();
    for (size_t i = 0; i < n; ++i) {
        live[i] = (uint32_t)s->alloc(BLOCK_ORDER);
    }
    for (size_t i = 0; i < n; ++i) {
        s->free(live[i], BLOCK_ORDER);
    }
    return (bench_now() - start) / (double)n;
}

// F3c: every block but one (or every one) holds one frame in use.
static void pin_blocks(const frames_subject_t *s, size_t n, bool all) {
    size_t spared = all ? SIZE_MAX : n - BLOCK;
    set_up(s, n);
    alloc_all(s, n);
    for (size_t i = 0; i < n; ++i) {
        if (live[i] % BLOCK != 0 || live[i] == spared) {
            s->free(live[i], 0);
        }
    }
}

static double run_pinned(const bench_work_t *work, unsigned who) {
    const frames_subject_t *s = subjects[who];
    pin_blocks(s, work->size, false);
    double start = bench_now();
    for (size_t i = 0; i < PAIRS; ++i) {
        size_t frame = s->alloc(BLOCK_ORDER);
        if (frame == FRAMES_NONE || !s->free(frame, BLOCK_ORDER)) {
            bench_fail("the free 2 MiB range is not found or cannot be freed", s->name);
        }
    }
    return (bench_now() - start) / PAIRS;
}

static double run_refused(const bench_work_t *work, unsigned who) {
    const frames_subject_t *s = subjects[who];
    pin_blocks(s, work->size, true);
    double start = bench_now();
    for (size_t i = 0; i < PAIRS; ++i) {
        if (s->alloc(BLOCK_ORDER) != FRAMES_NONE) {
            bench_fail("a 2 MiB range with a frame in use", s->name);
        }
    }
    return (bench_now() - start) / PAIRS;
}

// What one frame costs in the same memory: allocated and freed.
static double run_single(const bench_work_t *work, unsigned who) {
    const frames_subject_t *s = subjects[who];
    pin_blocks(s, work->size, false);
    double start = bench_now();
    for (size_t i = 0; i < PAIRS; ++i) {
        size_t frame = s->alloc(0);
        if (frame == FRAMES_NONE || !s->free(frame, 0)) {
            bench_fail("a free frame is not found or cannot be freed", s->name);
        }
    }
    return (bench_now() - start) / PAIRS;
}

// F5: orders 0 to 4 at random, about half of the memory in use.
static void mixed_steps(const frames_subject_t *s, size_t half, size_t *n_live, size_t *used) {
    for (size_t step = 0; step < MIXED_STEPS; ++step) {
        uint64_t random = bench_random();
        if (*used < half) {
            unsigned order = (unsigned)((random >> 40) % 5);
            size_t frame = s->alloc(order);
            if (frame == FRAMES_NONE) {
                bench_fail("half of the memory is free, but no piece of 16 frames", s->name);
            }
            live[*n_live] = (uint32_t)frame;
            orders[(*n_live)++] = (uint8_t)order;
            *used += (size_t)1 << order;
        } else {
            size_t victim = (size_t)((random & UINT32_MAX) * *n_live >> 32);
            *used -= (size_t)1 << orders[victim];
            s->free(live[victim], orders[victim]);
            live[victim] = live[--*n_live];
            orders[victim] = orders[*n_live];
        }
    }
}

static double run_mixed(const bench_work_t *work, unsigned who) {
    size_t n_live = 0;
    size_t used = 0;
    set_up(subjects[who], work->size);
    // The first round fills the memory and stirs it.
    mixed_steps(subjects[who], work->size / 2, &n_live, &used);
    double start = bench_now();
    mixed_steps(subjects[who], work->size / 2, &n_live, &used);
    return (bench_now() - start) / MIXED_STEPS;
}

// How many 2 MiB ranges the other half gives after that.
static double run_mixed_recovered(const bench_work_t *work, unsigned who) {
    size_t n = 0;
    (void)run_mixed(work, who);
    while (subjects[who]->alloc(BLOCK_ORDER) != FRAMES_NONE) {
        ++n;
    }
    return (double)n;
}

static double run_metadata(const bench_work_t *work, unsigned who) {
    (void)who;
    return frames_ours_metadata(work->size);
}

#define BOTH { "buddy", "ours" }

const bench_work_t bench_ranges[] = {
    { "ranges.recovered", "ranges", run_recovered, BOTH, GIB, 0, 2 },
    { "ranges.drain", "ns", run_drain, BOTH, GIB, 0, 0 },
    { "ranges.pinned", "ns", run_pinned, BOTH, GIB, 0, 0 },
    { "ranges.refused", "ns", run_refused, BOTH, GIB, 0, 0 },
    { "ranges.single", "ns", run_single, BOTH, GIB, 0, 0 },
    { "ranges.mixed", "ns", run_mixed, BOTH, GIB, 0, 0 },
    { "ranges.mixed.recovered", "ranges", run_mixed_recovered, BOTH, GIB, 0, 2 },
    { "ranges.metadata.1g", "bits", run_metadata, { "ours" }, GIB, 0, 1 },
    { "ranges.metadata.8g", "bits", run_metadata, { "ours" }, 8 * GIB, 0, 1 },
    { NULL },
};
