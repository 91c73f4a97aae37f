// SPDX-License-Identifier: MIT
// Drive strength of the GPIO pins on BCM2837 and BCM2711. The pads have one setting for each group of pins: GPIO0 to
// GPIO27, GPIO28 to GPIO45, GPIO46 to GPIO53. BCM2835 ARM Peripherals, "Pads control"; BCM2711 keeps the registers.

#ifndef PORTS_RPI_AARCH64_DRIVERS_GPIO_PADS_H
#define PORTS_RPI_AARCH64_DRIVERS_GPIO_PADS_H

#include <stdbool.h>
#include <stdint.h>

// In mA. A drive strength is a multiple of the step, up to the maximum.
#define GPIO_PADS_STEP_MA (2)
#define GPIO_PADS_MAX_MA  (16)

// The group's pins as a mask, bit n for GPIO n; 0 if the pin is in no known group.
uint64_t gpio_pads_group(uint32_t pin);

// The drive strength of the pin's group in mA; 0 if the pads do not answer. `base` is the power management block's, in
// whose page the pads' registers are. The pin must be in a group.
uint32_t gpio_pads_drive(uintptr_t base, uint32_t pin);

// Sets it, and leaves slew rate and hysteresis as they are. Returns false if the pads do not answer or do not take the
// value.
bool gpio_pads_set_drive(uintptr_t base, uint32_t pin, uint32_t ma);

#endif // PORTS_RPI_AARCH64_DRIVERS_GPIO_PADS_H
