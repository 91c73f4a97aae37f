// SPDX-License-Identifier: MIT
// Programs at EL0: one entry and one return each time, with the complete register state.
// The loop around it, system calls and faults as Python sees them, is modules/memory/bindings/user.c.

#ifndef PORTS_RPI_AARCH64_USER_MODE_H
#define PORTS_RPI_AARCH64_USER_MODE_H

#include <stdint.h>

#include "exception.h"

// PSTATE.NZCV, the only part of `trap.spsr` that is the program's own.
#define USER_FLAGS_SHIFT (28)
#define USER_FLAGS_MASK (UINT64_C(15) << USER_FLAGS_SHIFT)

// All registers that a program has. `trap` is used as in an exception: sp is SP_EL0, elr the PC; esr
// and far are outputs.
typedef struct _user_state_t {
    trap_frame_t trap;
    uint64_t tpidr;         // TPIDR_EL0; its place is known to user.S
} user_state_t;

// Why a program is no longer running.
typedef enum {
    USER_CALL,              // SVC: its number is in trap.esr, trap.elr is behind it
    USER_FAULT,             // any other synchronous exception; trap.elr is the instruction
    USER_TIME,              // the deadline passed
    USER_PENDING,           // Python has something to do: Ctrl-C, or a scheduled callback
} user_exit_t;

// Once, at boot: what EL0 may do (SCTLR_EL1, CNTKCTL_EL1, PMUSERENR_EL0).
void user_mode_init(void);

// Runs the program of *state in the tables that TTBR0 has, until `deadline` (timer.h ticks) at most,
// and brings its registers back. Interrupts are handled by the drivers meanwhile. Call it from the
// thread, with IRQ unmasked. It does not raise.
user_exit_t user_mode_enter(user_state_t *state, uint64_t deadline);

// Called by vectors.S.
void exception_user_sync(trap_frame_t *trap);
void exception_user_irq(trap_frame_t *trap);

#endif // PORTS_RPI_AARCH64_USER_MODE_H
