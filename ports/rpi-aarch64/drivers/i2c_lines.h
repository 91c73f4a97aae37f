// SPDX-License-Identifier: MIT
// The two lines of an I2C bus, moved as GPIO pins: how a transfer that was cut off is ended (UM10204, the I2C-bus
// specification, 3.1.16 "Bus clear"). Every wait is bounded.

#ifndef PORTS_RPI_AARCH64_DRIVERS_I2C_LINES_H
#define PORTS_RPI_AARCH64_DRIVERS_I2C_LINES_H

#include "gpio.h"

// Clocks of a byte, with that of the acknowledge bit.
#define I2C_LINES_BYTE_CLOCKS (9)

typedef struct _i2c_lines_t {
    const gpio_t *gpio;
    uint32_t sda, scl;      // pins with a pull-up
    uint32_t half_us;       // half of a clock's period
    uint32_t stretch_us;    // how long a device may hold the clock low, each time
} i2c_lines_t;

// Sends STOP, after up to nine clocks in which a device that holds SDA low ends its byte. Both pins are inputs with low
// latches then. Returns whether the bus is free; false: a device holds a line longer than it may.
bool i2c_lines_stop(const i2c_lines_t *lines);

#endif // PORTS_RPI_AARCH64_DRIVERS_I2C_LINES_H
