// SPDX-License-Identifier: MIT
// The random number generator RNG200 of BCM2711, which tests its own output. The registers are those that Linux uses.

#ifndef PORTS_RPI_AARCH64_DRIVERS_RNG200_H
#define PORTS_RPI_AARCH64_DRIVERS_RNG200_H

#include "rng.h"

void rng200_start(uintptr_t base);

// Takes a word. Waits for it, for RNG_WAIT_US at most. If a test of the generator has failed, restarts it and sets
// *restarted; if *restarted is set already, fails.
rng_result_t rng200_take(uintptr_t base, bool *restarted, uint32_t *word);

#endif // PORTS_RPI_AARCH64_DRIVERS_RNG200_H
