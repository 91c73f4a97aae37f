// SPDX-License-Identifier: MIT
// Random numbers from the SoC's generator: that of BCM2837 (bcm2835_rng.h) or BCM2711 (rng200.h). A continuous test
// detects words that repeat.

#ifndef PORTS_RPI_AARCH64_DRIVERS_RNG_H
#define PORTS_RPI_AARCH64_DRIVERS_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The longest wait for a word, about four times as long as the bits that are discarded after the start take.
#define RNG_WAIT_US (1000000)

typedef enum _rng_result_t {
    RNG_OK,
    RNG_TIMEOUT,    // no word in RNG_WAIT_US
    RNG_UNHEALTHY,  // the generator's own tests fail, also after a restart
    RNG_REPEATS,    // three consecutive words are equal
} rng_result_t;

typedef struct _rng_t {
    uintptr_t base;     // 0: this machine has none
    bool is_rng200;
    bool restarted;     // in this rng_read(): RNG200 is restarted at most once
    bool any;           // `last` is valid
    uint32_t last;
} rng_t;

// Starts the generator without waiting: its first word is available a fraction of a second later.
void rng_start(rng_t *rng, uintptr_t base, bool is_rng200);

// Fills a buffer. Waits for each word, for RNG_WAIT_US at most. After a failure the contents must not be used.
rng_result_t rng_read(rng_t *rng, uint8_t *bytes, size_t size);

#endif // PORTS_RPI_AARCH64_DRIVERS_RNG_H
