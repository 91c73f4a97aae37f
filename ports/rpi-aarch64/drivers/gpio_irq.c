// SPDX-License-Identifier: MIT
// Event registers of the GPIO block; see gpio_irq.h.

#include "aarch64/cpu.h"
#include "gpio_irq.h"
#include "irq.h"
#include "mmio.h"

// Each register has one word for pins 0 to 31 and one for the others.
#define GPEDS   (0x40) // an event has happened; writing 1 clears it
#define GPREN   (0x4c)
#define GPFEN   (0x58)
#define GPHEN   (0x64)
#define GPLEN   (0x70)
#define GPAREN  (0x7c) // edges without sampling, which include glitches: unused
#define GPAFEN  (0x88)

#define WORDS   (2)
#define LEVELS  (GPIO_IRQ_LOW_LEVEL | GPIO_IRQ_HIGH_LEVEL)

// Indexed by the bit number of the trigger.
static const uint8_t enables[] = { GPREN, GPFEN, GPLEN, GPHEN };

static uint32_t bit_of(uint32_t pin) {
    return 1u << (pin % 32);
}

// Enables or disables these triggers of a pin; the others stay. Called with IRQ masked.
static void enable(const gpio_irq_t *self, uint32_t pin, uint32_t triggers, bool on) {
    for (unsigned n = 0; n < sizeof(enables); ++n) {
        uintptr_t address = self->gpio.base + enables[n] + 4 * (pin / 32);
        if (triggers >> n & 1) {
            uint32_t others = mmio_read(address) & ~bit_of(pin);
            mmio_write(address, others | (on ? bit_of(pin) : 0));
        }
    }
}

void gpio_irq_init(gpio_irq_t *self, const gpio_t *gpio, uint32_t irq, gpio_irq_event_t event) {
    static const uint8_t all[] = { GPREN, GPFEN, GPHEN, GPLEN, GPAREN, GPAFEN };
    *self = (gpio_irq_t) { .gpio = *gpio, .event = event };
    for (unsigned word = 0; word < WORDS; ++word) {
        for (unsigned n = 0; n < sizeof(all); ++n) {
            mmio_write(gpio->base + all[n] + 4 * word, 0);
        }
        mmio_write(gpio->base + GPEDS + 4 * word, UINT32_MAX);
    }
    for (unsigned line = 0; line < GPIO_IRQ_LINES; ++line) {
        irq_set_handler(irq + line, gpio_irq_handler, self);
        irq_enable(irq + line);
    }
}

void gpio_irq_set(gpio_irq_t *self, uint32_t pin, uint32_t triggers) {
    uint64_t state = cpu_irq_save();
    enable(self, pin, GPIO_IRQ_ALL, false);
    mmio_write(self->gpio.base + GPEDS + 4 * (pin / 32), bit_of(pin)); // after the enables, so no event can follow it
    self->triggers[pin] = (uint8_t)triggers;
    self->off[pin] = 0;
    enable(self, pin, triggers, true);
    cpu_irq_restore(state);
}

void gpio_irq_rearm(gpio_irq_t *self, uint32_t pin) {
    uint64_t state = cpu_irq_save();
    enable(self, pin, self->off[pin], true);
    self->off[pin] = 0;
    cpu_irq_restore(state);
}

// The block does not record which trigger of a pin caused the event.
static uint32_t happened(const gpio_irq_t *self, uint32_t pin) {
    uint32_t triggers = self->triggers[pin];
    uint32_t fit = gpio_read(&self->gpio, pin) ? GPIO_IRQ_RISING | GPIO_IRQ_HIGH_LEVEL
        : GPIO_IRQ_FALLING | GPIO_IRQ_LOW_LEVEL;
    return (triggers & fit) != 0 ? triggers & fit : triggers;
}

static void turn_off(gpio_irq_t *self, uint32_t pin, uint32_t triggers) {
    if (triggers != 0) {
        enable(self, pin, triggers, false);
        mmio_write(self->gpio.base + GPEDS + 4 * (pin / 32), bit_of(pin));
        self->off[pin] |= (uint8_t)triggers;
    }
}

static void tell(gpio_irq_t *self, uint32_t word, uint32_t events) {
    for (; events != 0; events &= events - 1) {
        uint32_t pin = 32 * word + (uint32_t)__builtin_ctz(events);
        uint32_t triggers = self->triggers[pin];
        turn_off(self, pin, triggers & LEVELS); // a level sets its bit again until it is turned off
        if (triggers != 0 && !self->event(pin, happened(self, pin))) {
            turn_off(self, pin, triggers);
        }
    }
}

// Reads both words for each line, because events of pins from 32 on are on two lines. Events are cleared first, so that
// an edge during the calls is a new event.
void gpio_irq_handler(void *arg) {
    gpio_irq_t *self = arg;
    for (uint32_t word = 0; word < WORDS; ++word) {
        uintptr_t address = self->gpio.base + GPEDS + 4 * word;
        uint32_t events = mmio_read(address);
        if (events != 0) {
            mmio_write(address, events);
            tell(self, word, events);
        }
    }
}
