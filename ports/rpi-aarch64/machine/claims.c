// SPDX-License-Identifier: MIT
// Who uses a pin or a part of a block; see claims.h.

#include "py/mperrno.h"
#include "py/runtime.h"

#include "drivers/pl011_registers.h"
#include "hooks.h"
#include "callback.h"
#include "claims.h"

#define CONSOLE CLAIMS_OWNER(CLAIMS_UART, 0)

// At power-on GPIO0 to GPIO8 have a pull-up, the other pins of the header a pull-down (BCM2835 ARM Peripherals,
// "Alternative Function Assignments").
#define LAST_PULLED_UP  (8)
#define LAST_OF_HEADER  (27)

claims_owner_t claims_owners[MACHINE_PIN_MAX + CLAIMS_BLOCKS] = {
    [PL011_PIN_TX] = CONSOLE,
    [PL011_PIN_RX] = CONSOLE,
};

static const char *kind_of(claims_owner_t owner) {
    static const char *const names[] = { "", "I2C", "SPI", "UART", "PWM", "SDCard" };
    return names[owner >> 8];
}

static const char *remark_on(claims_owner_t owner) {
    return owner == CONSOLE ? ", the console" : "";
}

void claims_refuse(uint32_t pin) {
    claims_owner_t owner = claims_owners[pin];
    bind_raise_os(-MP_EBUSY, MP_ERROR_TEXT("GPIO%u is in use by %s(%u)%s"), (unsigned)pin, kind_of(owner), owner & 0xff,
        remark_on(owner));
}

static void release_pin(uint32_t pin) {
    gpio_pull_t usual = pin <= LAST_PULLED_UP ? GPIO_PULL_UP : GPIO_PULL_DOWN;
    claims_owners[pin] = 0;
    gpio_set_function(&board_gpio, pin, GPIO_INPUT);
    gpio_write(&board_gpio, pin, false);
    gpio_set_pull(&board_gpio, pin, pin <= LAST_OF_HEADER ? usual : GPIO_PULL_NONE);
}

void claims_take(claims_owner_t owner, uint64_t pins) {
    if (pins != 0) {
        callback_check_allowed();
    }
    for (uint32_t pin = 0; pin < MACHINE_PIN_MAX; ++pin) {
        if (pins >> pin & 1 && claims_owners[pin] != owner) {
            claims_check_pin(pin);
        }
    }
    for (uint32_t pin = 0; pin < MACHINE_PIN_MAX; ++pin) {
        if (pins >> pin & 1) {
            claims_owners[pin] = owner;
        } else if (claims_owners[pin] == owner) {
            release_pin(pin);
        }
    }
}

void claims_take_block(claims_owner_t owner, claims_block_t block) {
    claims_owner_t *now = &claims_owners[MACHINE_PIN_MAX + block];
    if (*now != 0 && *now != owner) {
        bind_raise_os(-MP_EBUSY, MP_ERROR_TEXT("PWM%u, channel %u is in use by %s(%u)"), block / 2, block % 2,
            kind_of(*now), *now & 0xff);
    }
    *now = owner;
}

void claims_release(claims_owner_t owner) {
    claims_take(owner, 0);
    for (unsigned block = 0; block < CLAIMS_BLOCKS; ++block) {
        claims_owner_t *now = &claims_owners[MACHINE_PIN_MAX + block];
        *now = *now == owner ? 0 : *now;
    }
}

void claims_deinit(void) {
    for (unsigned i = 0; i < MP_ARRAY_SIZE(claims_owners); ++i) {
        if (claims_owners[i] != 0 && claims_owners[i] != CONSOLE && claims_owners[i] != CLAIMS_CARD) {
            claims_release(claims_owners[i]);
        }
    }
}
