// SPDX-License-Identifier: MIT
// Callbacks of interrupts: the handler records that a call is due; the thread makes it where it handles pending work.

#ifndef PORTS_RPI_AARCH64_MACHINE_CALLBACK_H
#define PORTS_RPI_AARCH64_MACHINE_CALLBACK_H

#include <stdbool.h>
#include <stdint.h>

#include "py/obj.h"

// The most due calls of one callback. Further ones are dropped and counted (port.h).
#define CALLBACK_MAX_DUE (1000)

// The owner clears the memory before first use and keeps it while a call may be due.
typedef struct _callback_t {
    struct _callback_t *next;
    uint32_t due;
    void (*run)(struct _callback_t *callback); // called in the thread, once for each due call
} callback_t;

// Adds due calls. Called in an interrupt, or with IRQ masked. Returns whether none was dropped.
bool callback_due(callback_t *callback, uint64_t calls);

// Discards the due calls.
void callback_cancel(callback_t *callback);

// Sets whether a program may register callbacks and claim pins: not between a soft reset and the start of the next
// program.
void callback_allow(bool allow);

// Calls function(argument). Prints an exception, but passes KeyboardInterrupt and SystemExit on to the thread.
void callback_call(mp_obj_t function, mp_obj_t argument);

// Raises OSError(EPERM) between a soft reset and the start of the next program, when finalisers run.
void callback_check_allowed(void);

// Raises TypeError if the function is neither None nor callable, ValueError if `hard` is true, OSError(EPERM) while
// callbacks are not allowed.
void callback_check(mp_obj_t function, bool hard);

#endif // PORTS_RPI_AARCH64_MACHINE_CALLBACK_H
