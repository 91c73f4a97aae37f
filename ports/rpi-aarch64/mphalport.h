// SPDX-License-Identifier: MIT
// The hardware as MicroPython's portable code sees it.

#ifndef PORTS_RPI_AARCH64_MPHALPORT_H
#define PORTS_RPI_AARCH64_MPHALPORT_H

#include "py/mpconfig.h"
#include "py/obj.h"
#include "drivers/timer.h"
#include "mphal_pin.h"

void mp_hal_set_interrupt_char(int c);

static inline mp_uint_t mp_hal_ticks_ms(void) {
    return (mp_uint_t)timer_ms();
}

static inline mp_uint_t mp_hal_ticks_us(void) {
    return (mp_uint_t)timer_us();
}

// The counter itself: the finest clock that the CPU has without the performance monitor.
static inline mp_uint_t mp_hal_ticks_cpu(void) {
    return (mp_uint_t)timer_ticks();
}

void mp_hal_delay_us(mp_uint_t us);

static inline void mp_hal_delay_us_fast(mp_uint_t us) {
    timer_spin_us((uint32_t)us);
}

// Nanoseconds since the epoch (1970-01-01). There is no clock that survives power-off: each start is at the begin of
// the date on which the image was built. A time that was set survives soft resets.
uint64_t mp_hal_time_ns(void);
void mp_hal_set_time_ns(uint64_t ns);

// Fills a buffer, for os.urandom(). Raises OSError if the generator of the machine fails.
void mp_hal_get_random(size_t count, uint8_t *bytes);

// Called after mp_init(): the program may use timers and pin interrupts.
void machine_init(void);

// Called at soft reset, before mp_deinit(). Stops timers and blocks, releases their pins, and records the soft reset
// for machine.reset_cause() (modmachine_port.c).
void machine_deinit(void);

#endif // PORTS_RPI_AARCH64_MPHALPORT_H
