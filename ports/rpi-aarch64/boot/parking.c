// SPDX-License-Identifier: MIT
// The parking page (aarch64/parking.S) and the cores in it; see parking.h.

#include <stddef.h>
#include <stdint.h>

#include "aarch64/cpu.h"
#include "core/arch.h"
#include "drivers/irq.h"
#include "layout.h"
#include "parking.h"
#include "port.h"
#include "soc.h"

extern const uint32_t parking_loop[], parking_loop_end[], parking_spin[], parking_spin_end[];
extern uint64_t boot_park_address;

bool parking_is_used(void) {
    return soc->stub_end != soc->ram_start && !boot_info.uses_psci;
}

static void copy(uint64_t to, const uint32_t *code, const uint32_t *end) {
    volatile uint32_t *page = (volatile uint32_t *)soc_mmio(to);
    while (code < end) {
        *page++ = *code++;
    }
}

// The firmware left cores 1 to 3 in a polling loop in its stub, or start.S holds them in the image. In QEMU such a loop
// uses a host core for each, and the WFI loop of the parking page uses none.
void parking_start(void) {
    if (!parking_is_used()) {
        return;
    }
    copy(PARKING_PAGE, parking_loop, parking_loop_end);
    copy(PARKING_PAGE + PARKING_SPIN, parking_spin, parking_spin_end);
    volatile uint64_t *gicc = (volatile uint64_t *)soc_mmio(PARKING_PAGE + PARKING_GICC);
    *gicc = soc->intc == SOC_INTC_GICV2 ? soc->intc_base2 : 0;
    cpu_send_event(); // its barrier: the loops are in memory before a core jumps to them
    volatile uint64_t *words = (volatile uint64_t *)soc_mmio(SPIN_TABLE);
    arch_clean_inval_poc((uintptr_t)words, PARKING_CORES * sizeof(*words)); // the cores cleared them without caches
    for (unsigned core = 1; core < PARKING_CORES; ++core) {
        words[core] = PARKING_PAGE;
    }
    arch_clean_inval_poc((uintptr_t)words, PARKING_CORES * sizeof(*words));
    cpu_send_event();
    boot_park_address = PARKING_PAGE;
    arch_clean_inval_poc((uintptr_t)&boot_park_address, sizeof(boot_park_address)); // they read without caches
    cpu_send_event();
}

static bool can_be_woken(void) {
    return parking_is_used() && soc->intc != SOC_INTC_NONE;
}

void parking_plan(chain_plan_t *plan) {
    if (can_be_woken()) {
        plan->words = SPIN_TABLE;
        plan->spin = PARKING_PAGE + PARKING_SPIN;
        plan->local = soc->intc == SOC_INTC_BCM2836 ? soc->intc_base : 0;
    }
}

void parking_wake(void) {
    if (can_be_woken()) {
        irq_call_cores(PARKING_CORES);
    }
}
