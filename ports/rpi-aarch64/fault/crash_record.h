// SPDX-License-Identifier: MIT
// How the last run ended: with a crash (described in one line), a requested reset, or the watchdog running. Kept across
// resets in RAM that boot does not clear.

#ifndef PORTS_RPI_AARCH64_FAULT_CRASH_RECORD_H
#define PORTS_RPI_AARCH64_FAULT_CRASH_RECORD_H

#include <stdbool.h>

// Keeps the line (cut to 239 characters), written through to memory: the reset empties the caches.
void crash_record_keep(const char *line);

// Keeps that the reset to come is asked for, by a program or at the prompt.
void crash_record_keep_reset(void);

// Records that the watchdog runs: unless something else is recorded later, the next reset is the watchdog's.
void crash_record_keep_watchdog(void);

// Called once by boot: takes over what the last run kept, if its checksum is right. It is then gone
// from memory, so that the next start does not report it again.
void crash_record_take(void);

// The line taken over; NULL when the last run did not end in a crash. RAM keeps its contents over a
// reset, not over a loss of power. Whether the firmware overwrites them is not known.
const char *crash_record_last(void);

// Whether the last run ended by a reset that was asked for. A watchdog's reset, and one from outside, are not.
bool crash_record_reset_asked(void);

// Whether the watchdog was running when the last run ended, and neither a crash nor a requested reset ended it.
bool crash_record_watchdog_ran(void);

#endif // PORTS_RPI_AARCH64_FAULT_CRASH_RECORD_H
