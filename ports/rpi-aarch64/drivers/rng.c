// SPDX-License-Identifier: MIT
// The common part of both generators; see rng.h.

#include <string.h>

#include "bcm2835_rng.h"
#include "rng.h"
#include "rng200.h"

void rng_start(rng_t *rng, uintptr_t base, bool is_rng200) {
    *rng = (rng_t) {.base = base, .is_rng200 = is_rng200};
    if (is_rng200) {
        rng200_start(base);
    } else {
        bcm2835_rng_start(base);
    }
}

static rng_result_t take_word(rng_t *rng, uint32_t *word) {
    return rng->is_rng200 ? rng200_take(rng->base, &rng->restarted, word) : bcm2835_rng_take(rng->base, word);
}

// A source that is stuck repeats the same word. One repetition per 2^32 words is expected by chance, so a third equal
// word decides.
static rng_result_t take_tested_word(rng_t *rng, uint32_t *word) {
    rng_result_t result = take_word(rng, word);
    if (result == RNG_OK && rng->any && *word == rng->last) {
        result = take_word(rng, word);
        if (result == RNG_OK && *word == rng->last) {
            return RNG_REPEATS;
        }
    }
    if (result == RNG_OK) {
        rng->last = *word;
        rng->any = true;
    }
    return result;
}

rng_result_t rng_read(rng_t *rng, uint8_t *bytes, size_t size) {
    rng->restarted = false;
    while (size != 0) {
        uint32_t word;
        rng_result_t result = take_tested_word(rng, &word);
        if (result != RNG_OK) {
            return result;
        }
        size_t part = size < sizeof(word) ? size : sizeof(word);
        memcpy(bytes, &word, part);
        bytes += part;
        size -= part;
    }
    return RNG_OK;
}
