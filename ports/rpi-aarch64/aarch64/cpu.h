// SPDX-License-Identifier: MIT
// The few CPU instructions that C code outside this folder needs: interrupt mask, wait for
// interrupt, barriers and the generic timer's registers. With CPU_FAKE (host tests) they are
// ordinary functions of tests/host/fake_hardware.c.

#ifndef PORTS_RPI_AARCH64_AARCH64_CPU_H
#define PORTS_RPI_AARCH64_AARCH64_CPU_H

#include <stdint.h>

#ifdef CPU_FAKE

uint64_t cpu_irq_save(void);
void cpu_irq_restore(uint64_t state);
void cpu_irq_enable(void);
void cpu_wait_for_interrupt(void);
uint64_t cpu_counter(void);
uint64_t cpu_counter_frequency(void);
void cpu_timer_set(uint64_t deadline);
void cpu_timer_stop(void);

#else

// Masks IRQ; returns DAIF as it was, for cpu_irq_restore(). Nests.
static inline uint64_t cpu_irq_save(void) {
    uint64_t state;
    __asm__ volatile ("mrs %0, DAIF\n\tmsr DAIFSet, #2" : "=r" (state) : : "memory");
    return state;
}

static inline void cpu_irq_restore(uint64_t state) {
    __asm__ volatile ("msr DAIF, %0" : : "r" (state) : "memory");
}

static inline void cpu_irq_enable(void) {
    __asm__ volatile ("msr DAIFClr, #2" : : : "memory");
}

// Returns when an interrupt is pending, masked or not. The DSB makes device writes arrive first.
static inline void cpu_wait_for_interrupt(void) {
    __asm__ volatile ("dsb sy\n\twfi" : : : "memory");
}

// The physical counter. The ISB keeps the read from being done early (Arm ARM D11.2.1).
static inline uint64_t cpu_counter(void) {
    uint64_t count;
    __asm__ volatile ("isb\n\tmrs %0, CNTPCT_EL0" : "=r" (count) : : "memory");
    return count;
}

// Counts per second, as boot code or firmware wrote it: it differs between the boards and QEMU.
static inline uint64_t cpu_counter_frequency(void) {
    uint64_t hz;
    __asm__ volatile ("mrs %0, CNTFRQ_EL0" : "=r" (hz));
    return hz;
}

// EL1 physical timer: interrupt when the counter reaches deadline (Arm ARM D11.2.4).
static inline void cpu_timer_set(uint64_t deadline) {
    __asm__ volatile ("msr CNTP_CVAL_EL0, %0\n\tmsr CNTP_CTL_EL0, %1\n\tisb"
        : : "r" (deadline), "r" ((uint64_t)1) : "memory");
}

static inline void cpu_timer_stop(void) {
    __asm__ volatile ("msr CNTP_CTL_EL0, xzr\n\tisb" : : : "memory");
}

#endif // CPU_FAKE
#endif // PORTS_RPI_AARCH64_AARCH64_CPU_H
