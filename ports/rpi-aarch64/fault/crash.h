// SPDX-License-Identifier: MIT
// The crash report: the end of an exception that no code handles.

#ifndef PORTS_RPI_AARCH64_FAULT_CRASH_H
#define PORTS_RPI_AARCH64_FAULT_CRASH_H

#include <stdbool.h>

#include "exception.h"

// Prints the crash report of the trap and stops or resets the machine.
void crash_report(const trap_frame_t *trap, const char *why) __attribute__((noreturn));

// What happens after a crash report: false (default) halts, true resets the board.
extern bool crash_resets;

#endif // PORTS_RPI_AARCH64_FAULT_CRASH_H
