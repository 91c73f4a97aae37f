// SPDX-License-Identifier: MIT
// Random numbers from the SoC's generator: BCM2837's (bcm2835_rng.h) or BCM2711's (rng200.h), with the continuous test
// that both lack or may lack: a word that repeats.

#ifndef PORTS_RPI_AARCH64_DRIVERS_RNG_H
#define PORTS_RPI_AARCH64_DRIVERS_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The longest wait for a word. The bits that are discarded after the start take about a quarter of it.
#define RNG_WAIT_US (1000000)

typedef enum _rng_result_t {
    RNG_OK,
    RNG_TIMEOUT,    // no word in RNG_WAIT_US
    RNG_UNHEALTHY,  // the generator's own tests fail, also after it was started anew
    RNG_REPEATS,    // three words in a row are the same
} rng_result_t;

typedef struct _rng_t {
    uintptr_t base;     // 0: this machine has none
    bool is_rng200;
    bool restarted;     // in this rng_read(): RNG200 is started anew at most once
    bool any;           // `last` is a word
    uint32_t last;
} rng_t;

// Starts the generator and does not wait: its first word comes a fraction of a second later.
void rng_start(rng_t *rng, uintptr_t base, bool is_rng200);

// Fills a buffer. Waits for each word, bounded; what is in the buffer after a failure is not to be used.
rng_result_t rng_read(rng_t *rng, uint8_t *bytes, size_t size);

#endif // PORTS_RPI_AARCH64_DRIVERS_RNG_H
