// SPDX-License-Identifier: MIT
// Interrupts of the GPIO pins: which events of which pins, and who is told.
// Edges are those that the block samples with its clock; a level interrupts once and then waits for gpio_irq_rearm().

#ifndef PORTS_RPI_AARCH64_DRIVERS_GPIO_IRQ_H
#define PORTS_RPI_AARCH64_DRIVERS_GPIO_IRQ_H

#include <stdint.h>

#include "gpio.h"

#define GPIO_IRQ_RISING     (1u)
#define GPIO_IRQ_FALLING    (2u)
#define GPIO_IRQ_LOW_LEVEL  (4u)
#define GPIO_IRQ_HIGH_LEVEL (8u)
#define GPIO_IRQ_ALL        (15u)

#define GPIO_IRQ_PINS (64)  // of two words of registers
#define GPIO_IRQ_LINES (3)  // of the interrupt controller, one after the other: for some of the pins each

typedef struct _gpio_irq_t {
    gpio_t gpio;
    uint8_t triggers[GPIO_IRQ_PINS];
    // Called in the interrupt. `happened`: those of the pin's triggers that fit its level now, all if none does.
    void (*event)(uint32_t pin, uint32_t happened);
} gpio_irq_t;

// Turns off and forgets every event of every pin, and takes the interrupts: `irq` is the number of the first line.
void gpio_irq_init(gpio_irq_t *self, const gpio_t *gpio, uint32_t irq, void (*event)(uint32_t pin, uint32_t happened));

// Sets the pin's triggers; 0 turns its interrupts off. What has happened before is forgotten.
void gpio_irq_set(gpio_irq_t *self, uint32_t pin, uint32_t triggers);

// Turns on again the levels that the pin's interrupt has turned off.
void gpio_irq_rearm(gpio_irq_t *self, uint32_t pin);

// The handler of each line.
void gpio_irq_handler(void *self);

#endif // PORTS_RPI_AARCH64_DRIVERS_GPIO_IRQ_H
