// SPDX-License-Identifier: MIT
// The random number generator RNG200 of BCM2711, which tests its bits itself. The registers are those that Linux uses.

#ifndef PORTS_RPI_AARCH64_DRIVERS_RNG200_H
#define PORTS_RPI_AARCH64_DRIVERS_RNG200_H

#include "rng.h"

void rng200_start(uintptr_t base);

// Takes a word; waits for it, bounded. When the generator's tests fail it is started anew, unless *restarted says that
// it was, and *restarted is set.
rng_result_t rng200_take(uintptr_t base, bool *restarted, uint32_t *word);

#endif // PORTS_RPI_AARCH64_DRIVERS_RNG200_H
