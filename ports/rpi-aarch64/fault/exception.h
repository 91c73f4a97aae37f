// SPDX-License-Identifier: MIT
// The state that an exception saves, and its handlers. vectors.S builds the trap frame; exception.c decides.

#ifndef PORTS_RPI_AARCH64_FAULT_EXCEPTION_H
#define PORTS_RPI_AARCH64_FAULT_EXCEPTION_H

#include <stdint.h>

// The complete register state at the exception. A handler that returns resumes from the trap frame, so
// what it changes here takes effect.
typedef struct _trap_frame_t {
    uint64_t x[31];
    uint64_t sp;        // SP_EL0 where the thread or EL0 was interrupted, else SP_EL1 before the entry
    uint64_t elr;
    uint64_t spsr;
    uint64_t esr;
    uint64_t far;
    uint64_t vector;    // index 0 to 15 into the vector table (Arm ARM D1.10.2)
    uint64_t unused;
    uint64_t fpcr;
    uint64_t fpsr;
    __uint128_t q[32];
} trap_frame_t;

// Called by vectors.S. IRQ from the thread and synchronous exceptions of the thread may return;
// everything else is fatal.
void exception_sync(trap_frame_t *trap);
void exception_irq(trap_frame_t *trap);
void exception_fatal(trap_frame_t *trap) __attribute__((noreturn));

#endif // PORTS_RPI_AARCH64_FAULT_EXCEPTION_H
