// SPDX-License-Identifier: MIT
// Probes one register of each device of the board before the drivers use it.

#include <stddef.h>

#include "drivers/aux_spi.h"
#include "drivers/board.h"
#include "drivers/clock_manager.h"
#include "drivers/pl011.h"
#include "fault/probe.h"
#include "devices.h"
#include "soc.h"

// A register of each block that is safe to read as a presence probe.
#define MAILBOX_STATUS  (0x18)
#define GIC_SECOND_REGISTER (0x04)  // GICD_TYPER and GICC_PMR
#define LOCAL_ROUTING   (0x0c)
#define LEGACY_PENDING  (0x204)
#define PL011_FLAGS     (0x18)
#define GPIO_FUNCTIONS  (0x00)
#define PM_STATUS       (0x20)
#define SDHCI_PRESENT   (0x24)
#define RNG_CONTROL     (0x00)
#define BSC_STATUS      (0x04)
#define CLOCK_CONTROL   (CLOCK_MANAGER_PWM)
#define PWM_CONTROL     (0x00)
#define SPI_CONTROL     (0x00)
#define AUX_ENABLES     (0x04)

#define FIRST_FURTHER   (3) // the buses that only BCM2711 has

#define MAX_MISSING (16)

static soc_t present;
static const char *missing[MAX_MISSING];
static unsigned missing_count;

static void report_missing(const char *name) {
    if (missing_count < MAX_MISSING) {
        missing[missing_count++] = name;
    }
}

const char *port_missing_device(unsigned index) {
    if (index < missing_count) {
        return missing[index];
    }
    return index == missing_count && board_mailbox.dead ? "mailbox" : NULL;
}

static bool answers(uint64_t base, uint64_t offset) {
    uint64_t value;
    return probe_read(soc_mmio(base) + offset, 4, &value);
}

static void check(uint64_t *base, uint64_t offset, const char *name) {
    if (*base != 0 && !answers(*base, offset)) {
        *base = 0;
        report_missing(name);
    }
}

// Buses [first, end), which are adjacent: all are there, or none.
static void check_buses(uint64_t buses[SOC_BUSES], unsigned first, unsigned end, uint64_t offset, const char *names) {
    bool expected = buses[first] != 0;
    check(&buses[first], offset, names);
    for (unsigned n = first; expected && buses[first] <= SOC_SILENT && n < end; ++n) {
        buses[n] = SOC_SILENT;
    }
}

static void check_bus(uint64_t buses[SOC_BUSES], unsigned n, uint64_t offset, const char *name) {
    check_buses(buses, n, n + 1, offset, name);
}

// QEMU models the mini UART but not SPI1 beside it, and UART0 but not UART2 to UART5 in the same page: their registers
// read as 0 instead of faulting, so the probe is whether one retains a value. Their bases stay: the classes
// then raise OSError(ENODEV) with the name of the block.
static void check_silent_blocks(void) {
    spi_mode_t mode = { .hz = 1 };
    aux_spi_t spi = { .base = present.spi[1] > SOC_SILENT ? soc_mmio(present.spi[1]) : 0 };
    if (spi.base != 0) {
        if (aux_spi_start(&spi, 0, &mode) != SPI_OK) {
            report_missing("SPI(1)");
        }
        aux_spi_stop(&spi);
    }
    if (present.uart2 != 0 && !(answers(present.uart2, PL011_FLAGS) && pl011_answers(soc_mmio(present.uart2)))) {
        report_missing("UART(2) to UART(5)");
    }
}

static void check_interrupt_controller(void) {
    bool gic = present.intc == SOC_INTC_GICV2;
    if (!answers(present.intc_base, gic ? GIC_SECOND_REGISTER : LOCAL_ROUTING)
        || !answers(present.intc_base2, gic ? GIC_SECOND_REGISTER : LEGACY_PENDING)) {
        present.intc = SOC_INTC_NONE;
        report_missing("interrupt controller");
    }
}

void devices_probe(void) {
    present = *soc;
    check_interrupt_controller();
    check(&present.uart, PL011_FLAGS, "UART");
    check(&present.mailbox, MAILBOX_STATUS, "mailbox");
    check(&present.gpio, GPIO_FUNCTIONS, "GPIO");
    check(&present.watchdog, PM_STATUS, "watchdog");
    check(&present.sdhci, SDHCI_PRESENT, "SD controller");
    check(&present.aux, AUX_ENABLES, "mini UART");
    check(&present.clock_manager, CLOCK_CONTROL, "clock manager");
    check(&present.pwm, PWM_CONTROL, "PWM");
    check(&present.rng, RNG_CONTROL, "random number generator");
    check_bus(present.i2c, 0, BSC_STATUS, "I2C(0)");
    check_bus(present.i2c, 1, BSC_STATUS, "I2C(1)");
    check_buses(present.i2c, FIRST_FURTHER, SOC_BUSES, BSC_STATUS, "I2C(3) to I2C(6)");
    check_bus(present.spi, 0, SPI_CONTROL, "SPI(0)");
    check_bus(present.spi, 1, AUX_ENABLES, "SPI(1)");
    check_buses(present.spi, FIRST_FURTHER, SOC_BUSES, SPI_CONTROL, "SPI(3) to SPI(6)");
    check_silent_blocks();
    soc = &present;
}
