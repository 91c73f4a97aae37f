// SPDX-License-Identifier: MIT
// Clocks of the clock manager (BCM2835 ARM Peripherals, "General Purpose GPIO Clocks"; BCM2711 has the same): a source
// divided by a whole number.

#ifndef PORTS_RPI_AARCH64_DRIVERS_CLOCK_MANAGER_H
#define PORTS_RPI_AARCH64_DRIVERS_CLOCK_MANAGER_H

#include <stdbool.h>
#include <stdint.h>

// Registers of a clock, from the manager's base address.
#define CLOCK_MANAGER_PWM (0xa0)

// The crystal. The rates of the PLLs can change at any time: the firmware sets them.
#define CLOCK_MANAGER_CRYSTAL (1)

// Runs the clock at the rate of the source divided by `divisor` (1 to 4095). A running clock is stopped first, even if
// it has these settings already. Returns false if it does not stop; source and divisor are then unchanged.
// clock: the address of its registers.
bool clock_manager_run(uintptr_t clock, uint32_t source, uint32_t divisor);

#endif // PORTS_RPI_AARCH64_DRIVERS_CLOCK_MANAGER_H
