// SPDX-License-Identifier: MIT
// A fault of the thread as a Python exception: when that is allowed, and how control gets there.
// The exception itself is made by bind_fault_raise() (modules/memory/bindings/fault.c), in the thread.

#ifndef PORTS_RPI_AARCH64_FAULT_THREAD_FAULT_H
#define PORTS_RPI_AARCH64_FAULT_THREAD_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "exception.h"

// NULL when the fault may be raised, else the condition that failed, for the crash report. Raised
// are faults and SErrors of the thread (vectors "current EL with SP_EL0") taken with IRQ unmasked, with an
// exception handler (nlr_top), with the collector unlocked, and with no function of the no-raise section
// (firmware.ld.S: collector, memory mechanism, filesystems, console) on the stack, which takes a
// chain of frame records that leads up the thread's stack to its end.
const char *thread_fault_refusal(const trap_frame_t *trap);

// Whether the interrupted stack pointer is elsewhere than in the thread's stack or below it.
bool thread_fault_is_off_stack(const trap_frame_t *trap);

// Whether so many bytes are left below it, if it is not.
bool thread_fault_has_room(const trap_frame_t *trap, uint64_t bytes);

// Changes the trap frame so that the thread goes on in `function`, with one argument and a stack, and
// no caller to return to.
void thread_fault_enter(trap_frame_t *trap, uintptr_t function, uint64_t argument, uint64_t sp);

// Changes the trap frame so that the thread goes on in bind_fault_raise_recursion().
void thread_fault_redirect_overflow(trap_frame_t *trap);

// Changes the trap frame so that the thread goes on in bind_fault_raise() (or bind_fault_raise_recursion() when it
// was its stack that ran out) instead of repeating the instruction.
void thread_fault_redirect(trap_frame_t *trap);

// After an interrupt: where Ctrl-C waits for a thread that computes in the interruptible section (firmware.ld.S: long
// integers, drawing), which no other check would notice for long, the thread goes on by raising it. Elsewhere a timer
// interrupt follows for as long as Ctrl-C waits.
void thread_fault_interrupt(trap_frame_t *trap);

#endif // PORTS_RPI_AARCH64_FAULT_THREAD_FAULT_H
