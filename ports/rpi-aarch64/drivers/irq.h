// SPDX-License-Identifier: MIT
// One interface to both interrupt controllers. Numbers are what soc_t holds: GIC
// interrupt IDs, or bcm2836_intc.h's numbers. Handlers run with IRQ masked, one after the other,
// and must make the device stop asserting.

#ifndef PORTS_RPI_AARCH64_DRIVERS_IRQ_H
#define PORTS_RPI_AARCH64_DRIVERS_IRQ_H

#include <stdbool.h>
#include <stdint.h>

#include "boot/soc.h"

#define IRQ_COUNT (256) // interrupt numbers are below this

typedef void (*irq_handler_t)(void *arg);

typedef struct _irq_stats_t {
    uint32_t handled;
    uint32_t spurious;  // the controller had none pending
    uint32_t unhandled; // no handler was set; the interrupt was disabled
    uint32_t last_unhandled; // the number of the latest of those
} irq_stats_t;

// Brings the controller to a known state: everything disabled. IRQ stays masked at the CPU.
void irq_init(const soc_t *soc);

// Sets the handler, or removes it if fn is 0. Returns false if there is no such interrupt.
bool irq_set_handler(uint32_t irq, irq_handler_t fn, void *arg);

// Both return false if there is no such interrupt.
bool irq_enable(uint32_t irq);
bool irq_disable(uint32_t irq);

// This interrupt is handled before all others that are pending, however often those come. Call it for one only.
void irq_prefer(uint32_t irq);

// Interrupts cores 1 to `cores` - 1, once: it ends their WFI. They have set up nothing but their interface to the GIC,
// where there is one. BCM2836: the interrupt stays until its mailbox is cleared (chain.S).
void irq_call_cores(unsigned cores);

// Handles everything that is pending. Called by the IRQ vector's C code, IRQ masked.
void irq_dispatch(void);

// Sleeps (WFI) until an interrupt was handled since the last irq_wait(). If one was handled since the
// caller tested its condition, it returns at once, so no wake-up is lost.
// Call from the thread only, with IRQ unmasked. On a machine without a controller (SOC_INTC_NONE) it
// calls every handler and returns at once.
void irq_wait(void);

// Ticks of the counter that irq_wait() has slept: nothing was executed then.
uint64_t irq_asleep_ticks(void);

const irq_stats_t *irq_stats(void);

#endif // PORTS_RPI_AARCH64_DRIVERS_IRQ_H
