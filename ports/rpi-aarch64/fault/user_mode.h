// SPDX-License-Identifier: MIT
// Programs at EL0: one entry and one return each time (port_user_enter() of port.h).
// The loop around it, system calls and faults as Python sees them, is modules/memory/bindings/user.c.

#ifndef PORTS_RPI_AARCH64_FAULT_USER_MODE_H
#define PORTS_RPI_AARCH64_FAULT_USER_MODE_H

#include "exception.h"

// Once, at boot: what EL0 may do (SCTLR_EL1, CNTKCTL_EL1, PMUSERENR_EL0).
void user_mode_init(void);

// Called by vectors.S.
void exception_user_sync(trap_frame_t *trap);
void exception_user_irq(trap_frame_t *trap);
void exception_user_serror(trap_frame_t *trap);

// Called for each SError of the thread: if it was taken on the way out of EL0, it is the program's, which ends.
bool user_mode_recover(trap_frame_t *trap);

#endif // PORTS_RPI_AARCH64_FAULT_USER_MODE_H
