// SPDX-License-Identifier: MIT
// The thread's stack grows on first touch (core/space/space_stack.h). Its reserve of frames is filled where MicroPython
// checks its stack, and after a collection: no code of the mechanism is half way there. MicroPython's limit is what the
// pages and the reserve hold, so that a RuntimeError comes before the reserve is empty.

#include "py/mpstate.h"

#include "core/fault/fault.h"
#include "core/space/space_stack.h"
#include "common.h"
#include "hooks.h"
#include "memory_system.h"
#include "stack.h"

#define HEADROOM (4 * MEM_PAGE_SIZE) // kept between the stack pointer and the end, for code that does not check
#define KEPT_BELOW (4 * MEM_PAGE_SIZE) // at a collection, which runs on it
#define BELOW_SP (512) // a store with pre-index (STP) faults so far below the stack pointer at most
#define RW (MEM_PROT_R | MEM_PROT_W | MEM_TYPE_NORMAL)

static space_stack_t stack;

static bool is_open(void) {
    return stack.kernel != NULL;
}

mem_va_t bind_stack_low(void) {
    return is_open() ? stack.low : boot_info.stack.end;
}

mem_va_t bind_stack_end(void) {
    return is_open() ? space_stack_end(&stack) : boot_info.stack.end;
}

// --- in the exception ---

bool bind_stack_reach(mem_va_t sp) {
    return !is_open() || space_stack_reach(&stack, sp);
}

// A stray pointer into the window is no touch of the stack: that is at or above the stack pointer, or just below.
bool bind_stack_fault(const trap_frame_t *trap) {
    if (!is_open() || trap->vector != 0 || trap->far >= stack.low || trap->far < stack.window.start
        || trap->sp < stack.window.start || trap->far + BELOW_SP < trap->sp) {
        return false;
    }
    fault_info_t info;
    fault_decode(trap->esr, trap->far, &info);
    bool touch = info.kind == FAULT_TRANSLATION && info.access != FAULT_ACCESS_EXECUTE && !info.lower_el;
    return touch && space_stack_reach(&stack, trap->far);
}

// --- in the thread ---

// Ctrl-C sets the limit to 0 (guard/py/cstack.c of the port), and may do so at any time: it is looked for afterwards.
static void set_limit(void) {
    mem_va_t end = bind_stack_end();
    bool grows = is_open() && end > stack.window.start;
    size_t room = grows ? HEADROOM : MICROPY_STACK_CHECK_MARGIN;
    MP_STATE_THREAD(stack_limit) = (uintptr_t)MP_STATE_THREAD(stack_top) - end - room;
    if (bind_is_interrupted()) {
        MP_STATE_THREAD(stack_limit) = 0;
    }
}

size_t bind_stack_grow(void) {
    if (is_open()) {
        space_stack_refill(&stack);
    }
    set_limit();
    mem_va_t sp = (uintptr_t)__builtin_frame_address(0);
    mem_va_t end = bind_stack_end() + MICROPY_STACK_CHECK_MARGIN;
    return sp > end && sp <= (uintptr_t)MP_STATE_THREAD(stack_top) ? sp - end : 0;
}

void stack_open(void) {
    const space_request_t request = {
        .va = boot_info.stack.start, .size = boot_info.stack.end - boot_info.stack.start, .attrs = RW,
        .name = "thread stack",
    };
    if (request.size != 0
        && space_stack_open(&stack, memory_system_spaces(), memory_system_kernel(), &request, NULL) == MEM_OK) {
        set_limit();
    }
}

void stack_start(void) {
    if (is_open()) {
        set_limit();
    }
}

void stack_collected(void) {
    if (is_open()) {
        space_stack_release(&stack, mem_align_down((uintptr_t)__builtin_frame_address(0) - KEPT_BELOW, MEM_PAGE_SIZE));
        space_stack_refill(&stack);
        set_limit();
    }
}

size_t stack_frames(void) {
    return is_open() ? space_stack_frames(&stack) : 0;
}
