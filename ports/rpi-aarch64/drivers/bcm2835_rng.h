// SPDX-License-Identifier: MIT
// The random number generator of BCM2835 to BCM2837. It does not test its output. Broadcom has published no
// description; the registers are those that Linux uses.

#ifndef PORTS_RPI_AARCH64_DRIVERS_BCM2835_RNG_H
#define PORTS_RPI_AARCH64_DRIVERS_BCM2835_RNG_H

#include "rng.h"

void bcm2835_rng_start(uintptr_t base);

// Takes a word. Waits for it, for RNG_WAIT_US at most.
rng_result_t bcm2835_rng_take(uintptr_t base, uint32_t *word);

#endif // PORTS_RPI_AARCH64_DRIVERS_BCM2835_RNG_H
