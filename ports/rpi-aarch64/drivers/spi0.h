// SPDX-License-Identifier: MIT
// SPI0 of BCM2837 and BCM2711, and the identical masters SPI3 to SPI6 of BCM2711 (BCM2835 ARM Peripherals, chapter 10).
// Polled; every wait is bounded. The block drives no chip select: the caller does.

#ifndef PORTS_RPI_AARCH64_DRIVERS_SPI0_H
#define PORTS_RPI_AARCH64_DRIVERS_SPI0_H

#include "spi.h"

// Dividers of the core clock are even.
#define SPI0_MIN_DIVIDER (2)
#define SPI0_MAX_DIVIDER (65536)

typedef struct _spi0_t {
    uintptr_t base;
    uint32_t mode;      // bits of CS
} spi0_t;

// SPI_OK or SPI_ABSENT.
spi_result_t spi0_start(spi0_t *spi, uint32_t core_hz, spi_mode_t *mode);

void spi0_stop(const spi0_t *spi);

// Sends `size` bytes and receives as many; in may be NULL, and may be out.
spi_result_t spi0_transfer(const spi0_t *spi, const uint8_t *out, uint8_t *in, size_t size);

#endif // PORTS_RPI_AARCH64_DRIVERS_SPI0_H
