// SPDX-License-Identifier: MIT
// How many starts in a row ran boot.py or main.py and came to no prompt: kept over resets, in the RAM that keeps the
// line about a crash (crash_record.h).

#ifndef PORTS_RPI_AARCH64_FAULT_START_COUNT_H
#define PORTS_RPI_AARCH64_FAULT_START_COUNT_H

// Starts before this one. RAM that was without power has none.
unsigned start_count_get(void);

// boot.py and main.py are about to run.
void start_count_add(void);

// The prompt comes next, or a program waits for input.
void start_count_clear(void);

// The run ends, by a reset or a crash: one that lasted a minute was no failure.
void start_count_end(void);

#endif // PORTS_RPI_AARCH64_FAULT_START_COUNT_H
