// SPDX-License-Identifier: MIT
// What differs between the SoCs, as data: physical addresses of the blocks the port drives.
// Chosen once at boot; drivers take a base address and do not depend on the SoC.

#ifndef PORTS_RPI_AARCH64_BOOT_SOC_H
#define PORTS_RPI_AARCH64_BOOT_SOC_H

#include <stdbool.h>
#include <stdint.h>

#include "layout.h"
#include "port.h"

typedef enum _soc_intc_t {
    SOC_INTC_BCM2836, // ARM-local controller in front of the legacy BCM2835 controller (BCM2837)
    SOC_INTC_GICV2,   // GIC-400 (BCM2711) and QEMU's virt machine
    SOC_INTC_NONE,    // none answers: interrupts are polled
} soc_intc_t;

#define SOC_MAX_WINDOWS (4)
#define SOC_BUSES (7) // I2C(0) to I2C(6), SPI(0) to SPI(6)
#define SOC_SILENT (1) // in place of a bus that the SoC has, but that does not answer

// Physical addresses; 0 means that this SoC has no such block.
typedef struct _soc_t {
    const char *name;       // "BCM2837", "BCM2711", "QEMU virt"
    const char *machine;    // default model when no device tree names one
    soc_intc_t intc;
    uint64_t intc_base;     // GIC distributor, or ARM-local block
    uint64_t intc_base2;    // GIC CPU interface, or legacy controller (at peripherals + 0xb000)
    uint64_t uart;          // PL011
    uint32_t uart_irq;      // GIC interrupt ID, or legacy interrupt number
    uint32_t timer_irq;     // generic timer CNTP (non-secure): GIC ID 30, or ARM-local source 1
    uint32_t uart_clock;    // Hz, used when no mailbox answers
    uint64_t mailbox;       // VideoCore mailbox (peripherals + 0xb880)
    uint64_t gpio;
    uint64_t watchdog;      // PM block (peripherals + 0x100000)
    uint64_t sdhci;         // SD host controller of the card
    bool sdhci_is_arasan;
    uint64_t clock_manager; // peripherals + 0x101000
    uint64_t pwm;           // the block PWM0 (peripherals + 0x20c000)
    uint32_t crystal;       // Hz
    uint64_t rng;           // random number generator (peripherals + 0x104000)
    bool rng_is_rng200;     // RNG200 of BCM2711; otherwise the generator of BCM2835
    uint64_t uart2;         // PL011 numbers 2 to 5, 0x200 bytes each, also on `uart_irq` (peripherals + 0x201400)
    uint64_t aux;           // mini UART, SPI1, SPI2 (peripherals + 0x215000)
    uint32_t aux_irq;
    uint64_t i2c[SOC_BUSES]; // Broadcom Serial Controllers by number; number 2 is reserved for HDMI
    uint64_t spi[SOC_BUSES]; // SPI masters by number; that of SPI(1) is the address of the auxiliary block
    uint32_t gpio_count;
    uint32_t led;           // GPIO of the activity LED where the SoC drives it; 0: none
    uint32_t gpio_irq;      // the first of the GPIO block's three interrupts
    bool gpio_pulls_2711;   // pull registers of BCM2711 instead of GPPUD
    uint64_t ram_start;     // default RAM without a device tree and a mailbox
    uint64_t ram_size;
    uint64_t ram_end;       // no board with this SoC has RAM from here on, whatever a device tree says
    uint64_t ram_reserve;   // bytes below the end of the first GiB that are never RAM (MMIO)
    uint64_t stub_end;      // [ram_start, stub_end) belongs to the firmware's stub; == ram_start: none
    boot_range_t windows[SOC_MAX_WINDOWS]; // of devices; a zero end terminates
} soc_t;

// The SoC this machine is, by MIDR_EL1's part number; never NULL (set before the MMU is on). From
// devices_probe() on, a device that does not answer has address 0, a bus SOC_SILENT.
extern const soc_t *soc;

// Chooses `soc`. Touches no device: MIDR_EL1 decides between the Pis; the virt machine is a separate
// build with a one-entry table.
void soc_init(void);

// The virtual address of a device register block at physical address pa.
static inline uintptr_t soc_mmio(uint64_t pa) {
    return (uintptr_t)(LAYOUT_MMIO + pa);
}

#endif // PORTS_RPI_AARCH64_BOOT_SOC_H
