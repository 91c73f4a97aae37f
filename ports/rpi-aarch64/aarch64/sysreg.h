// SPDX-License-Identifier: MIT
// System registers by their name in the Arm ARM, "AArch64 System Register Descriptions", read as they are: for reports.

#ifndef PORTS_RPI_AARCH64_AARCH64_SYSREG_H
#define PORTS_RPI_AARCH64_AARCH64_SYSREG_H

#include <stdint.h>

#define SYSREG_READ(name) ({ uint64_t value_; __asm__ volatile ("mrs %0, " #name : "=r" (value_)); value_; })

// The stack pointer in use.
static inline uint64_t sysreg_sp(void) {
    uint64_t sp;
    __asm__ volatile ("mov %0, sp" : "=r" (sp));
    return sp;
}

#endif // PORTS_RPI_AARCH64_AARCH64_SYSREG_H
