// SPDX-License-Identifier: MIT
// GICv2 (GIC-400 of BCM2711, QEMU virt), driven from the non-secure side by one core.
// Arm IHI 0048 (GIC architecture 2.0). All interrupts are level-sensitive and equal in priority.

#ifndef PORTS_RPI_AARCH64_DRIVERS_GICV2_H
#define PORTS_RPI_AARCH64_DRIVERS_GICV2_H

#include <stdbool.h>
#include <stdint.h>

#define GICV2_NONE (1023) // the special interrupt ID for "nothing pending"

typedef struct _gicv2_t {
    uintptr_t distributor;
    uintptr_t interface;
    uint32_t count; // interrupt IDs are below this
} gicv2_t;

// Disables everything, sets priority, target (the calling core) and trigger of every interrupt,
// then lets the distributor and this core's interface pass interrupts on.
void gicv2_init(gicv2_t *gic, uintptr_t distributor, uintptr_t interface);

// Returns false if there is no such interrupt.
bool gicv2_set_enabled(gicv2_t *gic, uint32_t irq, bool enabled);

// Gives this interrupt priority over all others that are pending.
void gicv2_prefer(gicv2_t *gic, uint32_t irq);

// Interrupts another core by the software-generated interrupt 0.
void gicv2_call_core(gicv2_t *gic, unsigned core);

// Acknowledges the next pending interrupt. The value goes to gicv2_end() unchanged, unless
// gicv2_irq() of it is GICV2_NONE: a spurious one must not be ended.
uint32_t gicv2_acknowledge(gicv2_t *gic);
void gicv2_end(gicv2_t *gic, uint32_t acknowledged);

// The interrupt ID in an acknowledged value; GICV2_NONE for the special IDs 1020 to 1023.
static inline uint32_t gicv2_irq(uint32_t acknowledged) {
    uint32_t irq = acknowledged & 0x3ff;
    return irq < 1020 ? irq : GICV2_NONE;
}

#endif // PORTS_RPI_AARCH64_DRIVERS_GICV2_H
