// SPDX-License-Identifier: MIT
// host_bench SEED REPEAT [PREFIX]: one line of JSON for each figure. Workloads whose names do not begin with PREFIX are
// left out. Status 1: bad usage. 2: a contestant failed to do its work.

#define _GNU_SOURCE

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "bench.h"

// A time during which others had the processor says more about their use of the caches: it is taken again, so often.
#define TRIES (3)

uint64_t bench_random_state;
static uint64_t seed;
static volatile uint64_t sink;

void bench_reseed(void) {
    // Never 0, which xorshift cannot leave.
    bench_random_state = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
}

double bench_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

void bench_fail(const char *what, const char *who) {
    fprintf(stderr, "host_bench: %s: %s\n", who, what);
    exit(2);
}

void *bench_memory(size_t size) {
    void *memory = aligned_alloc(4096, (size + 4095) & ~(size_t)4095);
    if (memory == NULL) {
        bench_fail("out of memory", "host");
    }
    return memset(memory, 0xa5, size);
}

void bench_use(uint64_t value) {
    sink = value;
}

// How often this thread had to give the processor up.
static long interruptions(void) {
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nivcsw;
}

// The figure of the first try without an interruption, else of the one with the fewest. All do the very same work.
static double measure(const bench_work_t *work, unsigned who) {
    double value = 0;
    long fewest = 0;
    for (unsigned i = 0; i < TRIES && (i == 0 || fewest != 0); ++i) {
        bench_reseed();
        long before = interruptions();
        double found = work->run(work, who);
        long count = interruptions() - before;
        if (i == 0 || count < fewest) {
            value = found;
            fewest = count;
        }
    }
    return value;
}

static void run_once(const bench_work_t *work) {
    for (unsigned who = 0; who < BENCH_CONTESTANTS && work->contestants[who] != NULL; ++who) {
        double value = measure(work, who);
        printf("{\"work\": \"%s\", \"who\": \"%s\", \"unit\": \"%s\", \"value\": %.3f}\n",
            work->name, work->contestants[who], work->unit, value);
        fflush(stdout);
    }
}

int main(int argc, char **argv) {
    static const bench_work_t *const tables[] = {
        bench_frames, bench_ranges, bench_heap, bench_damage, bench_paging,
    };
    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: host_bench SEED REPEAT [PREFIX]\n");
        return 1;
    }
    seed = strtoull(argv[1], NULL, 0);
    unsigned repeat = (unsigned)strtoul(argv[2], NULL, 0);
    const char *prefix = argc > 3 ? argv[3] : "";
    for (unsigned i = 0; i < repeat; ++i) {
        for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); ++t) {
            for (const bench_work_t *work = tables[t]; work->name != NULL; ++work) {
                bool due = work->repeat == 0 || i < work->repeat;
                if (due && strncmp(work->name, prefix, strlen(prefix)) == 0) {
                    run_once(work);
                }
            }
        }
    }
    return 0;
}
