// SPDX-License-Identifier: MIT
// Who uses a pin or a part of a block: a second user is refused, with the name of the first.
//
// A driver claims the pins of its block before it changes anything, and releases them when it is closed, by deinit() or
// the finaliser of its object. A soft reset releases all claims. Pin, SoftI2C and SoftSPI claim nothing: they can use
// any unclaimed pin, and are refused when they would change the mode or level of a claimed one. Reading the level is
// always allowed. The pins of the console belong to UART(0) permanently.
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
    CLAIMS_FREE,        // the kind of no owner, which is 0
    CLAIMS_I2C,
    CLAIMS_SPI,
    CLAIMS_UART,
    CLAIMS_PWM,         // its number is that of its pin
    CLAIMS_SDCARD,      // never released: a card stays as it is over a soft reset
} claims_kind_t;

// What can be claimed besides pins: parts of blocks that more than one object could use.
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

#define CLAIMS_CARD CLAIMS_OWNER(CLAIMS_SDCARD, 0)

// The owner of each pin, then of each block.
extern claims_owner_t claims_owners[MACHINE_PIN_MAX + CLAIMS_BLOCKS];

// Makes `pins` (bit n: GPIO n) the pins of the owner, and releases its other pins. If another owner has one of them,
// changes nothing and raises OSError(EBUSY) with the names of the pin and its owner. Raises OSError(EPERM) after the
// end of a program.
void claims_take(claims_owner_t owner, uint64_t pins);

// Claims a part of a block as well. Raises OSError(EBUSY) as above.
void claims_take_block(claims_owner_t owner, claims_block_t block);

// Releases all claims of the owner, which may have none. Its pins become inputs with their power-on pulls and low
// latches. The block must have been stopped.
void claims_release(claims_owner_t owner);

// Raises OSError(EBUSY) with the name of the pin's owner.
void claims_refuse(uint32_t pin) __attribute__((noreturn));

// Must be called before Pin, SoftI2C or SoftSPI changes a pin.
static inline void claims_check_pin(uint32_t pin) {
    if (claims_owners[pin] != 0) {
        claims_refuse(pin);
    }
}

// Called at soft reset and before another kernel is started: releases all claims but those of the console and the SD
// card. The blocks must have been stopped.
void claims_deinit(void);

#endif // PORTS_RPI_AARCH64_MACHINE_CLAIMS_H
