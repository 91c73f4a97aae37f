// SPDX-License-Identifier: MIT
// Reading a stack and memory that may be damaged: nothing is touched that the processor would not
// translate (AT S1E1R is asked first), and no device.

#ifndef PORTS_RPI_AARCH64_FAULT_BACKTRACE_H
#define PORTS_RPI_AARCH64_FAULT_BACKTRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "exception.h"

// Reads the 64-bit word at `va`; false when it is misaligned, not mapped or of a device.
bool backtrace_peek(uint64_t va, uint64_t *value);

// Steps along the chain of frame records (AAPCS64 6.4.6).
typedef struct _backtrace_t {
    uint64_t record;    // address of the next frame record
    unsigned left;      // addresses still to come at most
    unsigned state;     // 0: PC is next, 1: LR is next, 2: the chain
    bool broken;        // the chain was left before its end
    bool off_stack;     // a record was elsewhere than on the thread's stack
    const trap_frame_t *trap;
} backtrace_t;

// Starts at the exception's PC, then LR, then the return addresses of the chain; at most `max`.
void backtrace_start(backtrace_t *b, const trap_frame_t *trap, unsigned max);

// The next address; false at the end. The chain ends at a null record. It is broken at a record that
// cannot be read, where it does not go up the stack, and where it is longer than `max`.
bool backtrace_next(backtrace_t *b, uint64_t *address);

#endif // PORTS_RPI_AARCH64_FAULT_BACKTRACE_H
