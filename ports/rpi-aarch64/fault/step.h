// SPDX-License-Identifier: MIT
// Running one instruction of the thread (Arm ARM, "Software Step exceptions"), after a pager has mapped a page
// for that instruction only.

#ifndef PORTS_RPI_AARCH64_FAULT_STEP_H
#define PORTS_RPI_AARCH64_FAULT_STEP_H

#include <stdbool.h>

#include "exception.h"

// Makes the exception return to this trap frame execute one instruction, with interrupts masked. Every exception is
// masked now.
void step_begin(trap_frame_t *trap);

// At each synchronous exception. Ends the step, if there is one: the trap frame is as if it had not been. True when the
// instruction was done and the thread may go on.
bool step_done(trap_frame_t *trap);

#endif // PORTS_RPI_AARCH64_FAULT_STEP_H
