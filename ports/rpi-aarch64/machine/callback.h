// SPDX-License-Identifier: MIT
// Callbacks of interrupts: the handler notes that one is due, and the thread calls it where it looks for pending work.

#ifndef PORTS_RPI_AARCH64_MACHINE_CALLBACK_H
#define PORTS_RPI_AARCH64_MACHINE_CALLBACK_H

#include <stdbool.h>
#include <stdint.h>

#include "py/obj.h"

// Calls that may wait of one callback. What comes beyond is dropped.
#define CALLBACK_MAX_DUE (1000)

// The owner keeps the memory, cleared at first, for as long as a call may be due.
typedef struct _callback_t {
    struct _callback_t *next;
    uint32_t due;
    void (*run)(struct _callback_t *callback); // in the thread, once for each call that is due
} callback_t;

// More calls are due. In an interrupt, or with IRQ masked.
void callback_due(callback_t *callback, uint64_t calls);

// None is due any more.
void callback_cancel(callback_t *callback);

// Whether a program may start what makes callbacks due: not between soft reset and the start of the next program.
void callback_allow(bool allow);

// Calls function(argument). An exception is printed, but Ctrl-C and the end of the program go on in the thread.
void callback_call(mp_obj_t function, mp_obj_t argument);

// Raise: TypeError if the function is neither None nor callable; ValueError if `hard` is true; OSError(EPERM) while
// callbacks are not allowed.
void callback_check(mp_obj_t function, bool hard);

#endif // PORTS_RPI_AARCH64_MACHINE_CALLBACK_H
