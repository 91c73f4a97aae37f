// SPDX-License-Identifier: MIT
// Broadcom Serial Controller: the I2C master of BCM2837 and BCM2711 (BCM2835 ARM Peripherals, chapter 3, with its
// errata). Polled; every wait is bounded. One transfer at a time, from the thread.
//
// BCM2835 to BCM2837 handle clock stretching incorrectly: a pulse can be cut short. Devices that stretch the clock
// need a low rate or I2C by software.

#ifndef PORTS_RPI_AARCH64_DRIVERS_BSC_H
#define PORTS_RPI_AARCH64_DRIVERS_BSC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Bytes that one transfer can move: the length register has 16 bits.
#define BSC_MAX_SIZE (0xffff)

// The least and the largest divider of the core clock. Dividers are even.
#define BSC_MIN_DIVIDER (2)
#define BSC_MAX_DIVIDER (0xfffe)

typedef enum _bsc_result_t {
    BSC_OK,
    BSC_NACK,       // no device has the address, or it did not take a byte
    BSC_TIMEOUT,    // no progress: a device or a short circuit holds a line
    BSC_SHORT,      // the block ended a transfer before all its bytes
    BSC_ABSENT,     // its registers do not retain what is written
    BSC_GIVEN_UP,   // give_up() returned true before the end
} bsc_result_t;

typedef struct _bsc_t {
    uintptr_t base;
    uint32_t timeout_us;    // the longest time without progress, beside that of the bytes in the FIFO
    bool (*give_up)(void);  // asked again and again during a transfer: true ends it
    uint32_t byte_us;       // time of nine clocks, set by bsc_start()
} bsc_t;

// Sets the clock to the highest rate that is not above hz, from the core clock, and how long a device may hold the
// clock low; *hz is replaced by the rate. BSC_ABSENT or BSC_OK.
bsc_result_t bsc_start(bsc_t *bsc, uint32_t core_hz, uint32_t *hz);

// Ends a transfer and disables the block.
void bsc_stop(const bsc_t *bsc);

// Bytes of one transfer; size is at most BSC_MAX_SIZE.
typedef struct _bsc_bytes_t {
    uint8_t *data;
    size_t size;
} bsc_bytes_t;

// Writes to the device with a 7-bit address, and ends with STOP. A write of no bytes tests whether it answers.
//
// After BSC_TIMEOUT and BSC_GIVEN_UP the block is idle, but a write has ended without STOP: the block sends one only
// after all bytes. The caller makes it with the pins.
bsc_result_t bsc_write(const bsc_t *bsc, uint32_t device, bsc_bytes_t out);

// Reads one byte or more.
bsc_result_t bsc_read(const bsc_t *bsc, uint32_t device, bsc_bytes_t in);

// Writes, then reads after a repeated START. Interrupts are masked while the read is programmed: if that were late, the
// block would send STOP and START instead.
bsc_result_t bsc_write_read(const bsc_t *bsc, uint32_t device, bsc_bytes_t out, bsc_bytes_t in);

#endif // PORTS_RPI_AARCH64_DRIVERS_BSC_H
