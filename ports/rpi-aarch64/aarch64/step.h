// SPDX-License-Identifier: MIT
// Running one instruction of the thread (Arm ARM D2.12, "Software Step exceptions"), after a pager has mapped a page for
// that instruction only.

#ifndef PORTS_RPI_AARCH64_AARCH64_STEP_H
#define PORTS_RPI_AARCH64_AARCH64_STEP_H

#include <stdbool.h>

#include "fault/exception.h"

// Makes the exception return to this frame execute one instruction, with interrupts masked. Every exception is masked now.
void step_begin(exception_frame_t *frame);

// Whether the instruction cannot be stepped: the exception after a load exclusive clears the monitor, so that the store
// exclusive fails, and the program begins again, for ever.
bool step_breaks(const exception_frame_t *frame);

// At each synchronous exception. Ends the step, if there is one: the frame is as if it had not been. True when the
// instruction was done and the thread may go on.
bool step_done(exception_frame_t *frame);

#endif // PORTS_RPI_AARCH64_AARCH64_STEP_H
