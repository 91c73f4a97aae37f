// SPDX-License-Identifier: MIT
// SPI1: the first of the two small SPI masters in the block of the mini UART (BCM2835 ARM Peripherals, chapter 2.3).
// Polled; every wait is bounded. Data is sampled at the first edge only, and no chip select is driven.

#ifndef PORTS_RPI_AARCH64_DRIVERS_AUX_SPI_H
#define PORTS_RPI_AARCH64_DRIVERS_AUX_SPI_H

#include "spi.h"

// The rate is half the core clock, divided by 1 to 4096.
#define AUX_SPI_MAX_DIVIDER (8192)

typedef struct _aux_spi_t {
    uintptr_t base;     // of the whole block, whose first registers it shares with the mini UART
    uint32_t control;   // the value of CNTL0
} aux_spi_t;

// SPI_OK or SPI_ABSENT. mode->phase must be false.
spi_result_t aux_spi_start(aux_spi_t *spi, uint32_t core_hz, spi_mode_t *mode);

// Disables SPI1 and leaves the rest of the block unchanged.
void aux_spi_stop(const aux_spi_t *spi);

// As spi0_transfer().
spi_result_t aux_spi_transfer(const aux_spi_t *spi, const uint8_t *out, uint8_t *in, size_t size);

#endif // PORTS_RPI_AARCH64_DRIVERS_AUX_SPI_H
