// SPDX-License-Identifier: MIT
// The machine's source of random bytes: the SoC's generator, or, where none answers, the jitter of the counter.

#ifndef PORTS_RPI_AARCH64_MACHINE_ENTROPY_H
#define PORTS_RPI_AARCH64_MACHINE_ENTROPY_H

#include <stddef.h>
#include <stdint.h>

// Starts the generator, if there is one, without waiting for it.
void entropy_start(void);

// Fills a buffer. Returns 0, or an errno (EIO: the generator fails its tests; ETIMEDOUT: it delivers nothing); the
// contents of the buffer must then not be used.
int entropy_fill(uint8_t *bytes, size_t size);

// Fills a buffer from the jitter of the counter, even if there is a generator. Not for secrets.
void entropy_fill_weak(uint8_t *bytes, size_t size);

#endif // PORTS_RPI_AARCH64_MACHINE_ENTROPY_H
