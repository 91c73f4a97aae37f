// SPDX-License-Identifier: MIT
// Functions of modules/memory/port.h that another file of the port provides under a different name.

#include "aarch64/cpu.h"
#include "fault/probe.h"
#include "aarch64/sysreg.h"
#include "boot/bootloader.h"
#include "boot/safe_mode.h"
#include "drivers/board.h"
#include "fault/crash_record.h"
#include "genhdr/pimem_version.h"
#include "mphalport.h"
#include "port.h"

const char *port_version(void) {
    return PIMEM_VERSION;
}

const char *port_board_name(void) {
    return board_name();
}

const char *port_safe_mode_reason(void) {
    return safe_mode_reason();
}

void port_safe_mode_enter(const char *why) {
    safe_mode_enter(why);
}

size_t port_frames(void) {
    return bootloader_frames();
}

bool port_probe_read(uint64_t address, unsigned size, uint64_t *value) {
    return probe_read(address, size, value);
}

bool port_probe_write(uint64_t address, unsigned size, uint64_t value) {
    return probe_write(address, size, value);
}

const char *port_last_crash(void) {
    return crash_record_last();
}

void port_read_registers(port_registers_t *registers) {
    *registers = (port_registers_t) {
        .el = SYSREG_READ(CurrentEL) >> 2 & 3,
        .ttbr0 = SYSREG_READ(TTBR0_EL1),
        .ttbr1 = SYSREG_READ(TTBR1_EL1),
        .tcr = SYSREG_READ(TCR_EL1),
        .mair = SYSREG_READ(MAIR_EL1),
        .sctlr = SYSREG_READ(SCTLR_EL1),
        .vbar = SYSREG_READ(VBAR_EL1),
        .midr = SYSREG_READ(MIDR_EL1),
        .mpidr = SYSREG_READ(MPIDR_EL1),
        .cntfrq = SYSREG_READ(CNTFRQ_EL0),
        .daif = SYSREG_READ(DAIF),
        .spsel = SYSREG_READ(SPSel),
        .sp = sysreg_sp(),
    };
}

bool port_irq_is_masked(void) {
    return cpu_irq_is_masked();
}

// From the counter: heaps are created during boot, which must not wait for the generator.
uint32_t port_random_seed(void) {
    uint64_t x = timer_ticks() * 0x9e3779b97f4a7c15;
    return (uint32_t)(x >> 32) ^ (uint32_t)x;
}
