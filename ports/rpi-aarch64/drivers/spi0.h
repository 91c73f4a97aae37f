// SPDX-License-Identifier: MIT
// SPI0 of BCM2837 and BCM2711, and the identical masters SPI3 to SPI6 of BCM2711 (BCM2835 ARM Peripherals, chapter 10).
// Polled; every wait is bounded. The block drives no chip select: the caller does.

#ifndef PORTS_RPI_AARCH64_DRIVERS_SPI0_H
#define PORTS_RPI_AARCH64_DRIVERS_SPI0_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Dividers of the core clock are even.
#define SPI0_MIN_DIVIDER (2)
#define SPI0_MAX_DIVIDER (65536)

typedef enum _spi_result_t {
    SPI_OK,
    SPI_TIMEOUT,    // the block transfers no bytes
    SPI_ABSENT,     // its registers do not retain what is written
} spi_result_t;

// The rate and the clock mode of a bus.
typedef struct _spi_mode_t {
    uint32_t hz;        // replaced by the highest possible rate that is not above it
    bool polarity;      // the level of the idle clock
    bool phase;         // data is sampled at the second edge
} spi_mode_t;

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
