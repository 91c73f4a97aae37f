// SPDX-License-Identifier: MIT
// Pins for MicroPython's software buses (SoftI2C, SoftSPI), by GPIO number. Changing the mode of a claimed pin raises
// OSError(EBUSY).

#ifndef PORTS_RPI_AARCH64_MPHAL_PIN_H
#define PORTS_RPI_AARCH64_MPHAL_PIN_H

#include "machine/claims.h"

#define MP_HAL_PIN_FMT "GPIO%u"
#define mp_hal_pin_obj_t uint32_t
#define mp_hal_get_pin_obj(pin) machine_pin_get_id(pin)
#define mp_hal_pin_name(pin) (pin)

static inline int mp_hal_pin_read(mp_hal_pin_obj_t pin) {
    return gpio_read(&board_gpio, pin);
}

static inline void mp_hal_pin_write(mp_hal_pin_obj_t pin, int value) {
    gpio_write(&board_gpio, pin, value != 0);
}

static inline void mp_hal_pin_input(mp_hal_pin_obj_t pin) {
    claims_check_pin(pin);
    machine_pin_set_open_drain(pin, false);
    gpio_set_function(&board_gpio, pin, GPIO_INPUT);
}

static inline void mp_hal_pin_output(mp_hal_pin_obj_t pin) {
    claims_check_pin(pin);
    machine_pin_set_open_drain(pin, false);
    gpio_set_function(&board_gpio, pin, GPIO_OUTPUT);
}

// Open drain: the latch stays low, the direction drives. Both expect mp_hal_pin_open_drain() first.
static inline void mp_hal_pin_od_low(mp_hal_pin_obj_t pin) {
    claims_check_pin(pin);
    gpio_set_function(&board_gpio, pin, GPIO_OUTPUT);
}

static inline void mp_hal_pin_od_high(mp_hal_pin_obj_t pin) {
    claims_check_pin(pin);
    gpio_set_function(&board_gpio, pin, GPIO_INPUT);
}

static inline void mp_hal_pin_open_drain(mp_hal_pin_obj_t pin) {
    claims_check_pin(pin);
    machine_pin_set_open_drain(pin, true);
    gpio_set_pull(&board_gpio, pin, GPIO_PULL_UP);
    mp_hal_pin_od_high(pin);
    gpio_write(&board_gpio, pin, false);
}

#endif // PORTS_RPI_AARCH64_MPHAL_PIN_H
