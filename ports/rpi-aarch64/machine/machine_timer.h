// SPDX-License-Identifier: MIT
// machine.Timer: virtual timers on the comparator of the generic timer.

#ifndef PORTS_RPI_AARCH64_MACHINE_MACHINE_TIMER_H
#define PORTS_RPI_AARCH64_MACHINE_MACHINE_TIMER_H

// Stops every timer: called at soft reset.
void machine_timer_deinit(void);

#endif // PORTS_RPI_AARCH64_MACHINE_MACHINE_TIMER_H
