// SPDX-License-Identifier: MIT
// Arithmetic on words of which each bit stands for a frame. Independent of the allocator.

#ifndef MODULES_MEMORY_CORE_FRAMES_FRAMES_BITS_H
#define MODULES_MEMORY_CORE_FRAMES_FRAMES_BITS_H

#include "core/mem_types.h"

#define ALL_FREE (UINT64_MAX)
#define WORD_FRAMES (64)

static inline unsigned lowest_bit(uint64_t word) {
    return (unsigned)__builtin_ctzll(word);
}

static inline unsigned highest_bit(uint64_t word) {
    return 63 - (unsigned)__builtin_clzll(word);
}

static inline bool is_power_of_two(size_t n) {
    return n != 0 && (n & (n - 1)) == 0;
}

static inline size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

// `n` ones (1 to 64) from bit `low` up.
static inline uint64_t ones(unsigned low, unsigned n) {
    return ALL_FREE >> (64 - n) << low;
}

// The bits of `word` at which `count` (1 to 64) ones start within the word.
static inline uint64_t starts_of_runs(uint64_t word, size_t count) {
    for (size_t have = 1; have < count && word != 0;) {
        size_t step = smaller(have, count - have);
        word &= word >> step;
        have += step;
    }
    return word;
}

// Every 2^order-th bit, order 0 to 5.
static inline uint64_t every(unsigned order) {
    static const uint64_t bits[6] = {
        UINT64_C(0xffffffffffffffff), UINT64_C(0x5555555555555555), UINT64_C(0x1111111111111111),
        UINT64_C(0x0101010101010101), UINT64_C(0x0001000100010001), UINT64_C(0x0000000100000001),
    };
    return bits[order];
}

// Given the starts of aligned free chunks of 2^(order - 1), those of 2^order.
static inline uint64_t merge_chunks(uint64_t chunks, unsigned order) {
    return chunks & chunks >> (1u << (order - 1)) & every(order);
}

// The last frame of each aligned free chunk of 2^order in `word`, order 0 to 5. One addition does it: in a chunk all of
// whose frames but the last are free, it carries up to the last. Branch-free: the order of successive requests is
// unpredictable.
static inline uint64_t ends_of_chunks(uint64_t word, unsigned order) {
    uint64_t firsts = every(order);
    uint64_t lasts = firsts << ((1u << order) - 1);
    return ((word & ~lasts) + firsts) & word & lasts;
}

// The order of the largest aligned free chunk of `word` around frame `bit`, which is free. Of all frames in use, one of
// the two nearest shares the most leading bits of its number with `bit`: the first bit that differs is the order.
static inline unsigned order_around(uint64_t word, unsigned bit) {
    uint64_t used = ~word;
    uint64_t above = used & ALL_FREE << bit;
    uint64_t below = used & ~(ALL_FREE << bit);
    unsigned next = (above != 0 ? lowest_bit(above) : WORD_FRAMES) ^ bit;
    unsigned previous = (highest_bit(below | 1) ^ bit) | (unsigned)(below == 0) << 6;
    return highest_bit(next < previous ? next : previous);
}

#endif // MODULES_MEMORY_CORE_FRAMES_FRAMES_BITS_H
