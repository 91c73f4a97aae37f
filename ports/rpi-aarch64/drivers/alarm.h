// SPDX-License-Identifier: MIT
// Calls at a deadline, and the wake-up of a waiting thread: everything that uses the comparator of the generic timer.
// Deadlines are counts of CNTPCT_EL0, as in timer.h.

#ifndef PORTS_RPI_AARCH64_DRIVERS_ALARM_H
#define PORTS_RPI_AARCH64_DRIVERS_ALARM_H

#include <stdbool.h>
#include <stdint.h>

// The owner clears the memory before first use and keeps it until the alarm has been called or cancelled.
typedef struct _alarm_t {
    struct _alarm_t *next;
    uint64_t deadline;
    // Called once, in the interrupt, after the deadline. It may set the alarm again, for a time after `now`.
    void (*fn)(struct _alarm_t *alarm, uint64_t now);
    bool is_set;
} alarm_t;

// Takes time proportional to the number of alarms that are set. An alarm that is already set gets the new deadline.
void alarm_set(alarm_t *alarm, uint64_t deadline);
void alarm_cancel(alarm_t *alarm);

// Interrupts once at the deadline, or immediately if it has passed. There is one such deadline, that of the thread.
void alarm_wake_at(uint64_t deadline);
void alarm_wake_off(void);

// The handler of the timer's interrupt. It calls each due alarm once, however late it is. The next interrupt is at
// least 20 us later, and calls all alarms that are due by then.
void alarm_interrupt(void *arg);

#endif // PORTS_RPI_AARCH64_DRIVERS_ALARM_H
