// SPDX-License-Identifier: MIT
// Time from the CPU's generic timer (Arm ARM, "The Generic Timer in AArch64 state"), bounded waits,
// and the wake-up (alarm.h).
// Ticks are counts of CNTPCT_EL0; their rate is CNTFRQ_EL0, which differs from machine to machine.

#ifndef PORTS_RPI_AARCH64_DRIVERS_TIMER_H
#define PORTS_RPI_AARCH64_DRIVERS_TIMER_H

#include <stdbool.h>
#include <stdint.h>

// Ticks since the counter started (before the firmware's jump to the image).
uint64_t timer_ticks(void);

// Ticks per second; never 0.
uint64_t timer_frequency(void);

// Ticks to and from time, exact over the whole 64-bit range of results (no intermediate overflow).
// Both round down.
uint64_t timer_ticks_to_us(uint64_t ticks);
uint64_t timer_us_to_ticks(uint64_t us);

// Time since the counter started.
uint64_t timer_us(void);
uint64_t timer_ms(void);

// The tick count `us` microseconds from now (at least one tick ahead), for timer_expired().
uint64_t timer_deadline_us(uint64_t us);
bool timer_expired(uint64_t deadline);

// Spins for at least `us` microseconds. For device timing; longer delays use timer_wait_until().
void timer_spin_us(uint32_t us);

// Waits until (register & mask) == value, at most `us` microseconds. Returns whether it did.
bool timer_wait_register(uintptr_t address, uint32_t mask, uint32_t value, uint32_t us);

// Takes the timer interrupt (irq.h number). Call after irq_init().
void timer_init(uint32_t irq);

// Interrupts once, `us` microseconds from now. A second call before then moves the time.
void timer_interrupt_after_us(uint64_t us);

// Sleeps (WFI) until any interrupt was handled since the last irq_wait(), or the deadline passed.
// May return early: the caller checks its condition again.
void timer_wait_until(uint64_t deadline);

// Sleeps for at least `us` microseconds; interrupts are handled meanwhile.
void timer_sleep_us(uint32_t us);

// As timer_wait_until(), for a time in milliseconds; a negative one has no deadline. For MICROPY_INTERNAL_WFE.
void timer_wait_ms(int64_t ms);

#endif // PORTS_RPI_AARCH64_DRIVERS_TIMER_H
