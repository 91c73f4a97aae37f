// SPDX-License-Identifier: MIT
// The debug registers that single stepping needs (Arm ARM, "Software Step exceptions", "Debug registers").

#ifndef PORTS_RPI_AARCH64_AARCH64_DEBUG_H
#define PORTS_RPI_AARCH64_AARCH64_DEBUG_H

#include <stdint.h>

// Bits of MDSCR_EL1.
#define DEBUG_SS (UINT64_C(1) << 0)
#define DEBUG_KDE (UINT64_C(1) << 13)   // debug exceptions from EL1 itself

// The OS lock and the OS double lock are set or unknown after reset, and hold debug exceptions back.
static inline void debug_unlock(void) {
    __asm__ volatile ("msr OSLAR_EL1, xzr\n\tmsr OSDLR_EL1, xzr\n\tisb" : : : "memory");
}

// Clears, then sets bits of MDSCR_EL1.
static inline void debug_change_control(uint64_t clear, uint64_t set) {
    uint64_t value;
    __asm__ volatile ("mrs %0, MDSCR_EL1" : "=r" (value));
    value = (value & ~clear) | set;
    __asm__ volatile ("msr MDSCR_EL1, %0\n\tisb" : : "r" (value) : "memory");
}

#endif // PORTS_RPI_AARCH64_AARCH64_DEBUG_H
