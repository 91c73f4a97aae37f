// SPDX-License-Identifier: MIT
// The state that an exception saves, and its handlers. vectors.S builds the trap frame; exception.c decides.

#ifndef PORTS_RPI_AARCH64_FAULT_EXCEPTION_H
#define PORTS_RPI_AARCH64_FAULT_EXCEPTION_H

#include <stdint.h>

#include "port.h"

// Called by vectors.S. IRQ, synchronous exceptions and SErrors of the thread may return; those of EL0 are in
// user_mode.h; everything else is fatal.
void exception_sync(trap_frame_t *trap);
void exception_serror(trap_frame_t *trap);
void exception_irq(trap_frame_t *trap);
void exception_fatal(trap_frame_t *trap) __attribute__((noreturn));

#endif // PORTS_RPI_AARCH64_FAULT_EXCEPTION_H
