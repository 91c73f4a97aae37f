// SPDX-License-Identifier: MIT
// What the two kinds of SPI masters (spi0.h, aux_spi.h) have in common.

#ifndef PORTS_RPI_AARCH64_DRIVERS_SPI_H
#define PORTS_RPI_AARCH64_DRIVERS_SPI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A transfer fails when no byte is received for this long. A byte takes 2 ms at the lowest rate.
#define SPI_STALLED_US (100000)

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

// The bytes of a transfer that remain to be sent and received; `in` may be NULL.
typedef struct _spi_bytes_t {
    const uint8_t *out;
    uint8_t *in;
    size_t to_send, to_receive;
} spi_bytes_t;

#endif // PORTS_RPI_AARCH64_DRIVERS_SPI_H
