// SPDX-License-Identifier: MIT
// One comparator for every deadline; see alarm.h.

#include <stddef.h>

#include "aarch64/cpu.h"
#include "alarm.h"

#define NEVER (UINT64_MAX)
// At least from the end of one interrupt to the next, so that the thread makes progress with any number of alarms.
#define GAPS_PER_S (50000)

static alarm_t *first; // sorted by deadline; of equal ones, the one set first
static uint64_t wake = NEVER;
static uint64_t earliest; // the next interrupt is not before this, whatever is set until then

// The interrupt stays pending while the deadline of the comparator has passed. One place for tests/hwcheck/plants.toml.
static void __attribute__((noinline)) set_comparator(void) {
    uint64_t next = first != NULL && first->deadline < wake ? first->deadline : wake;
    if (next == NEVER) {
        cpu_timer_stop();
    } else {
        cpu_timer_set(next > earliest ? next : earliest);
    }
}

static void take_out(alarm_t *alarm) {
    alarm_t **link = &first;
    while (*link != alarm) {
        link = &(*link)->next;
    }
    *link = alarm->next;
    alarm->is_set = false;
}

static void put_in(alarm_t *alarm) {
    alarm_t **link = &first;
    while (*link != NULL && (*link)->deadline <= alarm->deadline) {
        link = &(*link)->next;
    }
    alarm->next = *link;
    *link = alarm;
    alarm->is_set = true;
}

void alarm_set(alarm_t *alarm, uint64_t deadline) {
    uint64_t state = cpu_irq_save();
    if (alarm->is_set) {
        take_out(alarm);
    }
    alarm->deadline = deadline;
    put_in(alarm);
    set_comparator();
    cpu_irq_restore(state);
}

void alarm_cancel(alarm_t *alarm) {
    uint64_t state = cpu_irq_save();
    if (alarm->is_set) {
        take_out(alarm);
        set_comparator();
    }
    cpu_irq_restore(state);
}

static void set_wake(uint64_t deadline) {
    uint64_t state = cpu_irq_save();
    wake = deadline;
    set_comparator();
    cpu_irq_restore(state);
}

void alarm_wake_at(uint64_t deadline) {
    set_wake(deadline);
}

void alarm_wake_off(void) {
    set_wake(NEVER);
}

void alarm_interrupt(void *arg) {
    uint64_t now = cpu_counter();
    (void)arg;
    if (wake <= now) {
        wake = NEVER;
    }
    // An alarm that a function sets is later than `now`, so the loop ends.
    while (first != NULL && first->deadline <= now) {
        alarm_t *alarm = first;
        first = alarm->next;
        alarm->is_set = false;
        alarm->fn(alarm, now);
    }
    earliest = cpu_counter() + cpu_counter_frequency() / GAPS_PER_S;
    set_comparator();
}
