// SPDX-License-Identifier: MIT
// Which line of Python was running, found from a stack that may be damaged: memory is read by
// backtrace_peek() only, and nothing of MicroPython is called.

#ifndef PORTS_RPI_AARCH64_FAULT_CRASH_PYTHON_H
#define PORTS_RPI_AARCH64_FAULT_CRASH_PYTHON_H

#include <stdbool.h>
#include <stddef.h>

#include "exception.h"

// Writes "main.py:12 in f": printable text without quotes or backslashes, cut to size - 1 characters
// and ended by a NUL. False: no Python function was running, or it cannot be told which.
bool crash_python_line(const trap_frame_t *trap, char *text, size_t size);

#endif // PORTS_RPI_AARCH64_FAULT_CRASH_PYTHON_H
