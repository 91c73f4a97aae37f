// SPDX-License-Identifier: MIT
// ARM-local and legacy interrupt controllers of BCM2837; see bcm2836_intc.h.

#include "bcm2836_intc.h"
#include "mmio.h"

// ARM-local, core 0.
#define LOCAL_ROUTING           (0x0c)
#define LOCAL_TIMER_CONTROL     (0x40)
#define LOCAL_MAILBOX_CONTROL   (0x50)
#define LOCAL_IRQ_SOURCE        (0x60)
// Of each core: a word that enables its mailboxes, four words that set bits in them.
#define CORE_MAILBOX_CONTROL(core)  (0x50 + 4 * (core))
#define CORE_MAILBOX_SET(core, n)   (0x80 + 16 * (core) + 4 * (n))

#define LOCAL_FIRST_MAILBOX     (4)
#define LOCAL_LEGACY            (8) // source bit: an interrupt of the legacy controller is pending
#define LOCAL_ENABLED_SOURCES   (0xff) // timers and mailboxes, all that this driver can enable

// Legacy controller.
#define LEGACY_BASIC_PENDING    (0x200)
#define LEGACY_PENDING          (0x204) // two words
#define LEGACY_FIQ_CONTROL      (0x20c)
#define LEGACY_ENABLE           (0x210) // three words: peripherals 0-31, 32-63, ARM side
#define LEGACY_DISABLE          (0x21c) // three words

#define BASIC_SOURCES           (0xff) // bits of "basic pending" that are interrupts; the others summarise

void bcm2836_intc_init(bcm2836_intc_t *intc, uintptr_t local, uintptr_t legacy) {
    intc->local = local;
    intc->legacy = legacy;
    intc->preferred = 0;
    mmio_write(legacy + LEGACY_FIQ_CONTROL, 0);
    for (unsigned n = 0; n < 3; ++n) {
        mmio_write(legacy + LEGACY_DISABLE + 4 * n, 0xffffffff);
        intc->enabled[n] = 0;
    }
    mmio_write(local + LOCAL_ROUTING, 0);
    mmio_write(local + LOCAL_TIMER_CONTROL, 0);
    mmio_write(local + LOCAL_MAILBOX_CONTROL, 0);
}

static bool set_local_enabled(bcm2836_intc_t *intc, uint32_t source, bool enabled) {
    if (source >= LOCAL_LEGACY) {
        return false;
    }
    uintptr_t control = intc->local + LOCAL_TIMER_CONTROL;
    if (source >= LOCAL_FIRST_MAILBOX) {
        control = intc->local + LOCAL_MAILBOX_CONTROL;
        source -= LOCAL_FIRST_MAILBOX;
    }
    if (enabled) {
        mmio_set_bits(control, 1u << source);
    } else {
        mmio_clear_bits(control, 1u << source);
    }
    return true;
}

bool bcm2836_intc_set_enabled(bcm2836_intc_t *intc, uint32_t irq, bool enabled) {
    if (irq >= BCM2836_INTC_LOCAL(0)) {
        return set_local_enabled(intc, irq - BCM2836_INTC_LOCAL(0), enabled);
    }
    if (irq >= BCM2836_INTC_BASIC(8)) {
        return false;
    }
    uint32_t bit = 1u << (irq % 32);
    if (enabled) {
        intc->enabled[irq / 32] |= bit;
    } else {
        intc->enabled[irq / 32] &= ~bit;
    }
    mmio_write(intc->legacy + (enabled ? LEGACY_ENABLE : LEGACY_DISABLE) + 4 * (irq / 32), bit);
    return true;
}

void bcm2836_intc_call_core(bcm2836_intc_t *intc, unsigned core) {
    mmio_write(intc->local + CORE_MAILBOX_CONTROL(core), 1u << 3);
    mmio_write(intc->local + CORE_MAILBOX_SET(core, 3), 1);
}

static uint32_t pending_of(const bcm2836_intc_t *intc, unsigned n) {
    return mmio_read(intc->legacy + LEGACY_PENDING + 4 * n) & intc->enabled[n];
}

// Reads the pending words, not bits 8 and 9 of "basic pending", which summarise them: a peripheral with
// a shortcut bit in bits 10 to 20 (PL011, number 57, is one) sets bits 8 and 9 in QEMU but not on
// hardware. The masks remove interrupts that only VideoCore enabled.
static uint32_t legacy_pending(const bcm2836_intc_t *intc) {
    uint32_t word = intc->preferred / 32;
    if (pending_of(intc, word) >> intc->preferred % 32 & 1) {
        return intc->preferred;
    }
    for (unsigned n = 0; n < 2; ++n) {
        uint32_t pending = pending_of(intc, n);
        if (pending != 0) {
            return 32 * n + (uint32_t)__builtin_ctz(pending);
        }
    }
    uint32_t basic = mmio_read(intc->legacy + LEGACY_BASIC_PENDING) & intc->enabled[2];
    basic &= BASIC_SOURCES;
    return basic != 0 ? BCM2836_INTC_BASIC((uint32_t)__builtin_ctz(basic)) : BCM2836_INTC_NONE;
}

uint32_t bcm2836_intc_pending(const bcm2836_intc_t *intc) {
    uint32_t source = mmio_read(intc->local + LOCAL_IRQ_SOURCE);
    if (source & (1u << LOCAL_LEGACY)) {
        uint32_t irq = legacy_pending(intc);
        if (irq != BCM2836_INTC_NONE) {
            return irq;
        }
    }
    source &= LOCAL_ENABLED_SOURCES;
    return source != 0 ? BCM2836_INTC_LOCAL((uint32_t)__builtin_ctz(source)) : BCM2836_INTC_NONE;
}
