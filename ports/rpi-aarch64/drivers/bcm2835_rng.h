// SPDX-License-Identifier: MIT
// The random number generator of BCM2835 to BCM2837. It has no tests of its own. Broadcom describes it nowhere; the
// registers are those that Linux uses.

#ifndef PORTS_RPI_AARCH64_DRIVERS_BCM2835_RNG_H
#define PORTS_RPI_AARCH64_DRIVERS_BCM2835_RNG_H

#include "rng.h"

void bcm2835_rng_start(uintptr_t base);

// Takes a word; waits for it, bounded.
rng_result_t bcm2835_rng_take(uintptr_t base, uint32_t *word);

#endif // PORTS_RPI_AARCH64_DRIVERS_BCM2835_RNG_H
