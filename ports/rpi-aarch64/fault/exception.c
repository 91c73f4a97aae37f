// SPDX-License-Identifier: MIT
// Decides what becomes of an exception. Interrupts go to the drivers; a fault of the thread has one
// place, exception_sync, which raises memory.Fault (thread_fault.c) or ends in the crash report
// (crash.c).

#include <stddef.h>

#include "drivers/irq.h"
#include "aarch64/trap_frame.h"
#include "crash.h"
#include "exception.h"
#include "hooks.h"
#include "pager_entry.h"
#include "probe.h"
#include "step.h"
#include "thread_fault.h"
#include "user_mode.h"

_Static_assert(offsetof(trap_frame_t, sp) == TRAP_FRAME_SP, "trap frame layout");
_Static_assert(offsetof(trap_frame_t, elr) == TRAP_FRAME_ELR, "trap frame layout");
_Static_assert(offsetof(trap_frame_t, esr) == TRAP_FRAME_ESR, "trap frame layout");
_Static_assert(offsetof(trap_frame_t, vector) == TRAP_FRAME_VECTOR, "trap frame layout");
_Static_assert(offsetof(trap_frame_t, fpcr) == TRAP_FRAME_FPCR, "trap frame layout");
_Static_assert(offsetof(trap_frame_t, q) == TRAP_FRAME_Q, "trap frame layout");
_Static_assert(sizeof(trap_frame_t) == TRAP_FRAME_SIZE, "trap frame layout");

// Ends in the crash report where an exception cannot be raised.
static void need_raising(trap_frame_t *trap) {
    const char *why = thread_fault_refusal(trap);
    if (why != NULL) {
        crash_report(trap, why);
    }
}

// A synchronous exception of the thread: a Python exception where that is safe.
void exception_sync(trap_frame_t *trap) {
    if (bind_stack_fault(trap)) {
        return; // also of an instruction that is to be stepped: it is tried again, and then stepped
    }
    if (step_done(trap)) {
        bind_pager_stepped();
        return;
    }
    if (probe_recover(trap)) {
        return;
    }
    need_raising(trap);
    if (!pager_redirect(trap)) {
        bind_pager_stepped();
        thread_fault_redirect(trap);
    }
}

extern char entry_serror_take[], entry_serror_end[];

// Whether it was pending before boot: it is noted for the boot report.
static bool entry_recover(const trap_frame_t *trap) {
    if (trap->elr < (uintptr_t)entry_serror_take || trap->elr >= (uintptr_t)entry_serror_end) {
        return false;
    }
    boot_info.entry_serror = trap->esr;
    return true;
}

// A bus error of the thread that is reported after its instruction: a Python exception where that is safe. The address
// is not known, and the PC is of a later instruction.
void exception_serror(trap_frame_t *trap) {
    (void)step_done(trap); // whether the instruction was done does not matter: it is not tried again
    if (probe_recover(trap) || user_mode_recover(trap) || entry_recover(trap)) {
        return;
    }
    need_raising(trap);
    bind_pager_stepped();
    thread_fault_redirect(trap);
}

void exception_irq(trap_frame_t *trap) {
    irq_dispatch();
    thread_fault_interrupt(trap);
}

void exception_fatal(trap_frame_t *trap) {
    static const char *const why[] = {
        "synchronous exception", "unexpected interrupt", "fast interrupt", "SError",
    };
    crash_report(trap, why[trap->vector & 3]);
}
