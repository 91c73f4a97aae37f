// SPDX-License-Identifier: MIT
// The crash report: the end of an exception that no code handles.

#ifndef PORTS_RPI_AARCH64_FAULT_CRASH_H
#define PORTS_RPI_AARCH64_FAULT_CRASH_H

#include "exception.h"

// Prints the crash report of the trap and stops or resets the machine.
void crash_report(const trap_frame_t *trap, const char *why) __attribute__((noreturn));

#endif // PORTS_RPI_AARCH64_FAULT_CRASH_H
