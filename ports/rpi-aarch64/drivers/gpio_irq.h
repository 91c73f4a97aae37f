// SPDX-License-Identifier: MIT
// Interrupts of the GPIO pins: the triggers of each pin, and the function that is called.
// Edges are sampled with the clock of the block. A level interrupts once, then waits for gpio_irq_rearm().
// So does a pin whose events come faster than they are handled.

#ifndef PORTS_RPI_AARCH64_DRIVERS_GPIO_IRQ_H
#define PORTS_RPI_AARCH64_DRIVERS_GPIO_IRQ_H

#include <stdbool.h>
#include <stdint.h>

#include "gpio.h"

#define GPIO_IRQ_RISING     (1u)
#define GPIO_IRQ_FALLING    (2u)
#define GPIO_IRQ_LOW_LEVEL  (4u)
#define GPIO_IRQ_HIGH_LEVEL (8u)
#define GPIO_IRQ_ALL        (15u)

#define GPIO_IRQ_PINS (64)  // of two words of registers
#define GPIO_IRQ_LINES (3)  // consecutive lines of the interrupt controller, each for some of the pins

// Called in the interrupt. `happened`: the triggers of the pin that match its present level; if none does, all.
// Returns false to disable all triggers of the pin until gpio_irq_rearm().
typedef bool (*gpio_irq_event_t)(uint32_t pin, uint32_t happened);

typedef struct _gpio_irq_t {
    gpio_t gpio;
    uint8_t triggers[GPIO_IRQ_PINS];
    uint8_t off[GPIO_IRQ_PINS]; // the triggers of each pin that are disabled until gpio_irq_rearm()
    gpio_irq_event_t event;
} gpio_irq_t;

// Disables and clears all events of all pins, and installs the handler: `irq` is the number of the first line.
void gpio_irq_init(gpio_irq_t *self, const gpio_t *gpio, uint32_t irq, gpio_irq_event_t event);

// Sets the triggers of a pin; 0 disables its interrupts. Earlier events are discarded.
void gpio_irq_set(gpio_irq_t *self, uint32_t pin, uint32_t triggers);

// Enables the triggers that the interrupt of the pin has disabled.
void gpio_irq_rearm(gpio_irq_t *self, uint32_t pin);

// The handler of each line.
void gpio_irq_handler(void *self);

#endif // PORTS_RPI_AARCH64_DRIVERS_GPIO_IRQ_H
