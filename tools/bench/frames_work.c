// SPDX-License-Identifier: MIT
// Workloads on single frames: F0, F1, F2 and F4.

#include <stdlib.h>

#include "frames_subject.h"

#define GIB ((size_t)1 << 18) // frames
#define MIB ((size_t)1 << 8)
#define CHURN_STEPS (1000000)
// The linear scan takes microseconds a frame: enough to see that.
#define SCAN_STEPS (5000)

static const frames_subject_t *const subjects[] = { &frames_lifo, &frames_buddy, &frames_ours, &frames_scan };

static uint32_t *live; // frames in use, in any order

static void alloc_all(const frames_subject_t *s, size_t n) {
    for (size_t i = 0; i < n; ++i) {
        live[i] = (uint32_t)s->alloc(0);
    }
}

static void set_up(const frames_subject_t *s, size_t n) {
    if (live == NULL) {
        live = bench_memory(8 * GIB * sizeof(*live));
    }
    s->init(n);
}

static void shuffle(size_t n) {
    for (size_t i = n - 1; i > 0; --i) {
        size_t j = bench_random() % (i + 1);
        uint32_t frame = live[i];
        live[i] = live[j];
        live[j] = frame;
    }
}

static void free_some(const frames_subject_t *s, size_t from, size_t to) {
    for (size_t i = from; i < to; ++i) {
        if (!s->free(live[i], 0)) {
            bench_fail("a frame in use cannot be freed", s->name);
        }
    }
}

// Every frame is there exactly once, and there is none beyond.
static void check_all(const frames_subject_t *s, size_t n) {
    uint8_t *seen = calloc(n, 1);
    for (size_t i = 0; seen != NULL && i < n; ++i) {
        if (live[i] >= n || seen[live[i]]++) {
            bench_fail("a frame is missing or comes twice", s->name);
        }
    }
    free(seen);
    if (s->alloc(0) != FRAMES_NONE) {
        bench_fail("a frame beyond the last", s->name);
    }
}

static double run_alloc_all(const bench_work_t *work, unsigned who) {
    const frames_subject_t *s = subjects[who];
    set_up(s, work->size);
    double start = bench_now();
    alloc_all(s, work->size);
    double end = bench_now();
    check_all(s, work->size);
    return (end - start) / (double)work->size;
}

static double run_free_all(const bench_work_t *work, unsigned who) {
    const frames_subject_t *s = subjects[who];
    set_up(s, work->size);
    alloc_all(s, work->size);
    shuffle(work->size);
    double start = bench_now();
    free_some(s, 0, work->size);
    return (bench_now() - start) / (double)work->size;
}

// Takes all, frees random ones down to work->percent, then allocates or frees as a coin falls.
static double run_churn(const bench_work_t *work, unsigned who) {
    const frames_subject_t *s = subjects[who];
    size_t steps = s == &frames_scan ? SCAN_STEPS : CHURN_STEPS;
    size_t n_live = work->size / 100 * work->percent;
    set_up(s, work->size);
    alloc_all(s, work->size);
    shuffle(work->size);
    free_some(s, n_live, work->size);
    double start = bench_now();
    for (size_t i = 0; i < steps; ++i) {
        uint64_t random = bench_random();
        if ((random >> 40 & 1) && n_live < work->size) {
            live[n_live++] = (uint32_t)s->alloc(0);
        } else {
            size_t victim = (size_t)((random & UINT32_MAX) * n_live >> 32);
            s->free(live[victim], 0);
            live[victim] = live[--n_live];
        }
    }
    return (bench_now() - start) / (double)steps;
}

#define ALL { "lifo", "buddy", "ours", "scan" }
#define FAST { "lifo", "buddy", "ours" }

const bench_work_t bench_frames[] = {
    { "frames.alloc-all.128m", "ns", run_alloc_all, ALL, 128 * MIB, 0, 5 },
    { "frames.free-all.128m", "ns", run_free_all, ALL, 128 * MIB, 0, 5 },
    { "frames.alloc-all.1g", "ns", run_alloc_all, FAST, GIB, 0, 0 },
    { "frames.free-all.1g", "ns", run_free_all, FAST, GIB, 0, 0 },
    { "frames.random-50.1g", "ns", run_churn, ALL, GIB, 50, 0 },
    { "frames.random-95.1g", "ns", run_churn, FAST, GIB, 95, 0 },
    { "frames.random-50.8g", "ns", run_churn, FAST, 8 * GIB, 50, 7 },
    { "frames.random-95.8g", "ns", run_churn, FAST, 8 * GIB, 95, 5 },
    { NULL },
};
