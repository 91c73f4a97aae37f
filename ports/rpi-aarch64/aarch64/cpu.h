// SPDX-License-Identifier: MIT
// The few CPU instructions that C code outside this folder needs: interrupt mask, waiting,
// barriers, identification, device access and the generic timer's registers. With CPU_FAKE (host
// tests) those that drivers use are ordinary functions of tests/host/fake_hardware.c.

#ifndef PORTS_RPI_AARCH64_AARCH64_CPU_H
#define PORTS_RPI_AARCH64_AARCH64_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/fault/syndrome.h"

#ifdef CPU_FAKE

uint64_t cpu_irq_save(void);
void cpu_irq_restore(uint64_t state);
bool cpu_irq_is_masked(void);
void cpu_irq_enable(void);
uint64_t cpu_midr(void);
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

static inline uint64_t cpu_irq_state(void) {
    uint64_t state;
    __asm__ volatile ("mrs %0, DAIF" : "=r" (state) : : "memory");
    return state;
}

static inline bool cpu_irq_is_masked(void) {
    return cpu_irq_state() & PSTATE_I;
}

static inline void cpu_irq_enable(void) {
    __asm__ volatile ("msr DAIFClr, #2" : : : "memory");
}

// Waits for the answer of the bus to all accesses so far, and takes the SError that one of them may have caused: it is
// raised, or ends in a crash report, before this returns. SErrors are unmasked afterwards.
static inline void cpu_take_serror(void) {
    __asm__ volatile ("dsb sy\n\tmsr DAIFClr, #4\n\tisb" : : : "memory");
}

// Whether one of the accesses so far has caused an SError that is masked.
static inline bool cpu_serror_is_pending(void) {
    uint64_t isr;
    __asm__ volatile ("dsb sy\n\tmrs %0, ISR_EL1" : "=r" (isr) : : "memory");
    return isr & PSTATE_A; // the same bit
}

// Returns when an interrupt is pending, masked or not. The DSB makes device writes arrive first.
static inline void cpu_wait_for_interrupt(void) {
    __asm__ volatile ("dsb sy\n\twfi" : : : "memory");
}

// The physical counter. The ISB keeps the read from being done early (Arm ARM, "The physical counter").
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

// EL1 physical timer: interrupt when the counter reaches deadline (Arm ARM, "Timers").
static inline void cpu_timer_set(uint64_t deadline) {
    __asm__ volatile ("msr CNTP_CVAL_EL0, %0\n\tmsr CNTP_CTL_EL0, %1\n\tisb"
        : : "r" (deadline), "r" ((uint64_t)1) : "memory");
}

static inline void cpu_timer_stop(void) {
    __asm__ volatile ("msr CNTP_CTL_EL0, xzr\n\tisb" : : : "memory");
}

// MIDR_EL1: which processor this is.
static inline uint64_t cpu_midr(void) {
    uint64_t midr;
    __asm__ ("mrs %0, MIDR_EL1" : "=r" (midr));
    return midr;
}

// ID_AA64MMFR0_EL1.PARange: the physical address size, as desc_tcr_value() takes it.
static inline unsigned cpu_pa_range(void) {
    uint64_t mmfr0;
    __asm__ ("mrs %0, ID_AA64MMFR0_EL1" : "=r" (mmfr0));
    return mmfr0 & 15;
}

// Everything before is complete and visible to all observers, then the event that ends WFE is sent.
static inline void cpu_send_event(void) {
    __asm__ volatile ("dsb sy\n\tsev" : : : "memory");
}

// Stops this core. Interrupts still pending or arriving are not handled when they are masked.
static inline void __attribute__((noreturn)) cpu_stop(void) {
    for (;;) {
        __asm__ volatile ("wfi");
    }
}

// A delay of one cycle or more.
static inline void cpu_pause(void) {
    __asm__ volatile ("yield");
}

// A breakpoint exception, which ends as a crash report.
static inline void __attribute__((noreturn)) cpu_breakpoint(void) {
    __asm__ volatile ("brk #1");
    __builtin_unreachable();
}

// Drops the data cache lines of [start, end) without writing them back, down to memory. Only for
// memory that was written with the caches off, where an older line would hide it.
static inline void cpu_invalidate_cache(uint64_t start, uint64_t end) {
    uint64_t ctr;
    __asm__ ("mrs %0, CTR_EL0" : "=r" (ctr));
    uint64_t line = (uint64_t)4 << ((ctr >> 16) & 15); // CTR_EL0.DminLine: log2 of words
    for (uint64_t address = start & ~(line - 1); address < end; address += line) {
        __asm__ volatile ("dc ivac, %0" : : "r" (address) : "memory");
    }
    __asm__ volatile ("dsb sy" : : : "memory");
}

// One plain LDR/STR each: the compiler may otherwise use forms with write-back, which a hypervisor
// (and QEMU's trap decoding) cannot emulate. Ordering is described in drivers/mmio.h.
static inline uint32_t cpu_device_read(uintptr_t address) {
    uint32_t value;
    __asm__ volatile ("ldr %w0, [%1]\n\tdmb oshld" : "=r" (value) : "r" (address) : "memory");
    return value;
}

static inline void cpu_device_write(uintptr_t address, uint32_t value) {
    __asm__ volatile ("dmb osh\n\tstr %w0, [%1]" : : "r" (value), "r" (address) : "memory");
}

// The same register `count` times, to memory and from it, in the order of the words. The register is one FIFO, whose
// accesses stay in order by themselves: they are ordered against others as a whole.
static inline void cpu_device_read_run(uintptr_t address, void *to, size_t count) {
    #pragma GCC unroll 8
    for (size_t i = 0; i < count; ++i) {
        uint32_t value;
        __asm__ volatile ("ldr %w0, [%1]" : "=r" (value) : "r" (address));
        __builtin_memcpy((char *)to + 4 * i, &value, 4);
    }
    __asm__ volatile ("dmb oshld" : : : "memory");
}

static inline void cpu_device_write_run(uintptr_t address, const void *from, size_t count) {
    __asm__ volatile ("dmb osh" : : : "memory");
    #pragma GCC unroll 8
    for (size_t i = 0; i < count; ++i) {
        uint32_t value;
        __builtin_memcpy(&value, (const char *)from + 4 * i, 4);
        __asm__ volatile ("str %w0, [%1]" : : "r" (value), "r" (address));
    }
}

#endif // CPU_FAKE
#endif // PORTS_RPI_AARCH64_AARCH64_CPU_H
