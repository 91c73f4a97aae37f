// SPDX-License-Identifier: MIT
// Decides what becomes of an exception. Interrupts go to the drivers; a fault of the thread has one
// place, exception_sync, which raises memory.Fault (thread_fault.c) or ends in the crash report
// (crash.c).

#include <stddef.h>

#include "drivers/irq.h"
#include "exception.h"
#include "aarch64/probe.h"
#include "aarch64/step.h"
#include "bindings/pager.h"
#include "pager_entry.h"
#include "thread_fault.h"

_Static_assert(offsetof(exception_frame_t, sp) == EXCEPTION_FRAME_SP, "frame layout");
_Static_assert(offsetof(exception_frame_t, elr) == EXCEPTION_FRAME_ELR, "frame layout");
_Static_assert(offsetof(exception_frame_t, esr) == EXCEPTION_FRAME_ESR, "frame layout");
_Static_assert(offsetof(exception_frame_t, vector) == EXCEPTION_FRAME_VECTOR, "frame layout");
_Static_assert(offsetof(exception_frame_t, fpcr) == EXCEPTION_FRAME_FPCR, "frame layout");
_Static_assert(offsetof(exception_frame_t, q) == EXCEPTION_FRAME_Q, "frame layout");
_Static_assert(sizeof(exception_frame_t) == EXCEPTION_FRAME_SIZE, "frame layout");

// The vector table's rows, for people.
static const char *const vector_rows[] = {
    "current EL with SP_EL0", "current EL with SP_EL1", "lower EL, AArch64", "lower EL, AArch32",
};

const char *exception_vector_name(uint64_t vector) {
    return vector_rows[(vector >> 2) & 3];
}

// A synchronous exception of the thread: a Python exception where that is safe.
void exception_sync(exception_frame_t *frame) {
    if (step_done(frame) || probe_recover(frame)) {
        return;
    }
    const char *why = thread_fault_refusal(frame);
    if (why != NULL) {
        crash_report(frame, why);
    }
    if (!pager_redirect(frame)) {
        bind_pager_stepped();
        thread_fault_redirect(frame);
    }
}

void exception_irq(exception_frame_t *frame) {
    (void)frame;
    irq_dispatch();
}

void exception_fatal(exception_frame_t *frame) {
    static const char *const why[] = {
        "synchronous exception", "unexpected interrupt", "fast interrupt", "SError",
    };
    crash_report(frame, why[frame->vector & 3]);
}
