// SPDX-License-Identifier: MIT
// GICv2 distributor and CPU interface; see gicv2.h.

#include "gicv2.h"
#include "mmio.h"

// Distributor.
#define GICD_CTLR           (0x000)
#define GICD_TYPER          (0x004)
#define GICD_IGROUPR        (0x080)
#define GICD_ISENABLER      (0x100)
#define GICD_ICENABLER      (0x180)
#define GICD_ICPENDR        (0x280)
#define GICD_ICACTIVER      (0x380)
#define GICD_IPRIORITYR     (0x400)
#define GICD_ITARGETSR      (0x800)
#define GICD_ICFGR          (0xc00)
#define GICD_SGIR           (0xf00)

// CPU interface.
#define GICC_CTLR           (0x000)
#define GICC_PMR            (0x004)
#define GICC_BPR            (0x008)
#define GICC_IAR            (0x00c)
#define GICC_EOIR           (0x010)

// In GICC_CTLR: whether an interrupt that is not enabled passes the GIC by. The firmware's stub has set them.
#define GICC_BYPASS_DISABLE (0x1e0)

#define FIRST_SPI           (32) // IDs below are SGIs and PPIs, which are banked for each core
#define PRIORITY            (0xa0a0a0a0)
#define PREFERRED           (0x80u) // lower numbers come first
#define PRIORITY_MASK       (0xf0) // lets PRIORITY through; the lowest that all GICs implement

// Returns the calling core's bit, repeated for the four interrupts of a target register. The target
// registers of a GIC with one core read 0 and ignore writes.
static uint32_t own_target(const gicv2_t *gic) {
    uint32_t bits = mmio_read(gic->distributor + GICD_ITARGETSR) & 0xff;
    return (bits != 0 ? bits : 1) * 0x01010101;
}

// Makes every interrupt disabled, neither pending nor active, and group 0. On real boards, whose GIC has
// the security extension, the non-secure side ignores the group write: the firmware has put all
// interrupts into group 1. QEMU's GIC lacks the extension and delivers group 0 by the same enable bit.
static void reset_interrupts(gicv2_t *gic) {
    for (uint32_t n = 0; n < gic->count / 32; ++n) {
        mmio_write(gic->distributor + GICD_ICENABLER + 4 * n, 0xffffffff);
        mmio_write(gic->distributor + GICD_ICPENDR + 4 * n, 0xffffffff);
        mmio_write(gic->distributor + GICD_ICACTIVER + 4 * n, 0xffffffff);
        mmio_write(gic->distributor + GICD_IGROUPR + 4 * n, 0);
    }
}

static void configure_interrupts(gicv2_t *gic) {
    uint32_t target = own_target(gic);
    for (uint32_t n = 0; n < gic->count / 4; ++n) {
        mmio_write(gic->distributor + GICD_IPRIORITYR + 4 * n, PRIORITY);
        if (4 * n >= FIRST_SPI) {
            mmio_write(gic->distributor + GICD_ITARGETSR + 4 * n, target);
        }
    }
    for (uint32_t n = FIRST_SPI / 16; n < gic->count / 16; ++n) {
        mmio_write(gic->distributor + GICD_ICFGR + 4 * n, 0);
    }
}

void gicv2_init(gicv2_t *gic, uintptr_t distributor, uintptr_t interface) {
    gic->distributor = distributor;
    gic->interface = interface;
    gic->count = 32 * ((mmio_read(distributor + GICD_TYPER) & 0x1f) + 1);
    uint32_t bypass = mmio_read(interface + GICC_CTLR) & GICC_BYPASS_DISABLE;
    mmio_write(interface + GICC_CTLR, bypass);
    mmio_write(distributor + GICD_CTLR, 0);
    reset_interrupts(gic);
    configure_interrupts(gic);
    mmio_write(distributor + GICD_CTLR, 1);
    mmio_write(interface + GICC_PMR, PRIORITY_MASK);
    mmio_write(interface + GICC_BPR, 0);
    mmio_write(interface + GICC_CTLR, bypass | 1);
}

bool gicv2_set_enabled(gicv2_t *gic, uint32_t irq, bool enabled) {
    if (irq >= gic->count) {
        return false;
    }
    uintptr_t bank = enabled ? GICD_ISENABLER : GICD_ICENABLER;
    mmio_write(gic->distributor + bank + 4 * (irq / 32), 1u << (irq % 32));
    return true;
}

void gicv2_prefer(gicv2_t *gic, uint32_t irq) {
    uintptr_t address = gic->distributor + GICD_IPRIORITYR + (irq & ~3u);
    unsigned shift = 8 * (irq % 4);
    mmio_write(address, (mmio_read(address) & ~(0xffu << shift)) | PREFERRED << shift);
}

// The other core's interrupt is in the group where the firmware's stub has put it. The non-secure side has one bit for
// the only group it sees; in QEMU's GIC, which has both groups, the second bit is for group 1.
void gicv2_call_core(gicv2_t *gic, unsigned core) {
    mmio_write(gic->distributor + GICD_CTLR, 3);
    mmio_write(gic->distributor + GICD_SGIR, 1u << (16 + core));
}

uint32_t gicv2_acknowledge(gicv2_t *gic) {
    return mmio_read(gic->interface + GICC_IAR);
}

void gicv2_end(gicv2_t *gic, uint32_t acknowledged) {
    mmio_write(gic->interface + GICC_EOIR, acknowledged);
}
