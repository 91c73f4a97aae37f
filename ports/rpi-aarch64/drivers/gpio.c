// SPDX-License-Identifier: MIT
// Function and level of the GPIO pins; see gpio.h. Compiled like boot_map.c: the console before the MMU is on uses it.

#include "gpio.h"
#include "mmio.h"

#define GPFSEL          (0x00) // 10 pins a word, 3 bits each
#define GPSET           (0x1c)
#define GPCLR           (0x28)
#define GPLEV           (0x34)

void gpio_set_function(const gpio_t *gpio, uint32_t pin, gpio_function_t function) {
    uintptr_t address = gpio->base + GPFSEL + 4 * (pin / 10);
    uint32_t shift = 3 * (pin % 10);
    uint32_t word = mmio_read(address) & ~(7u << shift);
    mmio_write(address, word | (uint32_t)function << shift);
}

gpio_function_t gpio_function(const gpio_t *gpio, uint32_t pin) {
    uint32_t word = mmio_read(gpio->base + GPFSEL + 4 * (pin / 10));
    return (gpio_function_t)(word >> (3 * (pin % 10)) & 7);
}

void gpio_write(const gpio_t *gpio, uint32_t pin, bool high) {
    mmio_write(gpio->base + (high ? GPSET : GPCLR) + 4 * (pin / 32), 1u << (pin % 32));
}

bool gpio_read(const gpio_t *gpio, uint32_t pin) {
    return mmio_read(gpio->base + GPLEV + 4 * (pin / 32)) >> (pin % 32) & 1;
}
