// SPDX-License-Identifier: MIT
// Decides whether a fault becomes a Python exception, and redirects the thread to the code that raises it.

#include "py/mpstate.h"
#include "py/runtime.h"

#include "core/fault/fault.h"
#include "hooks.h"
#include "boot/layout.h"
#include "drivers/timer.h"
#include "backtrace.h"
#include "thread_fault.h"

// Of a first call of C. PSTATE.IL is clear, even if it was set.
#define THREAD_PSTATE (PSTATE_EL1T | PSTATE_D | PSTATE_F)
#define VECTOR_SYNC_SP0 (0)
#define VECTOR_ROW_SP0 (0)           // "current EL with SP_EL0", four vectors
#define BACKTRACE_DEPTH (2 + LAYOUT_THREAD_STACK_SIZE / 16) // PC, LR, and what the stack has room for
#define STACK_GUARD_START (LAYOUT_THREAD_STACK_BOTTOM - LAYOUT_STACK_GUARD)
#define RAISE_ROOM (2048)           // what bind_fault_raise() needs, a collection included
#define RETRY_US (1000)             // between two tries to raise a pending exception
#define ENTRY_ROOM (256)            // below the interrupted SP; AArch64 has no red zone

// A word beside the frame record of a Python function (aarch64/vm_entry.S), 0 when it is entered: whether it is known
// that no function of the no-raise section is above.
#define VM_ENTRY_MARK (24)
#define NONE_ABOVE (1)

// Where setjmp() of the C library keeps the stack pointer in a jmp_buf, in words
// (tests/target/test_fault.py overflows the stack and so proves it).
#define JMP_BUF_SP (12)

extern char __no_raise_start[], __no_raise_end[];
extern char __interruptible_start[], __interruptible_end[];
extern char vm_entry_return[];

static bind_fault_t pending;

// A return address is behind the call, which may be the last instruction of the section.
static bool is_no_raise(uint64_t address, bool is_pc) {
    uint64_t at = is_pc ? address : address - 1;
    return at >= (uintptr_t)__no_raise_start && at < (uintptr_t)__no_raise_end;
}

// The word of the Python function whose frame record is next, NULL if it is another's. The return address is in the
// record of the bytecode loop; the next one is that of vm_entry.S. LR alone does not tell which record is next.
static uint64_t *mark_of_next(const backtrace_t *b, uint64_t address) {
    bool is_entry = address == (uintptr_t)vm_entry_return && b->record != b->trap->x[29] && b->record % 16 == 0
        && b->record >= bind_stack_low() && b->record < LAYOUT_THREAD_STACK_TOP - VM_ENTRY_MARK;
    return is_entry ? (uint64_t *)(b->record + VM_ENTRY_MARK) : NULL;
}

static void clear_marks(const trap_frame_t *trap) {
    backtrace_t b;
    uint64_t address;
    backtrace_start(&b, trap, BACKTRACE_DEPTH);
    while (backtrace_next(&b, &address)) {
        uint64_t *mark = mark_of_next(&b, address);
        if (mark != NULL) {
            *mark = 0;
        }
    }
}

// NULL when it is known that no function of the no-raise section is on the stack. What was found is noted in the frames
// of Python functions, whose callers stay what they are: a frame is passed once, however many faults there are.
static const char *stack_refusal(const trap_frame_t *trap) {
    backtrace_t b;
    uint64_t address;
    const char *why = NULL;
    bool is_known = false;
    backtrace_start(&b, trap, BACKTRACE_DEPTH);
    for (bool is_pc = true; why == NULL && !is_known && backtrace_next(&b, &address); is_pc = false) {
        uint64_t *mark = mark_of_next(&b, address);
        if (is_no_raise(address, is_pc)) {
            why = "fault inside the collector, the memory mechanism, a filesystem or the console";
        } else if (mark != NULL) {
            is_known = *mark == NONE_ABOVE;
            *mark = NONE_ABOVE;
        }
    }
    if (why == NULL && (b.broken || b.off_stack)) {
        why = "fault with a broken chain of frame records";
    }
    if (why != NULL) {
        clear_marks(trap); // of this search, which has not come to its end
    }
    return why;
}

// The stack ran out when SP is so low that an exception could not be made on what is left. A store
// below it faults with SP at most 512 bytes above the guard (pre-indexed STP) or in it; a stray
// pointer into the guard is an ordinary fault.
static bool stack_ran_out(const trap_frame_t *trap) {
    return trap->sp >= STACK_GUARD_START && trap->sp < bind_stack_end() + RAISE_ROOM;
}

// Machine code may run on another stack, or with a damaged stack pointer. Nothing is stored there.
bool thread_fault_is_off_stack(const trap_frame_t *trap) {
    return trap->sp < STACK_GUARD_START || trap->sp > LAYOUT_THREAD_STACK_TOP;
}

// Where an exception can be made when that is not possible on top of the stack. The stack
// below the catching function may be reused, except for pending jump callbacks.
static uint64_t catcher_sp(void) {
    const uint64_t *jmp_buf_words = (const uint64_t *)MP_STATE_THREAD(nlr_top)->jmpbuf;
    uint64_t sp = jmp_buf_words[JMP_BUF_SP];
    uint64_t callback = (uintptr_t)MP_STATE_THREAD(nlr_jump_callback_top);
    return callback != 0 && callback < sp ? (callback - ENTRY_ROOM) & ~(uint64_t)15 : sp;
}

const char *thread_fault_refusal(const trap_frame_t *trap) {
    if (trap->vector >> 2 != VECTOR_ROW_SP0) {
        return "fault outside the thread";
    }
    if (trap->spsr & PSTATE_I) {
        return "fault with interrupts masked";
    }
    if (MP_STATE_THREAD(nlr_top) == NULL) {
        return "fault without an exception handler";
    }
    if (MP_STATE_THREAD(gc_lock_depth) != 0) {
        return "fault while the collector is locked";
    }
    const char *why = stack_refusal(trap);
    bool on_top = !stack_ran_out(trap) && !thread_fault_is_off_stack(trap);
    if (why == NULL && !on_top && catcher_sp() < bind_stack_end() + RAISE_ROOM) {
        why = "the stack ran out, that of the handler too";
    }
    return why;
}

bool thread_fault_has_room(const trap_frame_t *trap, uint64_t bytes) {
    return trap->sp >= bind_stack_end() + bytes;
}

void thread_fault_enter(trap_frame_t *trap, uintptr_t function, uint64_t argument, uint64_t sp) {
    // The state of a first call of C; that of the interrupted code is discarded.
    trap->spsr = THREAD_PSTATE;
    trap->fpcr = 0;
    trap->sp = sp;
    trap->elr = function;
    trap->x[0] = argument;
    trap->x[29] = 0; // the chain of frame records ends at the handler
    trap->x[30] = 0;
}

void thread_fault_redirect_overflow(trap_frame_t *trap) {
    thread_fault_enter(trap, (uintptr_t)bind_fault_raise_recursion, 0, catcher_sp());
}

void thread_fault_redirect(trap_frame_t *trap) {
    bool ran_out = stack_ran_out(trap);
    if (ran_out && trap->vector == VECTOR_SYNC_SP0) {
        thread_fault_redirect_overflow(trap);
        return;
    }
    pending = (bind_fault_t) {
        .esr = trap->esr, .far = trap->far, .pc = trap->elr, .el = 1,
    };
    uint64_t top = (trap->sp - ENTRY_ROOM) & ~(uint64_t)15;
    uint64_t sp = ran_out || thread_fault_is_off_stack(trap) ? catcher_sp() : top;
    thread_fault_enter(trap, (uintptr_t)bind_fault_raise, (uintptr_t)&pending, sp);
}

// The exception waits until the thread raises it, which is now.
static void raise_pending(void) {
    mp_handle_pending(true);
}

static bool is_interruptible(const trap_frame_t *trap) {
    return MP_STATE_VM(sched_state) == MP_SCHED_PENDING && trap->elr >= (uintptr_t)__interruptible_start
           && trap->elr < (uintptr_t)__interruptible_end && !thread_fault_is_off_stack(trap) && !stack_ran_out(trap)
           && thread_fault_refusal(trap) == NULL;
}

void thread_fault_interrupt(trap_frame_t *trap) {
    if (MP_STATE_MAIN_THREAD(mp_pending_exception) == MP_OBJ_NULL) {
        return;
    }
    if (is_interruptible(trap)) {
        thread_fault_enter(trap, (uintptr_t)raise_pending, 0, (trap->sp - ENTRY_ROOM) & ~(uint64_t)15);
    } else {
        // The thread may enter such a loop before it looks at pending exceptions, and no other interrupt may follow.
        timer_interrupt_after_us(RETRY_US);
    }
}
