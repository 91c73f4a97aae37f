// SPDX-License-Identifier: MIT
// The two lines of an I2C bus, moved as GPIO pins; see i2c_lines.h.

#include "i2c_lines.h"
#include "timer.h"

// Open drain: an output is low by its latch, an input is high by the pull-up unless a device holds it low.
static void set(const i2c_lines_t *lines, uint32_t pin, bool high) {
    gpio_set_function(lines->gpio, pin, high ? GPIO_INPUT : GPIO_OUTPUT);
    timer_spin_us(lines->half_us);
}

static bool get(const i2c_lines_t *lines, uint32_t pin) {
    return gpio_read(lines->gpio, pin);
}

static bool wait_for_clock(const i2c_lines_t *lines) {
    uint64_t deadline = timer_deadline_us(lines->stretch_us);
    while (!get(lines, lines->scl)) {
        if (timer_expired(deadline)) {
            return get(lines, lines->scl); // an interrupt may have used up the time
        }
    }
    return true;
}

// The high half of a clock begins when no device stretches the low one any more.
static bool raise_clock(const i2c_lines_t *lines) {
    gpio_set_function(lines->gpio, lines->scl, GPIO_INPUT);
    bool high = wait_for_clock(lines);
    timer_spin_us(lines->half_us);
    return high;
}

// With stop, SDA is low during the clock and rises at its end: STOP, unless a device holds SDA low. Returns whether the
// clock was high.
static bool send_clock(const i2c_lines_t *lines, bool stop) {
    set(lines, lines->scl, false);
    set(lines, lines->sda, !stop);
    bool high = raise_clock(lines);
    set(lines, lines->sda, true);
    return high;
}

bool i2c_lines_stop(const i2c_lines_t *lines) {
    gpio_write(lines->gpio, lines->sda, false);
    gpio_write(lines->gpio, lines->scl, false);
    set(lines, lines->sda, true);
    bool high = raise_clock(lines);
    // A device that sends may release SDA for a 1 and hold it low for the 0 that follows: then the STOP is a clock, and
    // tried again. A device whose byte is not acknowledged sends no more.
    for (unsigned n = 0; n <= I2C_LINES_BYTE_CLOCKS && high; ++n) {
        bool stop = get(lines, lines->sda) || n == I2C_LINES_BYTE_CLOCKS;
        high = send_clock(lines, stop);
        if (stop && high && get(lines, lines->sda)) {
            return true;
        }
    }
    return false;
}
