// SPDX-License-Identifier: MIT
// What the host benchmarks share: time, random numbers, and the table of workloads.
//
// A workload runs for one contestant at a time and returns one figure. main.c repeats all of them in turn, so that a
// ratio is always taken between figures of the same moment; what is made of the figures is the caller's business.

#ifndef TOOLS_BENCH_BENCH_H
#define TOOLS_BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_CONTESTANTS (6)

typedef struct _bench_work_t bench_work_t;

struct _bench_work_t {
    const char *name;
    const char *unit;
    // The figure for one contestant. Ends the program by bench_fail() when a contestant does not do its work.
    double (*run)(const bench_work_t *work, unsigned who);
    const char *contestants[BENCH_CONTESTANTS]; // up to the first NULL
    size_t size;        // what `run` makes of it: frames, bytes
    unsigned percent;
    unsigned repeat;    // times it is run at most; 0: as often as was asked for
};

// The tables of the four files of workloads; each ends with a name of NULL.
extern const bench_work_t bench_frames[];
extern const bench_work_t bench_ranges[];
extern const bench_work_t bench_heap[];
extern const bench_work_t bench_damage[];
extern const bench_work_t bench_paging[];

// Processor time of this thread in nanoseconds.
double bench_now(void);

// Says what went wrong and ends the program with status 2.
_Noreturn void bench_fail(const char *what, const char *who);

// Memory that is aligned to 4 KiB, has been touched, and is never freed.
void *bench_memory(size_t size);

// Keeps a value alive that the compiler would remove.
void bench_use(uint64_t value);

// xorshift64: the sequence is the same for every contestant after bench_reseed().
extern uint64_t bench_random_state;
void bench_reseed(void);

static inline uint64_t bench_random(void) {
    uint64_t x = bench_random_state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return bench_random_state = x;
}

#endif // TOOLS_BENCH_BENCH_H
