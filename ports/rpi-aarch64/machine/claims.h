// SPDX-License-Identifier: MIT
// Who uses a pin or a part of a block: a second user is refused, with the name of the first.
//
// A driver of a block claims its pins before it changes anything, and releases them when it is closed: at deinit(), by
// the finaliser of its object. A soft reset releases all. Plain pins claim nothing: Pin, SoftI2C and SoftSPI may use a
// pin that no block has, and are refused one that a block has as soon as they would change its mode or its level.
// Reading the level is always allowed. The pins of the console belong to UART(0) for good.
//
// Example, of the object of block n:
//     claims_take(CLAIMS_OWNER(CLAIMS_I2C, n), 1ull << sda | 1ull << scl);
//     ...
//     claims_release(CLAIMS_OWNER(CLAIMS_I2C, n));

#ifndef PORTS_RPI_AARCH64_MACHINE_CLAIMS_H
#define PORTS_RPI_AARCH64_MACHINE_CLAIMS_H

#include <stdbool.h>
#include <stdint.h>

#include "machine_pin.h"

typedef enum _claims_kind_t {
    CLAIMS_FREE,
    CLAIMS_I2C,
    CLAIMS_SPI,
    CLAIMS_UART,
    CLAIMS_PWM,         // its number is that of its pin
} claims_kind_t;

// What can be claimed beside pins: parts of blocks that more than one object could use.
typedef enum _claims_block_t {
    CLAIMS_PWM0_CHANNEL0,
    CLAIMS_PWM0_CHANNEL1,
    CLAIMS_PWM1_CHANNEL0,
    CLAIMS_PWM1_CHANNEL1,
    CLAIMS_BLOCKS,
} claims_block_t;

// The user of a pin or a block: its class, and its number there as the constructor takes it.
typedef uint16_t claims_owner_t;
#define CLAIMS_OWNER(kind, number) ((claims_owner_t)((kind) << 8 | (number)))

// The owner of each pin, then of each block.
extern claims_owner_t claims_owners[MACHINE_PIN_MAX + CLAIMS_BLOCKS];

// Makes `pins` (bit n: GPIO n) the pins of the owner: all, or none and OSError(EBUSY) with the name of the first
// one that another has. Pins that the owner had and that are not among them are released.
void claims_take(claims_owner_t owner, uint64_t pins);

// Claims a block in addition. OSError(EBUSY) as above.
void claims_take_block(claims_owner_t owner, claims_block_t block);

// Releases all that the owner has. Its pins become inputs, with their pull of power-on. To be called after
// the block has been stopped. It is no error if the owner has nothing.
void claims_release(claims_owner_t owner);

// OSError(EBUSY) with the name of the pin's owner.
void claims_refuse(uint32_t pin) __attribute__((noreturn));

// To be called before a plain pin changes.
static inline void claims_check_pin(uint32_t pin) {
    if (claims_owners[pin] != 0) {
        claims_refuse(pin);
    }
}

// Called at soft reset, and before another kernel is started: releases all but the console's pins. The blocks must have
// been stopped.
void claims_deinit(void);

#endif // PORTS_RPI_AARCH64_MACHINE_CLAIMS_H
