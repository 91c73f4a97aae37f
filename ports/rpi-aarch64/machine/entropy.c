// SPDX-License-Identifier: MIT
// See entropy.h. Jitter: the ticks that a read of the counter takes depend on caches, memory and clocks other than the
// CPU's. The samples are hashed with SHA-256. Their entropy was not measured and may be zero in an emulator, so the
// source is called weak.

#include <string.h>

#include "py/mperrno.h"
#include "lib/crypto-algorithms/sha256.h"

#include "boot/soc.h"
#include "drivers/rng.h"
#include "drivers/timer.h"
#include "entropy.h"
#include "port.h"

#define SAMPLES (64)    // of the counter, per call

static rng_t rng;
static uint8_t pool[SHA256_BLOCK_SIZE];

void entropy_start(void) {
    if (soc->rng != 0) {
        rng_start(&rng, soc_mmio(soc->rng), soc->rng_is_rng200);
    }
}

const char *port_random_source(void) {
    return rng.base == 0 ? "weak: timer jitter" : rng.is_rng200 ? "RNG200" : "BCM2835 RNG";
}

int entropy_fill(uint8_t *bytes, size_t size) {
    if (rng.base == 0) {
        entropy_fill_weak(bytes, size);
        return 0;
    }
    rng_result_t result = rng_read(&rng, bytes, size);
    return result == RNG_OK ? 0 : result == RNG_TIMEOUT ? MP_ETIMEDOUT : MP_EIO;
}

// digest: SHA-256 of the pool and what follows it.
static void hash(const void *data, size_t size, uint8_t digest[SHA256_BLOCK_SIZE]) {
    CRYAL_SHA256_CTX context;
    sha256_init(&context);
    sha256_update(&context, pool, sizeof(pool));
    sha256_update(&context, data, size);
    sha256_final(&context, digest);
}

static void stir(void) {
    uint64_t samples[SAMPLES];
    for (unsigned i = 0; i < SAMPLES; ++i) {
        samples[i] = timer_ticks();
    }
    hash(samples, sizeof(samples), pool);
}

void entropy_fill_weak(uint8_t *bytes, size_t size) {
    stir();
    for (uint64_t block = 1; size != 0; ++block) {
        uint8_t digest[SHA256_BLOCK_SIZE];
        hash(&block, sizeof(block), digest);
        size_t part = size < sizeof(digest) ? size : sizeof(digest);
        memcpy(bytes, digest, part);
        bytes += part;
        size -= part;
    }
    // The old pool cannot be computed from the new one, so neither can these bytes.
    uint64_t last = 0;
    hash(&last, sizeof(last), pool);
}
