// SPDX-License-Identifier: MIT
// Reset, halt and reset cause through the power management block of BCM283x and BCM2711.

#ifndef PORTS_RPI_AARCH64_DRIVERS_WATCHDOG_H
#define PORTS_RPI_AARCH64_DRIVERS_WATCHDOG_H

#include <stdint.h>

// Bits of watchdog_status().
#define WATCHDOG_HAD_POWER_ON   (0x1000)
#define WATCHDOG_HAD_SOFTWARE   (0x0200) // a full reset; the bits beside it are of the firmware's partition number
#define WATCHDOG_HAD_WATCHDOG   (0x0020) // the same

// Resets the machine in 10/65536 s. Returns before that: the caller waits.
void watchdog_reset(uintptr_t base);

// Resets the machine in `ms` milliseconds, rounded up to 1/65536 s, unless it is called again before then. Nothing else
// stops it. QEMU resets immediately.
#define WATCHDOG_MAX_MS (15999)
void watchdog_start(uintptr_t base, uint32_t ms);

// Resets the machine too, but the firmware then halts instead of booting.
void watchdog_halt(uintptr_t base);

// The reset status register: the causes since power-on, as far as the firmware left them.
uint32_t watchdog_status(uintptr_t base);

#endif // PORTS_RPI_AARCH64_DRIVERS_WATCHDOG_H
