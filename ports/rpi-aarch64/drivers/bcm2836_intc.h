// SPDX-License-Identifier: MIT
// BCM2837's two interrupt controllers: the ARM-local one (BCM2836 QA7: timers and mailboxes of each
// core) and behind it the legacy one of BCM2835 (64 peripheral interrupts and 8 of the ARM side).
// The driver serves core 0 only and does not use FIQ. All interrupts are level-sensitive, so none is
// acknowledged.

#ifndef PORTS_RPI_AARCH64_DRIVERS_BCM2836_INTC_H
#define PORTS_RPI_AARCH64_DRIVERS_BCM2836_INTC_H

#include <stdbool.h>
#include <stdint.h>

// Interrupt numbers: 0 to 63 peripherals, 64 to 71 ARM side (bits 0 to 7 of "basic pending"),
// 96 up: ARM-local sources by their bit in the source register (0-3 timers, 4-7 mailboxes).
#define BCM2836_INTC_BASIC(n) (64 + (n))
#define BCM2836_INTC_LOCAL(n) (96 + (n))
#define BCM2836_INTC_NONE (UINT32_MAX)

typedef struct _bcm2836_intc_t {
    uintptr_t local;
    uintptr_t legacy;       // peripherals + 0xb000: the registers start 0x200 above it
    uint32_t enabled[3];    // legacy: peripherals 0-31, 32-63, ARM side
    uint32_t preferred;     // the peripheral that comes before all others; number 0 until it is set
} bcm2836_intc_t;

// Disables everything and routes the legacy controller to core 0.
void bcm2836_intc_init(bcm2836_intc_t *intc, uintptr_t local, uintptr_t legacy);

// Returns false if there is no such interrupt.
bool bcm2836_intc_set_enabled(bcm2836_intc_t *intc, uint32_t irq, bool enabled);

// Interrupts another core by its mailbox 3.
void bcm2836_intc_call_core(bcm2836_intc_t *intc, unsigned core);

// Returns the number of one interrupt that is pending and enabled, or BCM2836_INTC_NONE.
uint32_t bcm2836_intc_pending(const bcm2836_intc_t *intc);

#endif // PORTS_RPI_AARCH64_DRIVERS_BCM2836_INTC_H
