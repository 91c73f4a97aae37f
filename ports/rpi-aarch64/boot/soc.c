// SPDX-License-Identifier: MIT
// The table of SoCs. Sources of the addresses: the SoCs' device trees in Linux and Broadcom's
// peripheral documents, in the low-peripheral mode that the firmware uses by default.

#include "aarch64/cpu.h"
#include "drivers/bcm2836_intc.h"
#include "soc.h"

#ifdef BOARD_QEMU_VIRT

// A separate build: MIDR_EL1 alone does not distinguish it from a Pi 4 (both have a Cortex-A72).
static const soc_t table[] = {
    {
        .name = "QEMU virt",
        .machine = "QEMU virt",
        .intc = SOC_INTC_GICV2,
        .intc_base = 0x08000000,
        .intc_base2 = 0x08010000,
        .uart = 0x09000000,
        .uart_irq = 33,
        .timer_irq = 30,
        .uart_clock = 24000000,
        .ram_start = 0x40000000,
        .ram_size = 0x08000000,
        .ram_end = 0x4000000000, // the machine's own limit, 255 GiB
        .stub_end = 0x40000000,
        .windows = {
            { 0x08000000, 0x08020000, "interrupt controller" },
            { 0x09000000, 0x09040000, "peripherals" },
            { 0x0a000000, 0x0a004000, "virtio" },
        },
    },
};

void soc_init(void) {
    soc = &table[0];
}

#else

#define MIDR_PART_CORTEX_A72 (0xd08)

static const soc_t table[] = {
    {
        .name = "BCM2837",
        .machine = "Raspberry Pi 3",
        .intc = SOC_INTC_BCM2836,
        .intc_base = 0x40000000,
        .intc_base2 = 0x3f00b000,
        .uart = 0x3f201000,
        .uart_irq = 57,
        .timer_irq = BCM2836_INTC_LOCAL(1),
        .uart_clock = 48000000,
        .mailbox = 0x3f00b880,
        .gpio = 0x3f200000,
        .watchdog = 0x3f100000,
        .sdhci = 0x3f300000,
        .sdhci_is_arasan = true,
        .aux = 0x3f215000,
        .aux_irq = 29,
        .clock_manager = 0x3f101000,
        .pwm = 0x3f20c000,
        .crystal = 19200000,
        .rng = 0x3f104000,
        .i2c = { 0x3f205000, 0x3f804000 },
        .spi = { 0x3f204000, 0x3f215000 },
        .gpio_count = 54,
        .led = 29, // 3B+, 3A+, Zero 2 W; the 3B has it on the firmware's expander
        .gpio_irq = 49,
        .gpio_pulls_2711 = false,
        .ram_start = 0,
        .ram_reserve = 0x01000000, // the peripherals
        .ram_size = 0x1c000000, // the smallest board's: Zero 2 W, 512 MiB less VideoCore's 64
        .ram_end = 0x40000000,
        .stub_end = 0x80000,
        .windows = {
            { 0x3f000000, 0x40000000, "peripherals" },
            { 0x40000000, 0x40001000, "ARM local" },
        },
    },
    {
        .name = "BCM2711",
        .machine = "Raspberry Pi 4",
        .intc = SOC_INTC_GICV2,
        .intc_base = 0xff841000,
        .intc_base2 = 0xff842000,
        .uart = 0xfe201000,
        .uart_irq = 153,
        .timer_irq = 30,
        .uart_clock = 48000000,
        .mailbox = 0xfe00b880,
        .gpio = 0xfe200000,
        .watchdog = 0xfe100000,
        .sdhci = 0xfe340000, // EMMC2
        .uart2 = 0xfe201400,
        .aux = 0xfe215000,
        .aux_irq = 125,
        .clock_manager = 0xfe101000,
        .pwm = 0xfe20c000,
        .crystal = 54000000,
        .rng = 0xfe104000,
        .rng_is_rng200 = true,
        .i2c = { 0xfe205000, 0xfe804000, 0, 0xfe205600, 0xfe205800, 0xfe205a00, 0xfe205c00 },
        .spi = { 0xfe204000, 0xfe215000, 0, 0xfe204600, 0xfe204800, 0xfe204a00, 0xfe204c00 },
        .gpio_count = 58,
        .led = 42, // 4B, CM4; the power LED of the 400
        .gpio_irq = 145,
        .gpio_pulls_2711 = true,
        .ram_start = 0,
        .ram_size = 0x3b400000, // what every board has below VideoCore's 76 MiB
        .ram_end = 0x200000000, // of the boards with 8 GiB
        .stub_end = 0x80000,
        .windows = {
            { 0xfc000000, 0xfe000000, "BCM2711 peripherals" },
            { 0xfe000000, 0xff800000, "peripherals" },
            { 0xff800000, 0x100000000, "ARM local" },
        },
    },
};

void soc_init(void) {
    uint32_t part = (uint32_t)(cpu_midr() >> 4) & 0xfff;
    soc = part == MIDR_PART_CORTEX_A72 ? &table[1] : &table[0];
}

#endif // BOARD_QEMU_VIRT

// A pointer made before the MMU is on is a physical address, so soc_init() is to be called again in
// the upper half; this initial value is valid until soc_init() runs there.
const soc_t *soc = &table[0];
