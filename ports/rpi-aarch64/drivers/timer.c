// SPDX-License-Identifier: MIT
// Time, bounded waits and the wake-up interrupt; see timer.h.

#include "aarch64/cpu.h"
#include "alarm.h"
#include "irq.h"
#include "mmio.h"
#include "port.h"
#include "timer.h"

#define US_PER_SECOND (1000000)

uint64_t timer_ticks(void) {
    return cpu_counter();
}

uint64_t timer_frequency(void) {
    // 0 only when CNTFRQ was never programmed: then time is wrong, but every wait still ends.
    uint64_t hz = cpu_counter_frequency();
    return hz != 0 ? hz : 1;
}

// Returns value * to / from. Whole units and remainder are scaled apart, so that no product overflows.
static uint64_t scale(uint64_t value, uint64_t to, uint64_t from) {
    return value / from * to + value % from * to / from;
}

uint64_t timer_ticks_to_us(uint64_t ticks) {
    return scale(ticks, US_PER_SECOND, timer_frequency());
}

uint64_t timer_us_to_ticks(uint64_t us) {
    return scale(us, timer_frequency(), US_PER_SECOND);
}

uint64_t port_ticks(void) {
    return timer_ticks();
}

uint64_t port_us_to_ticks(uint64_t us) {
    return timer_us_to_ticks(us);
}

uint64_t timer_us(void) {
    return timer_ticks_to_us(timer_ticks());
}

uint64_t timer_ms(void) {
    return scale(timer_ticks(), 1000, timer_frequency());
}

uint64_t timer_deadline_us(uint64_t us) {
    return timer_ticks() + timer_us_to_ticks(us) + 1;
}

bool timer_expired(uint64_t deadline) {
    return timer_ticks() >= deadline;
}

void timer_spin_us(uint32_t us) {
    uint64_t deadline = timer_deadline_us(us);
    while (!timer_expired(deadline)) {
    }
}

bool timer_wait_register(uintptr_t address, uint32_t mask, uint32_t value, uint32_t us) {
    // The common case does not read the counter.
    if ((mmio_read(address) & mask) == value) {
        return true;
    }
    uint64_t deadline = timer_deadline_us(us);
    do {
        if ((mmio_read(address) & mask) == value) {
            return true;
        }
    } while (!timer_expired(deadline));
    // Read once more: an interrupt may have used up the time between the read and the clock.
    return (mmio_read(address) & mask) == value;
}

void timer_init(uint32_t irq) {
    cpu_timer_stop();
    irq_set_handler(irq, alarm_interrupt, 0);
    irq_enable(irq);
}

static void ignore(alarm_t *alarm, uint64_t now) {
    (void)alarm;
    (void)now;
}

void timer_interrupt_after_us(uint64_t us) {
    static alarm_t interrupt = { .fn = ignore };
    alarm_set(&interrupt, timer_deadline_us(us));
}

void timer_wait_until(uint64_t deadline) {
    if (timer_expired(deadline)) {
        return;
    }
    // If the timer fires before irq_wait() sleeps, irq_wait() does not sleep.
    alarm_wake_at(deadline);
    irq_wait();
    alarm_wake_off();
}

void timer_sleep_us(uint32_t us) {
    uint64_t deadline = timer_deadline_us(us);
    while (!timer_expired(deadline)) {
        timer_wait_until(deadline);
    }
}

void timer_wait_ms(int64_t ms) {
    if (ms < 0) {
        irq_wait();
    } else {
        timer_wait_until(timer_deadline_us((uint64_t)ms * 1000));
    }
}
