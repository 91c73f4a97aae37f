// SPDX-License-Identifier: MIT

#include "py/mpstate.h"

#include "aarch64/backtrace.h"
#include "bind_fault.h"
#include "fault.h"
#include "layout.h"
#include "thread_fault.h"

#define SPSR_I (1 << 7)
#define VECTOR_SYNC_SP0 (0)
#define BACKTRACE_DEPTH (1000)      // a thread stack of 64 KiB holds at most 4096 records
#define STACK_BOTTOM (LAYOUT_THREAD_STACK_TOP - LAYOUT_THREAD_STACK_SIZE)
#define RAISE_ROOM (2048)           // what fault_raise() needs, a collection included
#define ENTRY_ROOM (256)            // below the interrupted SP; AArch64 has no red zone

// Where setjmp() of the C library keeps the stack pointer in a jmp_buf, in words
// (tests/target/test_fault.py overflows the stack and so proves it).
#define JMP_BUF_SP (12)

extern char __no_raise_start[], __no_raise_end[];

static thread_fault_t pending;

static bool in_no_raise_section(const exception_frame_t *frame) {
    backtrace_t b;
    uint64_t address;
    backtrace_start(&b, frame, BACKTRACE_DEPTH);
    while (backtrace_next(&b, &address)) {
        // A return address is behind the call, which may be the last instruction of its section.
        if (address >= (uintptr_t)__no_raise_start && address - 1 < (uintptr_t)__no_raise_end) {
            return true;
        }
    }
    return false;
}

const char *thread_fault_refusal(const exception_frame_t *frame) {
    if (frame->vector != VECTOR_SYNC_SP0) {
        return "fault outside the thread";
    }
    if (frame->spsr & SPSR_I) {
        return "fault with interrupts masked";
    }
    if (MP_STATE_THREAD(nlr_top) == NULL) {
        return "fault with nobody to catch it";
    }
    if (MP_STATE_THREAD(gc_lock_depth) != 0) {
        return "fault while the collector is locked";
    }
    if (in_no_raise_section(frame)) {
        return "fault inside the collector, the memory mechanism, a filesystem or the console";
    }
    return NULL;
}

// The stack ran out when SP is so low that an exception could not be made on what is left. A store
// below it faults with SP at most 512 bytes above the guard (pre-indexed STP) or in it; a stray
// pointer into the guard is an ordinary fault.
static bool stack_ran_out(const exception_frame_t *frame) {
    return frame->sp < STACK_BOTTOM + RAISE_ROOM || frame->sp > LAYOUT_THREAD_STACK_TOP;
}

bool thread_fault_has_room(const exception_frame_t *frame, uint64_t bytes) {
    return frame->sp >= STACK_BOTTOM + bytes && frame->sp <= LAYOUT_THREAD_STACK_TOP;
}

void thread_fault_redirect_overflow(exception_frame_t *frame) {
    // Only the stack of the function that will catch it is known to be good.
    const uint64_t *jmp_buf_words = (const uint64_t *)MP_STATE_THREAD(nlr_top)->jmpbuf;
    frame->sp = jmp_buf_words[JMP_BUF_SP];
    frame->elr = (uintptr_t)fault_raise_recursion;
    frame->x[29] = 0; // the chain of frame records ends at the handler
    frame->x[30] = 0;
}

void thread_fault_redirect(exception_frame_t *frame) {
    if (stack_ran_out(frame)) {
        thread_fault_redirect_overflow(frame);
        return;
    }
    pending = (thread_fault_t) {
        .esr = frame->esr, .far = frame->far, .pc = frame->elr, .el = 1,
    };
    frame->sp = (frame->sp - ENTRY_ROOM) & ~(uint64_t)15;
    frame->elr = (uintptr_t)fault_raise;
    frame->x[0] = (uintptr_t)&pending;
    frame->x[29] = 0; // the chain of frame records ends at the handler
    frame->x[30] = 0;
}
