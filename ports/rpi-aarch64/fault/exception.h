// SPDX-License-Identifier: MIT
// What an exception saved, and who handles it. vectors.S builds the trap frame; exception.c decides.

#ifndef PORTS_RPI_AARCH64_AARCH64_EXCEPTION_H
#define PORTS_RPI_AARCH64_AARCH64_EXCEPTION_H

// Offsets of the trap frame for vectors.S; exception.c asserts that they agree with the struct.
#define TRAP_FRAME_SP      248
#define TRAP_FRAME_ELR     256
#define TRAP_FRAME_ESR     272
#define TRAP_FRAME_VECTOR  288
#define TRAP_FRAME_FPCR    304
#define TRAP_FRAME_Q       320
#define TRAP_FRAME_SIZE    832

#ifndef __ASSEMBLER__

#include <stdbool.h>
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

// The row of the vector table, for people: "current EL with SP_EL0".
const char *exception_vector_name(uint64_t vector);

// Prints the crash report for the trap and stops or resets the machine (crash.c).
void crash_report(const trap_frame_t *trap, const char *why) __attribute__((noreturn));

// What happens after a crash report: false (default) halts, true resets the board.
extern bool crash_resets;

#endif // __ASSEMBLER__
#endif // PORTS_RPI_AARCH64_AARCH64_EXCEPTION_H
