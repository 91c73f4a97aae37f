// SPDX-License-Identifier: MIT
// Visits to EL0. Entry and return are like setjmp and longjmp: user_switch() (aarch64/user.S) keeps the thread's
// registers on its stack, and an exception of the program that is to end the visit at EL0 saves the
// program's registers and resumes the thread at user_leave instead.

#include <stddef.h>

#include "py/mpstate.h"

#include "aarch64/cpu.h"
#include "aarch64/trap_frame.h"
#include "core/fault/fault.h"
#include "crash.h"
#include "drivers/alarm.h"
#include "drivers/irq.h"
#include "drivers/timer.h"
#include "user_mode.h"

_Static_assert(offsetof(user_state_t, tpidr) == TRAP_FRAME_SIZE, "user.S relies on it");

// EL0t. Debug exceptions and FIQ, which the kernel never uses, stay masked; IRQ and SError are not.
#define USER_PSTATE (PSTATE_EL0T | PSTATE_D | PSTATE_F)

void user_switch(user_state_t *state, uint64_t *kernel_sp);
void user_switch_init(void);
extern char user_leave[], user_left[];

// The visit to EL0 that is going on. Visits do not nest: a program that is run by another one's system
// call is entered when that one is not at EL0.
static struct {
    user_state_t *state;
    uint64_t deadline;
    uint64_t kernel_sp, kernel_spsr;
    user_exit_t exit;
} visit;

void user_mode_init(void) {
    user_switch_init();
}

user_exit_t port_user_enter(user_state_t *state, uint64_t deadline) {
    cpu_take_serror(); // what the kernel caused is raised here: it is not the program's
    uint64_t daif = cpu_irq_save();
    visit.state = state;
    visit.deadline = deadline;
    visit.kernel_spsr = daif | PSTATE_I | PSTATE_A | PSTATE_EL1T;
    state->trap.spsr = (state->trap.spsr & USER_FLAGS_MASK) | USER_PSTATE;
    alarm_wake_at(deadline);
    user_switch(state, &visit.kernel_sp);
    alarm_wake_off();
    visit.state = NULL;
    cpu_irq_restore(daif);
    return visit.exit;
}

static void leave(trap_frame_t *trap, user_exit_t exit) {
    visit.state->trap = *trap;
    visit.exit = exit;
    trap->elr = (uintptr_t)user_leave;
    trap->sp = visit.kernel_sp;
    trap->spsr = visit.kernel_spsr;
}

// EL0 without a program: machine code at EL1 has returned to it.
static void check_visit(const trap_frame_t *trap) {
    if (visit.state == NULL) {
        crash_report(trap, "exception at EL0, where no program runs");
    }
}

void exception_user_sync(trap_frame_t *trap) {
    fault_info_t info;
    check_visit(trap);
    fault_decode(trap->esr, trap->far, &info);
    leave(trap, info.ec == ESR_EC_SVC ? USER_CALL : USER_FAULT);
}

// What mp_handle_pending() would do something about.
static bool is_pending(void) {
    return MP_STATE_MAIN_THREAD(mp_pending_exception) != MP_OBJ_NULL
           || MP_STATE_VM(sched_state) == MP_SCHED_PENDING;
}

// The program may be at a later instruction than the one that caused it.
void exception_user_serror(trap_frame_t *trap) {
    check_visit(trap);
    leave(trap, USER_FAULT);
}

bool user_mode_recover(trap_frame_t *trap) {
    if (trap->elr < (uintptr_t)user_leave || trap->elr >= (uintptr_t)user_left) {
        return false;
    }
    visit.state->trap.esr = trap->esr;
    visit.state->trap.far = trap->far;
    visit.exit = USER_FAULT;
    trap->elr = (uintptr_t)user_left;
    trap->spsr |= PSTATE_A;
    return true;
}

// An SError that is pending before the drivers run is the program's, and taken at user_leave. One that is pending only
// afterwards is a driver's, and taken by the thread when port_user_enter() ends.
void exception_user_irq(trap_frame_t *trap) {
    check_visit(trap);
    if (cpu_serror_is_pending()) {
        leave(trap, USER_PENDING);
        return;
    }
    irq_dispatch();
    if (cpu_serror_is_pending()) {
        leave(trap, USER_PENDING);
        trap->elr = (uintptr_t)user_left;
    } else if (timer_expired(visit.deadline)) {
        leave(trap, USER_TIME);
    } else if (is_pending()) {
        leave(trap, USER_PENDING);
    }
}
