// SPDX-License-Identifier: MIT
// GPIO block of BCM2837 and BCM2711: function, level and pull of each pin. It uses no interrupts.
// Pins are numbered from 0; the caller keeps them below gpio->count.

#ifndef PORTS_RPI_AARCH64_DRIVERS_GPIO_H
#define PORTS_RPI_AARCH64_DRIVERS_GPIO_H

#include <stdbool.h>
#include <stdint.h>

// Values of the function select field.
typedef enum _gpio_function_t {
    GPIO_INPUT = 0,
    GPIO_OUTPUT = 1,
    GPIO_ALT5 = 2,
    GPIO_ALT4 = 3,
    GPIO_ALT0 = 4,
    GPIO_ALT1 = 5,
    GPIO_ALT2 = 6,
    GPIO_ALT3 = 7,
} gpio_function_t;

typedef enum _gpio_pull_t {
    GPIO_PULL_NONE,
    GPIO_PULL_UP,
    GPIO_PULL_DOWN,
} gpio_pull_t;

typedef struct _gpio_t {
    uintptr_t base;
    uint32_t count;
    bool pulls_2711;    // pull registers of BCM2711; else GPPUD and its clock
} gpio_t;

void gpio_set_function(const gpio_t *gpio, uint32_t pin, gpio_function_t function);
gpio_function_t gpio_function(const gpio_t *gpio, uint32_t pin);

// Takes a few microseconds on BCM2837.
void gpio_set_pull(const gpio_t *gpio, uint32_t pin, gpio_pull_t pull);

// The same for those of the pins 32 * bank to 32 * bank + 31 that have their bit in `pins`, at once. It sleeps: call
// it after timer_init().
void gpio_set_pulls(const gpio_t *gpio, uint32_t bank, uint32_t pins, gpio_pull_t pull);

// Sets the output latch, independent of the function: set it before making a pin an output.
void gpio_write(const gpio_t *gpio, uint32_t pin, bool high);

// The level at the pin, independent of the function.
bool gpio_read(const gpio_t *gpio, uint32_t pin);

#endif // PORTS_RPI_AARCH64_DRIVERS_GPIO_H
