// SPDX-License-Identifier: MIT
// One line about the last crash, kept over the reset in RAM that no start clears.

#ifndef PORTS_RPI_AARCH64_FAULT_CRASH_RECORD_H
#define PORTS_RPI_AARCH64_FAULT_CRASH_RECORD_H

// Keeps the line (cut to 239 characters), written through to memory: the reset empties the caches.
void crash_record_keep(const char *line);

// Called once by boot: takes over what the last run kept, if its checksum is right. It is then gone
// from memory, so that the next start does not report it again.
void crash_record_take(void);

// The line taken over; NULL when the last run did not end in a crash. RAM keeps its contents over a
// reset, not over a loss of power. Whether the firmware overwrites them is not known.
const char *crash_record_last(void);

#endif // PORTS_RPI_AARCH64_FAULT_CRASH_RECORD_H
