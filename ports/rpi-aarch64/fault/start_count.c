// SPDX-License-Identifier: MIT
// Counts starts in RAM that no start clears; see start_count.h.

#include <stdint.h>

#include "core/arch.h"
#include "drivers/timer.h"
#include "start_count.h"

#define LONG_RUN_US (60000000)
// In the upper half of the word: what RAM holds at power-on is not taken for a count.
#define MARK ((uint64_t)0x73746172 << 32)
#define COUNT_MASK (0xffff)

static uint64_t kept __attribute__((section(".noinit.starts"), aligned(64)));
static uint64_t began;

// One place for tests/hwcheck/plants.toml.
static void __attribute__((noinline)) keep_count(unsigned count) {
    kept = MARK | count;
    arch_clean_inval_poc((uintptr_t)&kept, sizeof(kept)); // a reset empties the caches
}

unsigned start_count_get(void) {
    return (kept & ~(uint64_t)COUNT_MASK) == MARK ? kept & COUNT_MASK : 0;
}

void start_count_add(void) {
    began = timer_ticks();
    keep_count(start_count_get() + 1);
}

void start_count_clear(void) {
    if (start_count_get() != 0) {
        keep_count(0);
    }
}

void start_count_end(void) {
    if (timer_ticks() - began >= timer_us_to_ticks(LONG_RUN_US)) {
        start_count_clear();
    }
}
