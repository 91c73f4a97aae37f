// SPDX-License-Identifier: MIT
// Pulls of the GPIO pins; see gpio.h.

#include "gpio.h"
#include "mmio.h"
#include "timer.h"

#define GPPUD           (0x94) // BCM2837: one value for all pins whose clock is raised
#define GPPUDCLK        (0x98)
#define GPIO_PUP_PDN    (0xe4) // BCM2711: 16 pins a word, 2 bits each

// The control signal needs 150 cycles of set-up time and of hold time. The manual does not name the
// clock; 150 cycles of the slowest candidate, the 19.2 MHz crystal, are 7.8 us.
#define PULL_SETTLE_US  (10)

static void set_pull_2711(const gpio_t *gpio, uint32_t pin, gpio_pull_t pull) {
    // Up is 1 and down is 2 here: the numbers of gpio_pull_t.
    uintptr_t address = gpio->base + GPIO_PUP_PDN + 4 * (pin / 16);
    uint32_t shift = 2 * (pin % 16);
    uint32_t word = mmio_read(address) & ~(3u << shift);
    mmio_write(address, word | (uint32_t)pull << shift);
}

// pins: of the 32 from number 32 * bank on. wait: spins, or sleeps.
static void set_pulls_2837(const gpio_t *gpio, uint32_t bank, uint32_t pins, gpio_pull_t pull,
    void (*wait)(uint32_t us)) {
    // Down is 1 and up is 2 here.
    static const uint8_t values[] = { 0, 2, 1 };
    uintptr_t clock = gpio->base + GPPUDCLK + 4 * bank;
    mmio_write(gpio->base + GPPUD, values[pull]);
    wait(PULL_SETTLE_US);
    mmio_write(clock, pins);
    wait(PULL_SETTLE_US);
    mmio_write(gpio->base + GPPUD, 0);
    mmio_write(clock, 0);
}

void gpio_set_pull(const gpio_t *gpio, uint32_t pin, gpio_pull_t pull) {
    if (gpio->pulls_2711) {
        set_pull_2711(gpio, pin, pull);
    } else {
        set_pulls_2837(gpio, pin / 32, 1u << pin % 32, pull, timer_spin_us);
    }
}

void gpio_set_pulls(const gpio_t *gpio, uint32_t bank, uint32_t pins, gpio_pull_t pull) {
    if (!gpio->pulls_2711) {
        set_pulls_2837(gpio, bank, pins, pull, timer_sleep_us);
        return;
    }
    for (uint32_t n = 0; n < 32; ++n) {
        if (pins >> n & 1) {
            set_pull_2711(gpio, 32 * bank + n, pull);
        }
    }
}
