// SPDX-License-Identifier: MIT
// The longest free runs of each block, packed: shared by frames*.c only.
//
// Field k (0 to 8) of a block is the length of its longest free run from a frame number divisible by 2^k on, which may
// go on over the beginning of the next block; 0 if that is less than 2^k or less than 2. Blocks free as a whole have
// none: an index lists them. Five fields of 12 bits to a word; the highest bit of each is spare, for comparisons.

#ifndef MODULES_MEMORY_CORE_FRAMES_FRAMES_RUNS_H
#define MODULES_MEMORY_CORE_FRAMES_FRAMES_RUNS_H

#include "frames_private.h"

#define RUNS_PER_WORD (5)
#define RUNS_BITS (12)
#define RUNS_MAX (0x7ff)
#define RUNS_SPARE UINT64_C(0x0800800800800800)
#define RUNS_USED_LOW UINT64_C(0x07ff7ff7ff7ff7ff)
#define RUNS_USED_HIGH UINT64_C(0x00007ff7ff7ff7ff)

// One in each field, and 2^k, of fields 0 to 4 and of fields 5 to 8.
#define RUNS_ONES_LOW UINT64_C(0x001001001001001)
#define RUNS_ONES_HIGH UINT64_C(0x001001001001)
#define RUNS_SIZES_LOW UINT64_C(0x010008004002001)
#define RUNS_SIZES_HIGH UINT64_C(0x100080040020)

static inline size_t runs_field(const frames_runs_t *runs, unsigned k) {
    return runs->word[k / RUNS_PER_WORD] >> (k % RUNS_PER_WORD * RUNS_BITS) & RUNS_MAX;
}

static inline void runs_set_field(frames_runs_t *runs, unsigned k, size_t run) {
    unsigned shift = k % RUNS_PER_WORD * RUNS_BITS;
    uint64_t *word = &runs->word[k / RUNS_PER_WORD];
    *word = (*word & ~((uint64_t)RUNS_MAX << shift)) | (uint64_t)run << shift;
}

static inline bool runs_any(const frames_runs_t *runs) {
    return (runs->word[0] | runs->word[1]) != 0;
}

// The spare bits of the fields in which a >= b.
static inline uint64_t runs_not_less(uint64_t a, uint64_t b) {
    return ((a | RUNS_SPARE) - b) & RUNS_SPARE;
}

// The larger of each field.
static inline uint64_t runs_larger(uint64_t a, uint64_t b) {
    uint64_t from_a = runs_not_less(a, b);
    from_a -= from_a >> (RUNS_BITS - 1);
    return (a & from_a) | (b & ~from_a);
}

// All fields of a word at once: how long the run [start, end), in frames of a block, is from the first number divisible
// by 2^k on that lies in the block, 0 where that is too short.
static inline uint64_t runs_of_one(uint64_t start, uint64_t end, uint64_t ones, uint64_t sizes) {
    uint64_t low = sizes - ones;
    uint64_t from = (start * ones + low) & ~low;
    uint64_t length = (end * ones | RUNS_SPARE) - from;
    uint64_t fits = length & ~((from & ones * FRAMES_PER_BLOCK) << 2);
    length &= ~RUNS_SPARE;
    fits &= runs_not_less(length, sizes + (sizes & 1));
    fits &= RUNS_SPARE;
    return length & (fits - (fits >> (RUNS_BITS - 1)));
}

// Enters the run [start, end), in frames of a block.
static inline void runs_add(frames_runs_t *runs, size_t start, size_t end) {
    runs->word[0] = runs_larger(runs->word[0], runs_of_one(start, end, RUNS_ONES_LOW, RUNS_SIZES_LOW));
    if (end - start >= (size_t)1 << RUNS_PER_WORD) {
        runs->word[1] = runs_larger(runs->word[1], runs_of_one(start, end, RUNS_ONES_HIGH, RUNS_SIZES_HIGH));
    }
}

#endif // MODULES_MEMORY_CORE_FRAMES_FRAMES_RUNS_H
