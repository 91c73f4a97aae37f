// SPDX-License-Identifier: MIT
// Calls at times to come, and the wake-up of a waiting thread: all that uses the comparator of the generic timer.
// Deadlines are counts of CNTPCT_EL0, as in timer.h.

#ifndef PORTS_RPI_AARCH64_DRIVERS_ALARM_H
#define PORTS_RPI_AARCH64_DRIVERS_ALARM_H

#include <stdbool.h>
#include <stdint.h>

// The owner keeps the memory, cleared at first, until the alarm was called or cancelled.
typedef struct _alarm_t {
    struct _alarm_t *next;
    uint64_t deadline;
    // Called once, in the interrupt, after the deadline. It may set the alarm again, for a time after `now`.
    void (*fn)(struct _alarm_t *alarm, uint64_t now);
    bool is_set;
} alarm_t;

// The time is that of the number of alarms that are set. One that is set already gets the new deadline.
void alarm_set(alarm_t *alarm, uint64_t deadline);
void alarm_cancel(alarm_t *alarm);

// Interrupts at the deadline, once, or at once if it has passed. There is one such deadline: the thread's.
void alarm_wake_at(uint64_t deadline);
void alarm_wake_off(void);

// The handler of the timer's interrupt. It calls an alarm once, however late it is. The next interrupt is 20 us later
// or more, and calls all alarms that are due by then.
void alarm_interrupt(void *arg);

#endif // PORTS_RPI_AARCH64_DRIVERS_ALARM_H
