// SPDX-License-Identifier: MIT
// PWM block of BCM2835 to BCM2711 (BCM2835 ARM Peripherals, "Pulse Width Modulator"): two channels on one clock, each
// high for `high` of `period` counts. The caller sets up the pins and runs the clock.

#ifndef PORTS_RPI_AARCH64_DRIVERS_PWM_H
#define PORTS_RPI_AARCH64_DRIVERS_PWM_H

#include <stdbool.h>
#include <stdint.h>

// Starts a channel, 0 or 1, and leaves the other one unchanged. invert: low for `high` counts.
void pwm_start(uintptr_t base, unsigned channel, uint32_t period, uint32_t high, bool invert);

// Changes a running channel without a pause. One period may have the new length and the old high part.
void pwm_change(uintptr_t base, unsigned channel, uint32_t period, uint32_t high);

void pwm_stop(uintptr_t base, unsigned channel);

// a * b / c, rounded to the nearest. c is not 0, a * b + c / 2 fits in 64 bits and the result in 32.
static inline uint32_t pwm_scale(uint64_t a, uint32_t b, uint64_t c) {
    return (uint32_t)((a * b + c / 2) / c);
}

#endif // PORTS_RPI_AARCH64_DRIVERS_PWM_H
