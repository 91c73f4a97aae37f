// SPDX-License-Identifier: MIT
// Handler table and dispatch over the two interrupt controllers; see irq.h.

#include "aarch64/cpu.h"
#include "bcm2836_intc.h"
#include "gicv2.h"
#include "irq.h"

typedef struct _irq_entry_t {
    irq_handler_t fn;
    void *arg;
} irq_entry_t;

static irq_entry_t table[IRQ_COUNT];
static irq_stats_t stats;
static uint64_t asleep_ticks;
static volatile bool handled_since_wait;

static soc_intc_t kind;
static gicv2_t gic;
static bcm2836_intc_t intc;

void irq_init(const soc_t *soc) {
    kind = soc->intc;
    if (kind == SOC_INTC_GICV2) {
        gicv2_init(&gic, soc_mmio(soc->intc_base), soc_mmio(soc->intc_base2));
    } else if (kind == SOC_INTC_BCM2836) {
        bcm2836_intc_init(&intc, soc_mmio(soc->intc_base), soc_mmio(soc->intc_base2));
    }
}

bool irq_set_handler(uint32_t irq, irq_handler_t fn, void *arg) {
    if (irq >= IRQ_COUNT) {
        return false;
    }
    uint64_t state = cpu_irq_save();
    table[irq].fn = fn;
    table[irq].arg = arg;
    cpu_irq_restore(state);
    return true;
}

static bool set_enabled(uint32_t irq, bool enabled) {
    if (irq >= IRQ_COUNT) {
        return false;
    }
    if (kind == SOC_INTC_NONE) {
        return true; // poll() calls every handler
    }
    uint64_t state = cpu_irq_save();
    bool known = kind == SOC_INTC_GICV2
        ? gicv2_set_enabled(&gic, irq, enabled)
        : bcm2836_intc_set_enabled(&intc, irq, enabled);
    cpu_irq_restore(state);
    return known;
}

bool irq_enable(uint32_t irq) {
    return set_enabled(irq, true);
}

bool irq_disable(uint32_t irq) {
    return set_enabled(irq, false);
}

void irq_prefer(uint32_t irq) {
    if (kind == SOC_INTC_GICV2) {
        gicv2_prefer(&gic, irq);
    } else if (kind == SOC_INTC_BCM2836) {
        intc.preferred = irq;
    }
}

void irq_call_cores(unsigned cores) {
    for (unsigned core = 1; core < cores; ++core) {
        if (kind == SOC_INTC_GICV2) {
            gicv2_call_core(&gic, core);
        } else if (kind == SOC_INTC_BCM2836) {
            bcm2836_intc_call_core(&intc, core);
        }
    }
}

static void handle(uint32_t irq) {
    const irq_entry_t *entry = irq < IRQ_COUNT ? &table[irq] : 0;
    if (entry != 0 && entry->fn != 0) {
        ++stats.handled;
        entry->fn(entry->arg);
    } else {
        // No handler would end it, so it is disabled.
        ++stats.unhandled;
        stats.last_unhandled = irq;
        set_enabled(irq, false);
    }
}

// Takes and handles the next pending interrupt; false when there is none.
static bool dispatch_one(void) {
    uint32_t irq;
    if (kind == SOC_INTC_NONE) {
        return false;
    }
    if (kind == SOC_INTC_GICV2) {
        uint32_t acknowledged = gicv2_acknowledge(&gic);
        irq = gicv2_irq(acknowledged);
        if (irq == GICV2_NONE) {
            return false;
        }
        handle(irq);
        gicv2_end(&gic, acknowledged);
        return true;
    }
    irq = bcm2836_intc_pending(&intc);
    if (irq == BCM2836_INTC_NONE) {
        return false;
    }
    handle(irq);
    return true;
}

// One at a time, so that IRQ is masked for as long as one handler takes. What else is pending interrupts again at once.
void irq_dispatch(void) {
    stats.spurious += !dispatch_one();
    handled_since_wait = true;
}

// Without a controller nothing can interrupt: each handler checks its device.
static void poll(void) {
    for (unsigned irq = 0; irq < IRQ_COUNT; ++irq) {
        if (table[irq].fn != 0) {
            table[irq].fn(table[irq].arg);
        }
    }
}

void irq_wait(void) {
    uint64_t state = cpu_irq_save();
    if (kind == SOC_INTC_NONE) {
        poll();
        cpu_irq_restore(state);
        return;
    }
    if (!handled_since_wait) {
        // IRQ is masked, so none is handled between the test and the sleep; a masked IRQ still ends WFI.
        uint64_t since = cpu_counter();
        cpu_wait_for_interrupt();
        asleep_ticks += cpu_counter() - since;
        cpu_irq_restore(state);
        state = cpu_irq_save();
    }
    handled_since_wait = false;
    cpu_irq_restore(state);
}

uint64_t irq_asleep_ticks(void) {
    return asleep_ticks;
}

const irq_stats_t *irq_stats(void) {
    return &stats;
}
